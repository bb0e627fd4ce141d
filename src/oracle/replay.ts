/**
 * Replaying a run: the loop that runs its steps on a device from given parameters
 * over given batches.
 *
 * @module
 */

import type { Layer } from "../layers/mod.ts";
import {
  drawStream,
  type HostDraw,
  isDue,
  samplesLabels,
} from "../optim/mod.ts";
import {
  compile,
  type CompiledStep,
  DeviceState,
  type StepResult,
} from "../program/compile.ts";
import type { Device } from "../program/device.ts";
import { evaluate } from "../reference/evaluate.ts";
import { constant } from "../tensor/operations.ts";
import { randomNormal } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  intValue,
  scalarValue,
  type Shape,
  type Value,
  value,
} from "../tensor/value.ts";
import type { RunDescription } from "./case.ts";
import { type InputRule, requireInput, specOf } from "./inputs.ts";
import { buildModel, outputShape, tokenCount } from "./model.ts";
import { buildOptimizer, recordedState } from "./optimizer.ts";
import {
  preparation,
  type ReplayInputs,
  type ReplayParts,
  type ReplayState,
  replayStep,
} from "./replay_step.ts";

/** Takes a tensor of the trace, which must be as the rule says. */
type Take = (key: string, rule: InputRule) => Value;

/** The first parameters of a model, from the tensors of a trace. */
function initialParameters(
  model: Layer,
  tensors: ReadonlyMap<string, Value>,
  take: Take,
): Pick<ReplayState<Value>, "parameters" | "frozen"> {
  const parameters: Record<string, Value> = {};
  const frozen: Record<string, Value> = {};
  for (const [name, { shape, ...spec }] of Object.entries(model.parameters)) {
    const given = take(`init/${name}`, { shape, dtype: "float" });
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

/** Labels of a model's output [..., classes]. */
const labelRule = (output: Shape): InputRule => ({
  shape: output.slice(0, -1),
  dtype: "int",
  count: output.at(-1),
});

/** Shape of a model's output for a batch; where the model cannot take it, it is named. */
function outputOf(model: Layer, key: string, x: Value): Shape {
  try {
    return outputShape(model, x.shape, x.dtype);
  } catch (cause) {
    for (const ErrorType of [RangeError, TypeError]) {
      if (!(cause instanceof ErrorType)) continue;
      throw new ErrorType(
        `Cannot replay: ${key} must fit the model, got ${
          specOf(x)
        }: ${cause.message}`,
        { cause },
      );
    }
    throw cause;
  }
}

/** What a step of a replay gives back. */
interface StepValues {
  readonly loss: Value;
  readonly gradients: Readonly<Record<string, Value>>;
  readonly direction: Readonly<Record<string, Value>>;
  readonly draws: DrawValues;
}

interface DrawValues {
  readonly probes?: Readonly<Record<string, Value>>;
  readonly labels?: Value;
}

/** What is recorded after a step, by the keys of the format. */
function* recorded(
  optimizer: string,
  step: number,
  outputs: StepValues,
  state: ReplayState<Value>,
): Generator<[string, Value]> {
  const at = `step/${step}`;
  yield [`${at}/loss`, outputs.loss];
  for (const [name, gradient] of Object.entries(outputs.gradients)) {
    yield [`${at}/grad/${name}`, gradient];
  }
  for (const [key, part] of recordedState(optimizer, state.optimizer)) {
    yield [`${at}/${key}`, part];
  }
  for (const [name, direction] of Object.entries(outputs.direction)) {
    yield [`${at}/direction/${name}`, direction];
  }
  for (const [name, parameter] of Object.entries(state.parameters)) {
    yield [`${at}/param/${name}`, parameter];
  }
  for (const [name, buffer] of Object.entries(state.buffers)) {
    yield [`buffer/${step}/${name}`, buffer];
  }
}

/** The draws of a step by the keys of the format. */
function* recordedDraws(
  step: number,
  { probes = {}, labels }: DrawValues,
): Generator<[string, Value]> {
  for (const [name, probe] of Object.entries(probes)) {
    yield [`probe/${step}/${name}`, probe];
  }
  if (labels) yield [`probe/${step}/labels`, labels];
}

/** Options of {@linkcode replay}. */
export interface ReplayOptions {
  /**
   * Seed to draw with what the optimizer needs at random; the draws are among what
   * is recorded then. Without a seed they are taken from the trace.
   */
  readonly seed?: number;
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
 * @param tensors First parameters `init/<name>`, batches `batch/<step>/x` and `/y` of
 * every step and, without a seed, the draws `probe/<step>/...` that the optimizer
 * needs; others are not looked at.
 * @param device Where to run it.
 * @param options The seed to draw with.
 * @returns What the format records of it, by key: for the steps to be recorded
 * loss, gradients, statistics, preconditioned gradients, parameters and buffers;
 * `losses` of all.
 * @throws {PreconditionerError} If the optimizer gives up.
 * @throws {RangeError} If layers, tensors and shapes do not fit together, or a tensor
 * that is needed has a number that is not finite, or a label or token that there is not.
 * @throws {TypeError} If a tensor is of the wrong type.
 */
export async function replay(
  run: RunDescription,
  tensors: ReadonlyMap<string, Value>,
  device: Device,
  options: ReplayOptions = {},
): Promise<Map<string, Value>> {
  return (await replayWith(run, tensors, device, options)).found;
}

/** What {@linkcode replayWith} gives. */
export interface Replayed {
  /** What the format records of the run, by key. */
  readonly found: Map<string, Value>;
  /** Keys of the tensors that the run was replayed with. */
  readonly taken: ReadonlySet<string>;
}

/** {@linkcode replay}, and which tensors it took; internal to this folder. */
export async function replayWith(
  run: RunDescription,
  tensors: ReadonlyMap<string, Value>,
  device: Device,
  options: ReplayOptions = {},
): Promise<Replayed> {
  const { seed } = options;
  const taken = new Set<string>();
  const take: Take = (key, rule) => {
    taken.add(key);
    return requireInput(key, tensors.get(key), rule);
  };
  const model = buildModel(run.layers);
  const optimizer = buildOptimizer(run.optimizer, model);
  const parts: ReplayParts = { model, loss: run.loss, optimizer };
  const learningRate = run.optimizer.hyperparameters.lr as number;

  const first = initialParameters(model, tensors, take);
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
  const programs = new Map<string, CompiledStep<object, object, StepResult>>();
  /** Runs a program, which is compiled where there is none of its kind yet. */
  async function runProgram(
    kind: string,
    inputs: ReplayInputs<Value>,
    step: (
      state: ReplayState<Tensor>,
      inputs: ReplayInputs<Tensor>,
    ) => StepResult,
  ): Promise<object> {
    // A batch of another shape, such as a last, smaller one, is another program.
    const { x, y } = inputs;
    const key = [kind, x.dtype, x.shape, y.dtype, y.shape].join("|");
    const program = programs.get(key) ?? compile({
      state: start as object,
      inputs: inputs as object,
      step: (state, inputs) =>
        step(
          state as ReplayState<Tensor>,
          inputs as ReplayInputs<Tensor>,
        ),
    }, device);
    programs.set(key, program);
    return await program.run(state, inputs);
  }

  const found = new Map<string, Value>();
  const losses: number[] = [];
  const tokens = tokenCount(run.layers);
  for (let step = 1; step <= run.steps; step++) {
    const { curvature, precondition } = optimizer;
    const statistics = isDue(curvature, step);
    const prepares = isDue(precondition, step);
    const probe = (what: string, rule: InputRule): Value =>
      take(`probe/${step}/${what}`, rule);
    const x = take(`batch/${step}/x`, { count: tokens });
    const output = outputOf(model, `batch/${step}/x`, x);
    const y = take(
      `batch/${step}/y`,
      run.loss === "mse"
        ? { shape: output, dtype: "float" }
        : labelRule(output),
    );
    const inputs: ReplayInputs<Value> = {
      x,
      y,
      learningRate: scalarValue(learningRate),
      scalars: Object.fromEntries(
        Object.entries(optimizer.scalars(step)).map((
          [name, number],
        ) => [name, scalarValue(number)]),
      ),
      ...seed !== undefined ? { key: intValue([seed | 0, step]) } : {
        draws: {
          ...optimizer.hessian
            ? {
              probes: Object.fromEntries(
                Object.entries(start.parameters).map((
                  [name, { shape }],
                ) => [name, probe(name, { shape, dtype: "float" })]),
              ),
            }
            : {},
          ...statistics && samplesLabels(optimizer)
            ? { labels: probe("labels", labelRule(output)) }
            : {},
        },
      },
    };
    const keep = (entries: Iterable<readonly [string, Value]>): void => {
      for (const [key, tensor] of entries) found.set(key, tensor);
    };

    let prepared = {};
    if (precondition && prepares) {
      const before = await runProgram(
        `prepare ${statistics}`,
        inputs,
        (state, inputs) =>
          preparation(parts, precondition.parts, statistics, state, inputs),
      ) as { parts: object; draws: DrawValues };
      if (seed !== undefined) keep(recordedDraws(step, before.draws));
      const draw: HostDraw = (name, count) => {
        if (seed === undefined) {
          const rule: InputRule = { shape: [count], dtype: "float" };
          return Float64Array.from(probe(name, rule).data);
        }
        const drawn = randomNormal([seed, step], drawStream(name), count);
        keep([[`probe/${step}/${name}`, value(drawn)]]);
        return drawn;
      };
      const made = precondition.compute(before.parts, draw);
      prepared = { prepared: { ...before.parts, ...made } };
    }
    const observes = statistics && !prepares;
    const outputs = await runProgram(
      prepares ? "prepared" : `plain ${observes}`,
      { ...inputs, ...prepared },
      (state, inputs) => replayStep(parts, observes, state, inputs),
    ) as StepValues;
    losses.push(outputs.loss.data[0]);
    if (seed !== undefined) keep(recordedDraws(step, outputs.draws));
    if (run.record.includes(step)) {
      const after = await state.read() as ReplayState<Value>;
      keep(recorded(run.optimizer.name, step, outputs, after));
    }
  }
  found.set("losses", value(losses));
  return { found, taken };
}
