/**
 * From the hyperparameters that a case names to an optimizer.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import {
  adadelta,
  adafisher,
  type AdaFisherOptions,
  adafisherW,
  adagrad,
  adaHessian,
  adam,
  adamW,
  kfac,
  kfacAsdl,
  type Optimizer,
  radam,
  rmsprop,
  sgd,
  shampooAsdl,
} from "../optim/mod.ts";
import type { Value } from "../tensor/value.ts";
import type { OptimizerDescription } from "./case.ts";

/** Hyperparameters that have been read: their types are known to be right. */
// deno-lint-ignore no-explicit-any
type Hyperparameters = Readonly<Record<string, any>>;

/** What the format calls by the official code's names. */
function adafisherOptions(given: Hyperparameters): AdaFisherOptions {
  return {
    beta: given.beta,
    lambda: given.lambda,
    decay: 1 - given.gamma1,
    gain: given.gamma2,
    start: "ones",
    normalize: given.normalization === "batch"
      ? "before-average"
      : "after-average",
    epsilon: 1e-6,
    single: "zero",
    form: "official",
    interval: given.curvatureInterval,
    weightDecay: given.weightDecay,
  };
}

/** Those of the format's hyperparameters that differ from ours in `eps` alone. */
function withEpsilon(given: Hyperparameters): object {
  const { lr: _, eps: epsilon, ...options } = given;
  return { ...options, epsilon };
}

/** A part of an optimizer's state, by layer or parameter. */
type Part = Readonly<Record<string, Readonly<Record<string, Value>>>>;

/** Entries of a part of the state under keys `<kind>/<owner>`, one kind a field. */
function* byOwner(
  part: Part,
  kinds: Readonly<Record<string, string>>,
): Generator<[string, Value]> {
  for (const [owner, fields] of Object.entries(part)) {
    for (const [field, kind] of Object.entries(kinds)) {
      yield [`${kind}/${owner}`, fields[field]];
    }
  }
}

/** What the format's optimizer is here, and what a trace has of its state. */
interface Replayable {
  /** Builds it. */
  readonly build: (model: Layer, given: Hyperparameters) => Optimizer;
  /** What is recorded of its state after a step, by the end of the key. */
  readonly recorded?: (
    state: Readonly<Record<string, Part>>,
  ) => Iterable<readonly [string, Value]>;
}

const DIAGONALS: Replayable["recorded"] = ({ factors }) =>
  byOwner(factors, { h: "h", s: "s" });

const REPLAYABLE: Readonly<Record<string, Replayable>> = {
  adafisher: {
    build: (model, given) => adafisher(model, adafisherOptions(given)),
    recorded: DIAGONALS,
  },
  adafisherw: {
    build: (model, given) => adafisherW(model, adafisherOptions(given)),
    recorded: DIAGONALS,
  },
  sgd: {
    build: (_, { momentum, dampening, nesterov, weightDecay }) =>
      sgd({
        momentum,
        // PyTorch has no use for dampening where there is no momentum.
        dampening: momentum === 0 ? 0 : dampening,
        nesterov,
        weightDecay,
      }),
  },
  adam: {
    build: (_, given) => adam(withEpsilon(given)),
  },
  adamw: { build: (_, given) => adamW(withEpsilon(given)) },
  radam: { build: (_, given) => radam(withEpsilon(given)) },
  adagrad: { build: (_, given) => adagrad(withEpsilon(given)) },
  adadelta: { build: (_, given) => adadelta(withEpsilon(given)) },
  rmsprop: { build: (_, given) => rmsprop(withEpsilon(given)) },
  adahessian: {
    build: (_, given) => adaHessian(withEpsilon(given)),
  },
  kfac: {
    build: (model, { lr: _, ...options }) => kfac(model, options),
    recorded: ({ factors }) => byOwner(factors, { a: "a", g: "g" }),
  },
  "kfac-asdl": {
    build: (model, { lr: _, ...options }) => kfacAsdl(model, options),
    recorded: ({ inverses }) => byOwner(inverses, { a: "ainv", g: "binv" }),
  },
  "shampoo-asdl": {
    build: (model, { lr: _, ...options }) => shampooAsdl(model, options),
    *recorded({ factors }) {
      for (const [parameter, axes] of Object.entries(factors)) {
        for (const [axis, factor] of Object.entries(axes)) {
          yield [`stat/${parameter}/${axis}`, factor];
        }
      }
    },
  },
};

/** Names of the optimizers whose traces can be replayed and recorded. */
export const replayableOptimizerNames: readonly string[] = Object.freeze(
  Object.keys(REPLAYABLE),
);

/**
 * Builds the optimizer that a case describes. Its learning rate is not part of
 * it: a step takes that as an input.
 *
 * @example
 * ```ts
 * import { buildModel, buildOptimizer } from "@adafisher/adafisher/oracle";
 * import { assertEquals } from "@std/assert";
 *
 * const model = buildModel([
 *   { type: "linear", name: "fc", in: 2, out: 3, bias: true },
 * ]);
 * const optimizer = buildOptimizer({
 *   name: "sgd",
 *   hyperparameters: {
 *     lr: 0.1,
 *     momentum: 0.9,
 *     dampening: 0,
 *     nesterov: false,
 *     weightDecay: 0,
 *   },
 * }, model);
 * assertEquals(optimizer.name, "sgd");
 * ```
 *
 * @param description Name and hyperparameters, as read from a case.
 * @param model The model.
 * @returns The optimizer.
 * @throws {RangeError} If there is no such optimizer, or it refuses a hyperparameter.
 */
export function buildOptimizer(
  description: OptimizerDescription,
  model: Layer,
): Optimizer {
  const { name, hyperparameters } = description;
  if (!Object.hasOwn(REPLAYABLE, name)) {
    throw new RangeError(
      `Cannot build optimizer ${name}: it must be one of ${
        replayableOptimizerNames.join(", ")
      }`,
    );
  }
  return REPLAYABLE[name].build(model, hyperparameters);
}

/** What a trace has of an optimizer's state after a step, by the end of the key. */
export function recordedState(
  name: string,
  state: object,
): Iterable<readonly [string, Value]> {
  const parts = state as Readonly<Record<string, Part>>;
  return REPLAYABLE[name].recorded?.(parts) ?? [];
}
