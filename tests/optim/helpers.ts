/** What the tests of optimizers share: running steps on the reference device. */

import { compile, DeviceState } from "../../src/program/mod.ts";
import {
  diagonalsOf,
  type LayerUse,
  type Parameters,
  sequential,
} from "../../src/layers/mod.ts";
import type { Layer } from "../../src/layers/mod.ts";
import { clipByGlobalNorm, type Optimizer } from "../../src/optim/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  constant,
  fill,
  gradients,
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
}

/** What {@linkcode minimize} takes. */
export interface MinimizeOptions {
  readonly start: Values;
  readonly steps: number;
  readonly rate: number | ((t: number) => number);
  readonly clip?: number;
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

/** Runs an optimizer on the reference device; the parameters at the end. */
export async function minimize(
  optimizer: Optimizer,
  objective: (parameters: Parameters) => Objective,
  options: MinimizeOptions,
): Promise<Values> {
  const { start, steps, rate, after, clip } = options;
  const first = await evaluate(optimizer.init(asConstants(start)));
  const initial = { parameters: start, optimizer: first as object };
  const { curvature } = optimizer;
  const program = (observes: boolean) =>
    compile({
      state: initial,
      inputs: {
        learningRate: scalarValue(0),
        scalars: Object.fromEntries(
          Object.keys(optimizer.scalars(1)).map((n) => [n, scalarValue(0)]),
        ),
      },
      step: (state, { learningRate, scalars }) => {
        const parameters = state.parameters as Parameters;
        const { loss, uses = [] } = objective(parameters);
        const names = Object.keys(parameters);
        const all = gradients(loss, [
          ...names.map((name) => parameters[name]),
          ...uses.map(({ output }) => output),
        ]);
        let carried: object = state.optimizer;
        if (curvature && observes) {
          const fresh = diagonalsOf(
            uses,
            all.slice(names.length),
            curvature.form,
          );
          carried = curvature.observe(carried, fresh, scalars);
        }
        const raw = Object.fromEntries(names.map((name, i) => [name, all[i]]));
        const result = optimizer.update({
          parameters,
          gradients: clip === undefined ? raw : clipByGlobalNorm(raw, clip),
          state: carried,
          learningRate,
          scalars,
        });
        return {
          state: { parameters: result.parameters, optimizer: result.state },
          outputs: { loss },
        };
      },
    }, referenceDevice);
  const observing = program(true), plain = program(false);
  const state = new DeviceState(referenceDevice, initial);
  for (let k = 1; k <= steps; k++) {
    const due = curvature && (k - 1) % curvature.interval === 0;
    await (due ? observing : plain).run(state as never, {
      learningRate: scalarValue(typeof rate === "number" ? rate : rate(k - 1)),
      scalars: Object.fromEntries(
        Object.entries(optimizer.scalars(k)).map(([n, v]) => [
          n,
          scalarValue(v),
        ]),
      ),
    } as never);
    if (after) {
      const read = await state.read();
      await after(k, read.parameters as Values, read.optimizer);
    }
  }
  return (await state.read()).parameters as Values;
}
