/**
 * What an optimizer is: a pair of pure functions, `init` and `update`, over a
 * typed state.
 *
 * @module
 */

import type { Factors, Parameters } from "../layers/layer.ts";
import type { Tensor } from "../tensor/tensor.ts";

/** Scalars that change from step to step: inputs of the program, never constants. */
export type Scalars = Readonly<Record<string, Tensor>>;

/** What an update is made of. */
export interface StepInput<State> {
  /** theta: trained parameters by full name. */
  readonly parameters: Parameters;
  /** g: gradients of the mean loss, of the parameters' names and shapes. */
  readonly gradients: Parameters;
  /** What the optimizer carries from step to step. */
  readonly state: State;
  /** This step's learning rate, a scalar. */
  readonly learningRate: Tensor;
  /** This step's `scalars(k)` as tensors. */
  readonly scalars: Scalars;
}

/** What an update returns. */
export interface StepOutput<State> {
  /** theta after the step. */
  readonly parameters: Parameters;
  /** The state after the step. */
  readonly state: State;
}

/** A first-order optimizer; others extend it by what they need besides. */
export interface Optimizer<State extends object = object> {
  /** Name, such as `adam`. */
  readonly name: string;
  /** One line with all hyperparameters: equal texts, equal optimizers. */
  readonly description: string;
  /** The state before the first step. */
  init(parameters: Parameters): State;
  /**
   * Scalars of step k (1-based) that do not depend on the learning rate, such as
   * the bias correction 1 - beta^k. Same names at every step.
   */
  scalars(step: number): Readonly<Record<string, number>>;
  /** One step: a pure function. */
  update(input: StepInput<State>): StepOutput<State>;
  /** The rule a parameter gets, for `describe`. */
  rule(parameter: string): string;
  /** Present where the optimizer takes layer statistics. */
  readonly curvature?: CurvatureRule<State>;
}

/** How an optimizer takes the diagonals of the Kronecker factors in. */
export interface CurvatureRule<State> {
  /** Statistics are taken at steps 1, interval + 1, 2 interval + 1, ... */
  readonly interval: number;
  /** Which reading of the factors it wants. */
  readonly form: "paper" | "official";
  /**
   * The state with this step's diagonals in its moving averages; it enters the
   * same step's update.
   *
   * @param state The state.
   * @param diagonals Fresh H_D and S_D by layer name.
   * @param scalars This step's scalars.
   */
  observe(
    state: State,
    diagonals: Readonly<Record<string, Factors>>,
    scalars: Scalars,
  ): State;
}
