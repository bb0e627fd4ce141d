/** What the tests of optimizers share: running steps on the reference device. */

import type { Device } from "../../src/program/device.ts";
import {
  compile,
  type CompiledStep,
  DeviceState,
  type StepResult,
} from "../../src/program/compile.ts";
import {
  type LayerUse,
  type Parameters,
  sequential,
} from "../../src/layers/mod.ts";
import type { Layer } from "../../src/layers/mod.ts";
import {
  clipByGlobalNorm,
  differentiate,
  drawFor,
  drawStream,
  isDue,
  type Optimizer,
} from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  constant,
  fill,
  intValue,
  randomNormal,
  reshape,
  scalarValue,
  type Tensor,
  type Value,
} from "../../src/tensor/mod.ts";

/** A model without layers, for plain functions. */
export const noLayers: Layer = sequential([]);

/** Host values by name. */
export type Values = Readonly<Record<string, Value>>;

/** A loss with the uses of layers that it is made of. */
export interface Objective {
  readonly loss: Tensor;
  readonly uses?: readonly LayerUse[];
  /** Logits, for the optimizers that draw labels from them. */
  readonly output?: Tensor;
}

/** What {@linkcode minimize} takes. */
export interface MinimizeOptions {
  readonly start: Values;
  readonly steps: number;
  readonly rate: number | ((t: number) => number);
  readonly clip?: number;
  /** The reference device by default. */
  readonly device?: Device;
  /** Most steps of a program; 1 by default, and wherever `after` is given. */
  readonly together?: number;
  /** Called after each step. */
  readonly after?: (
    k: number,
    parameters: Values,
    state: unknown,
  ) => void | Promise<void>;
}

/** Scalars as tensors. */
export function tensors(
  scalars: Readonly<Record<string, number>>,
): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(scalars).map(([name, v]) => [name, fill([], v)]),
  );
}

/** Host values as constants. */
export function asConstants(values: Values): Parameters {
  return Object.fromEntries(
    Object.entries(values).map(([name, v]) => [name, constant(v)]),
  );
}

/**
 * Runs an optimizer on a device; the parameters at the end. Steps that follow one
 * another without work on the host may go together as one program.
 */
export async function minimize(
  optimizer: Optimizer,
  objective: (parameters: Parameters) => Objective,
  options: MinimizeOptions,
): Promise<Values> {
  const { start, steps, rate, after, clip } = options;
  const { device = referenceDevice } = options;
  const together = after ? 1 : options.together ?? 1;
  const first = await evaluate(optimizer.init(asConstants(start)), device);
  const initial = { parameters: start, optimizer: first as object };
  const state = new DeviceState(device, initial);
  const { curvature, precondition } = optimizer;

  /** The step's derivatives, and the state with its statistics. */
  const derive = (from: State, inputs: Inputs, statistics: boolean) => {
    const { parameters } = from;
    const { loss, uses = [], output = reshape(loss, [1, 1]) } = objective(
      parameters,
    );
    const pass = { parameters, loss, output, uses };
    const derivatives = differentiate(optimizer, pass, {
      statistics,
      draws: drawFor(optimizer, pass, inputs.key, statistics),
      transform: (g) => clip === undefined ? g : clipByGlobalNorm(g, clip),
    });
    const observed = derivatives.observe(from.optimizer, inputs.scalars);
    return { derivatives, observed };
  };
  /** One step. */
  const next = (from: State, inputs: Inputs, statistics: boolean): State => {
    const { derivatives, observed } = derive(from, inputs, statistics);
    const result = optimizer.update({
      ...derivatives.input,
      parameters: from.parameters,
      state: { ...observed, ...inputs.prepared },
      learningRate: inputs.learningRate,
      scalars: inputs.scalars,
    });
    return { parameters: result.parameters, optimizer: result.state };
  };
  const programs = new Map<string, CompiledStep<object, object, StepResult>>();
  const run = <Given extends object>(
    kind: string,
    inputs: object,
    step: (state: State, inputs: Given) => StepResult,
  ): Promise<object> => {
    const program = programs.get(kind) ??
      compile(
        { state: initial as object, inputs, step: step as never },
        device,
      );
    programs.set(kind, program);
    return program.run(state, inputs);
  };
  const inputsOf = (k: number): object => ({
    learningRate: scalarValue(typeof rate === "number" ? rate : rate(k - 1)),
    key: intValue([1, k]),
    scalars: Object.fromEntries(
      Object.entries(optimizer.scalars(k))
        .map(([n, v]) => [n, scalarValue(v)]),
    ),
  });
  for (let k = 1; k <= steps;) {
    let inputs = inputsOf(k);
    const statistics = isDue(curvature, k), prepares = isDue(precondition, k);
    if (precondition && prepares) {
      const { parts } = await run(
        `prepare ${statistics}`,
        inputs,
        (state, inputs: Inputs) => {
          const { observed } = derive(state, inputs, statistics);
          const parts = Object.entries(observed)
            .filter(([name]) => precondition.parts.includes(name));
          return { state: {}, outputs: { parts: Object.fromEntries(parts) } };
        },
      ) as { parts: object };
      const made = precondition.compute(
        parts,
        (name, n) => randomNormal([1, k], drawStream(name), n),
      );
      inputs = { ...inputs, prepared: { ...parts, ...made } };
    }
    // What the host has prepared has the statistics in it.
    const observes = [statistics && !prepares], chain = [inputs];
    for (
      k++;
      k <= steps && chain.length < together && !isDue(precondition, k);
      k++
    ) {
      observes.push(isDue(curvature, k));
      chain.push(inputsOf(k));
    }
    await run(
      `${prepares ? "prepared" : ""} ${observes}`,
      { ...chain },
      (from, inputs: Record<number, Inputs>) => {
        let to = from;
        observes.forEach((statistics, i) => {
          to = next(to, inputs[i], statistics);
        });
        return { state: to, outputs: {} };
      },
    );
    if (after) {
      const read = await state.read();
      await after(k - 1, read.parameters as Values, read.optimizer);
    }
  }
  return (await state.read()).parameters as Values;
}

interface State {
  readonly parameters: Parameters;
  readonly optimizer: object;
}

interface Inputs {
  readonly learningRate: Tensor;
  readonly key: Tensor;
  readonly scalars: Readonly<Record<string, Tensor>>;
  readonly prepared?: object;
}
