/**
 * Replaying a run: the step as a pure function, and the loop that runs it on a
 * device from given parameters over given batches.
 *
 * @module
 */

import {
  type Buffers,
  crossEntropy,
  diagonalsOf,
  type Layer,
  meanSquaredError,
  type Parameters,
} from "../layers/mod.ts";
import type { Optimizer } from "../optim/mod.ts";
import { compile, DeviceState } from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import { evaluate } from "../reference/evaluate.ts";
import { gradients } from "../tensor/gradients.ts";
import { constant } from "../tensor/operations.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { scalarValue, type Value, value } from "../tensor/value.ts";
import type { LossName, RunDescription } from "./case.ts";
import { buildModel } from "./model.ts";
import { buildOptimizer } from "./optimizer.ts";

/** What a step starts from: trees of tensors, or of their values. */
export interface ReplayState<Leaf> {
  /** Trained parameters by full name. */
  readonly parameters: Readonly<Record<string, Leaf>>;
  /** Frozen parameters by full name. */
  readonly frozen: Readonly<Record<string, Leaf>>;
  /** Buffers by full name. */
  readonly buffers: Readonly<Record<string, Leaf>>;
  /** The optimizer's state. */
  readonly optimizer: object;
}

/** What a step takes besides. */
export interface ReplayInputs<Leaf> {
  /** The batch. */
  readonly x: Leaf;
  /** Its targets. */
  readonly y: Leaf;
  /** The learning rate, a scalar. */
  readonly learningRate: Leaf;
  /** The optimizer's scalars of this step. */
  readonly scalars: Readonly<Record<string, Leaf>>;
}

/** What a step is made of. */
export interface ReplayParts {
  /** The model. */
  readonly model: Layer;
  /** The loss. */
  readonly loss: LossName;
  /** The optimizer. */
  readonly optimizer: Optimizer;
}

/** What a step gives. */
export interface ReplayOutcome {
  /** What it changes of the state. */
  readonly state: Omit<ReplayState<Tensor>, "frozen">;
  /** What the trace records before the update. */
  readonly outputs: {
    /** The mean loss, a scalar. */
    readonly loss: Tensor;
    /** Its gradients, by the parameters' names. */
    readonly gradients: Parameters;
  };
}

const LOSSES: Readonly<
  Record<LossName, (output: Tensor, target: Tensor) => Tensor>
> = {
  "cross-entropy": (output, target) => crossEntropy(output, target),
  mse: meanSquaredError,
};

/**
 * One step of a replay, a pure function: forward and backward pass, statistics
 * where they are due, update.
 *
 * @param parts Model, loss, optimizer.
 * @param statistics Whether the optimizer observes the layers' factors.
 * @param state What the step starts from.
 * @param inputs The batch and the step's scalars.
 * @returns What changes of the state; loss and gradients.
 */
export function replayStep(
  parts: ReplayParts,
  statistics: boolean,
  state: ReplayState<Tensor>,
  inputs: ReplayInputs<Tensor>,
): ReplayOutcome {
  const { model, optimizer } = parts;
  const { parameters } = state;
  const { curvature } = optimizer;
  const pass = model.forward(inputs.x, {
    parameters: { ...parameters, ...state.frozen },
    buffers: state.buffers,
    training: true,
  });
  const loss = LOSSES[parts.loss](pass.output, inputs.y);
  const names = Object.keys(parameters);
  const derivatives = gradients(loss, [
    ...names.map((name) => parameters[name]),
    ...(statistics ? pass.uses.map(({ output }) => output) : []),
  ]);
  const found: Parameters = Object.fromEntries(
    names.map((name, i) => [name, derivatives[i]]),
  );
  const observed = statistics && curvature
    ? curvature.observe(
      state.optimizer,
      diagonalsOf(
        pass.uses,
        derivatives.slice(names.length),
        curvature.form,
      ),
      inputs.scalars,
    )
    : state.optimizer;
  const next = optimizer.update({
    parameters,
    gradients: found,
    state: observed,
    learningRate: inputs.learningRate,
    scalars: inputs.scalars,
  });
  const buffers: Buffers = { ...state.buffers, ...pass.buffers };
  return {
    state: { parameters: next.parameters, buffers, optimizer: next.state },
    outputs: { loss, gradients: found },
  };
}

/** The first parameters of a model, from the tensors of a trace. */
function initialParameters(
  model: Layer,
  tensors: ReadonlyMap<string, Value>,
): Pick<ReplayState<Value>, "parameters" | "frozen"> {
  const show = (spec: Pick<Value, "shape" | "dtype"> | undefined): string =>
    spec ? `${spec.dtype}[${spec.shape.join(", ")}]` : "nothing";
  const parameters: Record<string, Value> = {};
  const frozen: Record<string, Value> = {};
  for (const [name, spec] of Object.entries(model.parameters)) {
    const given = tensors.get(`init/${name}`);
    const expected = show({ shape: spec.shape, dtype: "float" });
    if (!given || show(given) !== expected) {
      throw new RangeError(
        `Cannot replay: init/${name} must be ${expected}, got ${show(given)}`,
      );
    }
    (spec.frozen ? frozen : parameters)[name] = given;
  }
  for (const key of tensors.keys()) {
    const name = key.slice("init/".length);
    if (key.startsWith("init/") && !Object.hasOwn(model.parameters, name)) {
      throw new RangeError(
        `Cannot replay: ${key} must be a parameter of the model, which has ${
          Object.keys(model.parameters).join(", ") || "none"
        }`,
      );
    }
  }
  return { parameters, frozen };
}

/** Running diagonals that an optimizer keeps, where it keeps any. */
type KeptFactors = Readonly<
  Record<string, { readonly h: Value; readonly s: Value }>
>;

/** What is recorded after a step, by the keys of the format. */
function* recorded(
  step: number,
  outputs: { loss: Value; gradients: Readonly<Record<string, Value>> },
  state: ReplayState<Value>,
): Generator<[string, Value]> {
  const at = `step/${step}`;
  yield [`${at}/loss`, outputs.loss];
  for (const [name, gradient] of Object.entries(outputs.gradients)) {
    yield [`${at}/grad/${name}`, gradient];
  }
  const { factors = {} } = state.optimizer as { factors?: KeptFactors };
  for (const [layer, { h, s }] of Object.entries(factors)) {
    yield [`${at}/h/${layer}`, h];
    yield [`${at}/s/${layer}`, s];
  }
  for (const [name, parameter] of Object.entries(state.parameters)) {
    yield [`${at}/param/${name}`, parameter];
  }
  for (const [name, buffer] of Object.entries(state.buffers)) {
    yield [`buffer/${step}/${name}`, buffer];
  }
}

/**
 * Replays a run on a device.
 *
 * @example One step of gradient descent on one number
 * ```ts
 * import { referenceDevice } from "@adafisher/adafisher";
 * import { replay } from "@adafisher/adafisher/oracle";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const found = await replay(
 *   {
 *     about: "(w x - y)^2 for w = x = 1, y = 3.",
 *     layers: [{ type: "linear", name: "fc", in: 1, out: 1, bias: false }],
 *     loss: "mse",
 *     optimizer: {
 *       name: "sgd",
 *       hyperparameters: {
 *         lr: 0.25,
 *         momentum: 0,
 *         dampening: 0,
 *         nesterov: false,
 *         weightDecay: 0,
 *       },
 *     },
 *     steps: 1,
 *     record: [1],
 *     tolerance: { float64: 0, float32: 0 },
 *   },
 *   new Map([
 *     ["init/fc.weight", value([1], [1, 1])],
 *     ["batch/1/x", value([1], [1, 1])],
 *     ["batch/1/y", value([3], [1, 1])],
 *   ]),
 *   referenceDevice,
 * );
 * assertEquals(found.get("step/1/grad/fc.weight")?.data[0], -4);
 * assertEquals(found.get("step/1/param/fc.weight")?.data[0], 2);
 * ```
 *
 * @param run What to run.
 * @param tensors First parameters `init/<name>` and batches `batch/<step>/x` and
 * `/y` of every step; others are not looked at.
 * @param device Where to run it.
 * @returns What the format records of it, by key: for the steps to be recorded
 * loss, gradients, factor diagonals, parameters and buffers; `losses` of all.
 * @throws {UnsupportedOptimizerError} If this package has no such optimizer.
 * @throws {RangeError} If layers, tensors and shapes do not fit together.
 * @throws {TypeError} If a tensor is of the wrong type.
 */
export async function replay(
  run: RunDescription,
  tensors: ReadonlyMap<string, Value>,
  device: Device,
): Promise<Map<string, Value>> {
  const model = buildModel(run.layers);
  const optimizer = buildOptimizer(run.optimizer, model);
  const parts: ReplayParts = { model, loss: run.loss, optimizer };
  const learningRate = run.optimizer.hyperparameters.lr as number;

  const first = initialParameters(model, tensors);
  const start: ReplayState<Value> = {
    ...first,
    buffers: Object.fromEntries(
      Object.entries(model.buffers).map((
        [name, spec],
      ) => [name, spec.initial([0, 0])]),
    ),
    optimizer: await evaluate(
      optimizer.init(
        Object.fromEntries(
          Object.entries(first.parameters).map((
            [name, number],
          ) => [name, constant(number)]),
        ),
      ),
      device,
    ),
  };
  const state = new DeviceState<object>(device, start);
  const programs = new Map<string, ReturnType<typeof compileStep>>();
  const compileStep = (inputs: ReplayInputs<Value>, statistics: boolean) =>
    compile({
      state: start as object,
      inputs: inputs as object,
      step: (state, inputs) =>
        replayStep(
          parts,
          statistics,
          state as ReplayState<Tensor>,
          inputs as ReplayInputs<Tensor>,
        ),
    }, device);

  const found = new Map<string, Value>();
  const losses: number[] = [];
  for (let step = 1; step <= run.steps; step++) {
    const batch = (part: string): Value => {
      const given = tensors.get(`batch/${step}/${part}`);
      if (given) return given;
      throw new RangeError(
        `Cannot replay: step ${step} needs batch/${step}/${part}, got nothing`,
      );
    };
    const inputs: ReplayInputs<Value> = {
      x: batch("x"),
      y: batch("y"),
      learningRate: scalarValue(learningRate),
      scalars: Object.fromEntries(
        Object.entries(optimizer.scalars(step)).map((
          [name, number],
        ) => [name, scalarValue(number)]),
      ),
    };
    const { curvature } = optimizer;
    const statistics = curvature !== undefined &&
      (step - 1) % curvature.interval === 0;
    // A batch of another shape, such as a last, smaller one, is another program.
    const { x, y } = inputs;
    const key = [statistics, x.dtype, x.shape, y.dtype, y.shape].join("|");
    const program = programs.get(key) ?? compileStep(inputs, statistics);
    programs.set(key, program);
    const outputs = await program.run(state, inputs) as unknown as {
      loss: Value;
      gradients: Readonly<Record<string, Value>>;
    };
    losses.push(outputs.loss.data[0]);
    if (run.record.includes(step)) {
      const after = await state.read() as ReplayState<Value>;
      for (const [key, tensor] of recorded(step, outputs, after)) {
        found.set(key, tensor);
      }
    }
  }
  found.set("losses", value(losses));
  return found;
}
