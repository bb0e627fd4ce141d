/**
 * What an optimizer is: a pair of pure functions, `init` and `update`, over a
 * typed state. One that needs more than gradients says so by a field:
 *
 * | field | what it needs | who |
 * | --- | --- | --- |
 * | `curvature` | statistics of layers or gradients, every `interval` steps | AdaFisher, K-FAC, Shampoo |
 * | `hessian` | the product of the Hessian and a random vector, at every step | AdaHessian |
 * | `precondition` | work on the host between statistics and update, every `interval` steps | K-FAC, Shampoo |
 *
 * @module
 */

import type { Factors, Parameters } from "../layers/layer.ts";
import type { Mapped } from "../program/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/value.ts";

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
  /**
   * H z for this step's probe z, of the parameters' names and shapes: there for an
   * optimizer with `hessian`.
   */
  readonly hessianProduct?: Parameters;
}

/** What an update returns. */
export interface StepOutput<State> {
  /** theta after the step. */
  readonly parameters: Parameters;
  /** The state after the step. */
  readonly state: State;
  /**
   * The preconditioned gradients, before clipping, weight decay and momentum, for
   * those who want to look; of the parameters' names and shapes.
   */
  readonly direction?: Parameters;
}

/** An optimizer. */
export interface Optimizer<
  State extends object = object,
  Curvature extends CurvatureRule<State> = CurvatureRule<State>,
> {
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
  /** Present where the optimizer takes statistics. */
  readonly curvature?: Curvature;
  /** True where the update takes a Hessian-vector product. */
  readonly hessian?: boolean;
  /** Present where the optimizer computes on the host. */
  readonly precondition?: PreconditionRule<State>;
}

/** How an optimizer takes statistics in, by what it takes. */
export type CurvatureRule<State> =
  | DiagonalRule<State>
  | FactorRule<State>
  | GradientRule<State>;

/** Takes the diagonals of the layers' Kronecker factors. */
export interface DiagonalRule<State> {
  /** `diagonals`. */
  readonly takes: "diagonals";
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

/** Full Kronecker factors of a layer in a step. */
export interface LayerFactors extends Factors {
  /** L: output positions of one sample in one use, 1 where the output is [B, out]. */
  readonly positions: number;
}

/** Takes the layers' full Kronecker factors, in the paper's form. */
export interface FactorRule<State> {
  /** `factors`. */
  readonly takes: "factors";
  /** Statistics are taken at steps 1, interval + 1, 2 interval + 1, ... */
  readonly interval: number;
  /**
   * What the derivatives in S are of: the loss, or a cross-entropy to labels that
   * are drawn from the model's own softmax, which makes S that of the true Fisher.
   */
  readonly labels: "targets" | "sampled";
  /**
   * The state with this step's factors in it, as in {@linkcode DiagonalRule}.
   *
   * @param state The state.
   * @param factors Fresh H and S by layer name.
   * @param scalars This step's scalars.
   */
  observe(
    state: State,
    factors: Readonly<Record<string, LayerFactors>>,
    scalars: Scalars,
  ): State;
}

/** Takes the gradients themselves. */
export interface GradientRule<State> {
  /** `gradients`. */
  readonly takes: "gradients";
  /** Statistics are taken at steps 1, interval + 1, 2 interval + 1, ... */
  readonly interval: number;
  /**
   * The state with this step's gradients in it, as in {@linkcode DiagonalRule}.
   *
   * @param state The state.
   * @param gradients Those that the update will get.
   * @param scalars This step's scalars.
   */
  observe(state: State, gradients: Parameters, scalars: Scalars): State;
}

/** A state, or a part of it, as host values. */
export type StateValues<State> = Mapped<State, Value>;

/**
 * Standard normal numbers for a purpose: a pure function, so that the same name
 * gives the same numbers.
 *
 * @param name What they are for.
 * @param count How many.
 * @returns The numbers.
 */
export type HostDraw = (name: string, count: number) => Float64Array;

/**
 * Work that is done on the host, in float64, between a step's statistics and its
 * update: eigenvalues, inverses, roots. The device computes the statistics, the
 * host reads some parts of the state and gives new ones, and the update gets
 * these.
 */
export interface PreconditionRule<State> {
  /** It is done at steps 1, interval + 1, 2 interval + 1, ... */
  readonly interval: number;
  /** Parts of the state that it reads or gives; those that `observe` changes too. */
  readonly parts: readonly string[];
  /**
   * New parts of the state: a pure function.
   *
   * @param state The parts, and no others, with this step's statistics in them.
   * @param draw Random numbers of this step.
   * @returns New values of some of the parts, of the same shapes.
   * @throws {PreconditionerError} If it failed too often in a row.
   */
  compute(
    state: StateValues<State>,
    draw: HostDraw,
  ): Partial<StateValues<State>>;
}

/**
 * Whether a rule is due at a step: at steps 1, interval + 1, 2 interval + 1, ...
 *
 * @example
 * ```ts
 * import { isDue } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const steps = [1, 2, 3, 4].filter((step) => isDue({ interval: 3 }, step));
 * assertEquals(steps, [1, 4]);
 * ```
 *
 * @param rule The rule; none is never due.
 * @param step Number of the step, from 1.
 * @returns Whether it is.
 */
export function isDue(
  rule: { readonly interval: number } | undefined,
  step: number,
): boolean {
  return rule !== undefined && (step - 1) % rule.interval === 0;
}
