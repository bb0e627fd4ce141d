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

/** Runs an optimizer on a device; the parameters at the end. */
export async function minimize(
  optimizer: Optimizer,
  objective: (parameters: Parameters) => Objective,
  options: MinimizeOptions,
): Promise<Values> {
  const { start, steps, rate, after, clip } = options;
  const { device = referenceDevice } = options;
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
    return { loss, derivatives, observed };
  };
  const programs = new Map<string, CompiledStep<object, object, StepResult>>();
  const run = (
    kind: string,
    inputs: object,
    step: (state: State, inputs: Inputs) => StepResult,
  ): Promise<object> => {
    const program = programs.get(kind) ??
      compile(
        { state: initial as object, inputs, step: step as never },
        device,
      );
    programs.set(kind, program);
    return program.run(state, inputs);
  };
  for (let k = 1; k <= steps; k++) {
    const statistics = isDue(curvature, k), prepares = isDue(precondition, k);
    const inputs = {
      learningRate: scalarValue(typeof rate === "number" ? rate : rate(k - 1)),
      key: intValue([1, k]),
      scalars: Object.fromEntries(
        Object.entries(optimizer.scalars(k))
          .map(([n, v]) => [n, scalarValue(v)]),
      ),
    };
    let prepared = {};
    if (precondition && prepares) {
      const { parts } = await run(
        `prepare ${statistics}`,
        inputs,
        (state, inputs) => {
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
      prepared = { prepared: { ...parts, ...made } };
    }
    const observes = statistics && !prepares;
    await run(
      prepares ? "prepared" : `${observes}`,
      { ...inputs, ...prepared },
      (state, inputs) => {
        const { loss, derivatives, observed } = derive(state, inputs, observes);
        const result = optimizer.update({
          ...derivatives.input,
          parameters: state.parameters,
          state: { ...observed, ...inputs.prepared },
          learningRate: inputs.learningRate,
          scalars: inputs.scalars,
        });
        return {
          state: { parameters: result.parameters, optimizer: result.state },
          outputs: { loss },
        };
      },
    );
    if (after) {
      const read = await state.read();
      await after(k, read.parameters as Values, read.optimizer);
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
