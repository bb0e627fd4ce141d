/**
 * Full Kronecker factors of a model in training, and their moving averages in both
 * forms, for the studies: AdaFisher itself keeps the diagonals alone.
 *
 * | form | average | observed |
 * | --- | --- | --- |
 * | paper | 0.8 M + 0.2 M', from the first M' on (Eq. 3) | each step |
 * | official | 0.08 M + 0.008 minmax(M'), from the identity on | steps 1, 101, 201, ... |
 *
 * The official row is what the official study does with full factors: the min-max is
 * over all entries of a matrix, with 1e-12 added to its range. What its optimizer does
 * with the diagonals is not the diagonal of that, so it stands beside it.
 *
 * @module
 */

import { collectFactors, type Layer } from "../layers/mod.ts";
import { officialPreset, paperPreset } from "../optim/adafisher_fields.ts";
import {
  compile,
  type CompiledStep,
  type DeviceState,
} from "../program/compile.ts";
import type { Mapped } from "../program/tree.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type Value, value } from "../tensor/value.ts";
import type { Loss, ModelState } from "../train/mod.ts";

/** The two factors of a layer on the host, or their diagonals. */
export interface FactorPair {
  /** Of the layer's input: [n, n] or [n]. */
  readonly h: Value;
  /** Of the loss's derivative at its output: [m, m] or [m]. */
  readonly s: Value;
}

/** One batch's factors of some layers, by layer name. */
export interface FreshFactors {
  /** In the paper's reading. */
  readonly paper: Readonly<Record<string, FactorPair>>;
  /** In the official code's. */
  readonly official: Readonly<Record<string, FactorPair>>;
}

/** Moving averages of factors, by layer name; float32. */
export interface FactorAverages extends FreshFactors {
  /** Of the diagonals, as the official optimizer has them. */
  readonly officialDiagonals: Readonly<Record<string, FactorPair>>;
}

/** A batch, and the random key of its step. */
export interface FactorInputs {
  /** Float [B, ...]. */
  readonly inputs: Value;
  /** Int [B, ...]. */
  readonly labels: Value;
  /** Int [2]: seed and step. */
  readonly key: Value;
}

/** Takes the factors of a batch with the parameters that a state has. */
export type FactorObserver = (
  state: DeviceState<ModelState<Value>>,
  batch: FactorInputs,
) => Promise<FreshFactors>;

type Fresh = Record<"paper" | "official", ReturnType<typeof collectFactors>>;
type Program = CompiledStep<object, object, { state: object; outputs: Fresh }>;

/**
 * Makes what takes the full factors of some layers, in training mode. Programs are
 * compiled when first needed, one for each shape of a batch, and read the state where
 * it lies; a training state will do.
 *
 * @example The factors of a perceptron's first batch
 * ```ts
 * import { DeviceState, referenceDevice } from "@adafisher/adafisher";
 * import { factorObserver } from "@adafisher/adafisher/analysis";
 * import { crossEntropy, initialize } from "@adafisher/adafisher/layers";
 * import { mlp } from "@adafisher/adafisher/models";
 * import { intValue, value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const model = mlp([2, 3]);
 * const state = new DeviceState(referenceDevice, {
 *   parameters: initialize(model.parameters, 1),
 *   buffers: {},
 * });
 * const { paper } = await factorObserver(model, crossEntropy, ["fc1"])(state, {
 *   inputs: value([1, 2, 3, 4], [2, 2]),
 *   labels: intValue([0, 2]),
 *   key: intValue([0, 1]),
 * });
 * assertEquals([...paper.fc1.h.data], [5, 7, 2, 7, 10, 3, 2, 3, 1]);
 * ```
 *
 * @param model The model.
 * @param loss The mean loss of a batch.
 * @param layers Names of the layers.
 * @returns A function of state and batch.
 * @throws {RangeError} If there is no such layer with factors in the model, or none is
 * asked for.
 */
export function factorObserver(
  model: Layer,
  loss: Loss,
  layers: readonly string[],
): FactorObserver {
  const known = model.kronecker.map(({ name }) => name);
  const unknown = layers.find((name) => !known.includes(name));
  if (unknown !== undefined || layers.length === 0) {
    throw new RangeError(
      `Cannot take factors: layers must be among ${known.join(", ")}, got ${
        unknown === undefined ? "none" : JSON.stringify(unknown)
      }`,
    );
  }
  const programs = new Map<string, Program>();

  function programOf(
    state: DeviceState<ModelState<Value>>,
    inputs: FactorInputs,
  ): Program {
    const name = `${state.device.name} ${inputs.inputs.shape}`;
    const made = programs.get(name);
    if (made) return made;
    const { parameters, buffers } = state.spec;
    const program: Program = compile({
      state: { parameters, buffers } as object,
      inputs: inputs as object,
      step: (state, inputs) => {
        const batch = inputs as Mapped<FactorInputs, Tensor>;
        const pass = model.forward(batch.inputs as Tensor, {
          ...state as ModelState<Tensor>,
          training: true,
          key: batch.key as Tensor,
        });
        const uses = pass.uses.filter(({ layer }) =>
          layers.includes(layer.name)
        );
        const mean = loss(pass.output, batch.labels as Tensor);
        return {
          state: {},
          outputs: {
            paper: collectFactors(mean, uses, "paper"),
            official: collectFactors(mean, uses, "official"),
          },
        };
      },
    }, state.device);
    programs.set(name, program);
    return program;
  }

  return async (state, { inputs, labels, key }) => {
    const batch = { inputs, labels, key };
    return await programOf(state, batch).run(
      state as unknown as DeviceState<Mapped<object, Value>>,
      batch as Mapped<object, Value>,
    ) as unknown as FreshFactors;
  };
}

/** Added to the range of a full factor in the official study's min-max. */
const FULL_EPSILON = 1e-12;

/**
 * The averages after one more step's factors. The official ones change every 100th
 * step alone.
 *
 * @example The first batch is the paper's average
 * ```ts
 * import { averageFactors } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = { h: value([2, 1, 1, 4], [2, 2]), s: value([3], [1, 1]) };
 * const { paper } = averageFactors(undefined, { paper: { fc }, official: { fc } }, 1);
 * assertEquals([...paper.fc.h.data], [2, 1, 1, 4]);
 * ```
 *
 * @param before The averages so far; none before the first batch.
 * @param fresh The step's factors, of the same layers.
 * @param step Number of the step, from 1.
 * @returns The new averages.
 * @throws {RangeError} If a fresh factor has an entry that is not finite.
 */
export function averageFactors(
  before: FactorAverages | undefined,
  fresh: FreshFactors,
  step: number,
): FactorAverages {
  const { decay, gain, epsilon, interval } = officialPreset;
  const observed = (step - 1) % interval === 0;
  return {
    paper: eachFactor("paper", fresh.paper, step, (matrix, layer, name) => {
      const old = before?.paper[layer][name];
      return old
        ? mix(paperPreset.decay, old, paperPreset.gain, matrix.data)
        : mix(0, matrix, 1, matrix.data);
    }),
    official: before && !observed
      ? before.official
      : eachFactor("official", fresh.official, step, (matrix, layer, name) =>
        mix(
          decay,
          before?.official[layer][name] ?? identity(matrix.shape[0]),
          gain,
          minmaxed(matrix.data, FULL_EPSILON),
        )),
    officialDiagonals: before && !observed
      ? before.officialDiagonals
      : eachFactor("official", fresh.official, step, (matrix, layer, name) => {
        const diagonal = diagonalOf(matrix);
        return mix(
          decay,
          before?.officialDiagonals[layer][name] ??
            value(new Float64Array(diagonal.length).fill(1)),
          gain,
          minmaxed(diagonal, epsilon),
        );
      }),
  };
}

/** Something made of each factor of each layer. */
function eachFactor(
  form: string,
  factors: Readonly<Record<string, FactorPair>>,
  step: number,
  make: (matrix: Value, layer: string, name: "h" | "s") => Value,
): Record<string, FactorPair> {
  return Object.fromEntries(
    Object.entries(factors).map(([layer, pair]) => {
      const made = (name: "h" | "s") => {
        const { data } = pair[name];
        for (let i = 0; i < data.length; i++) {
          if (Number.isFinite(data[i])) continue;
          throw new RangeError(
            `Cannot average the ${form} factors of ${layer}: ${name} must be finite, got ${
              data[i]
            } in step ${step}`,
          );
        }
        return make(pair[name], layer, name);
      };
      return [layer, { h: made("h"), s: made("s") }];
    }),
  );
}

/** keep * old + take * fresh in float32, of the old one's shape. */
function mix(
  keep: number,
  old: Value,
  take: number,
  fresh: ArrayLike<number>,
): Value {
  const data = new Float32Array(fresh.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = keep * old.data[i] + take * fresh[i];
  }
  return value(data, old.shape);
}

/** (v - min v) / (max v - min v + epsilon). */
function minmaxed(numbers: ArrayLike<number>, epsilon: number): Float64Array {
  let low = Infinity, high = -Infinity;
  for (let i = 0; i < numbers.length; i++) {
    low = Math.min(low, numbers[i]);
    high = Math.max(high, numbers[i]);
  }
  return Float64Array.from(numbers, (x) => (x - low) / (high - low + epsilon));
}

function identity(n: number): Value {
  const data = new Float64Array(n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return value(data, [n, n]);
}

function diagonalOf({ shape: [n], data }: Value): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => data[i * n + i]);
}
