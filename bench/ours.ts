/**
 * The works of the benchmark in this library: programs on one of its devices.
 *
 * @module
 */

import { crossEntropy, type Layer } from "../src/layers/mod.ts";
import { adafisher, adam, type Optimizer } from "../src/optim/mod.ts";
import { compile, type Device, DeviceState } from "../src/program/mod.ts";
import { referenceDevice } from "../src/reference/mod.ts";
import {
  add,
  conv,
  convInputGradient,
  convKernelGradient,
  intValue,
  matmul,
  mul,
  scalarValue,
  slice,
  type Tensor,
  type Value,
} from "../src/tensor/mod.ts";
import { initialState, takesStatistics } from "../src/train/mod.ts";
import { backwardPass, updated } from "../src/train/step.ts";
import {
  convolutionOperands,
  type ConvolutionWork,
  matmulOperands,
  modelOf,
  training,
  trainingOperands,
  type TrainingWork,
  type Work,
} from "./cases.ts";
import type { Job, Library, Results } from "./library.ts";

/** This library on a device. */
export function ours(device: Device): Library {
  return {
    title: "AdaFisher",
    async prepare(work: Work): Promise<Job> {
      switch (work.kind) {
        case "matmul":
          return chained(
            matmulOperands(work),
            "x",
            ({ x, b }) => matmul(x, b),
            device,
          );
        case "convolution":
          return convolutionJob(work, device);
        case "training":
          return await trainingJob(work, device);
      }
    },
  };
}

/** A job of one program, which replaces one part of the state. */
function chained<Name extends string>(
  values: Readonly<Record<Name, Value>>,
  result: NoInfer<Name>,
  step: (state: Readonly<Record<Name, Tensor>>) => Tensor,
  device: Device,
): Job {
  const state = new DeviceState(device, values as Record<string, Value>);
  const program = compile({
    state: values as Record<string, Value>,
    inputs: {},
    step: (state) => ({
      state: { [result]: step(state as Record<Name, Tensor>) },
      outputs: {},
    }),
  }, device);
  const first = compile({
    state: values as Record<string, Value>,
    inputs: {},
    step: (state) => {
      const x = state[result];
      const corner = slice(x, x.shape.map(() => 0), x.shape.map(() => 1));
      return { state: {}, outputs: { corner } };
    },
  }, device);
  return {
    period: 1,
    async step() {
      await program.run(state, {});
    },
    async finish() {
      return (await first.run(state, {})).corner.data[0];
    },
    async results() {
      return dataOf({ [result]: (await state.read())[result] });
    },
    close() {},
  };
}

function convolutionJob(work: ConvolutionWork, device: Device): Job {
  const values = convolutionOperands(work);
  const geometry = {
    stride: [1, 1],
    padding: [1, 1],
    dilation: [1, 1],
    groups: 1,
  } as const;
  switch (work.pass) {
    case "forward":
      return chained(values, "x", ({ x, w }) => conv(x, w, geometry), device);
    case "input":
      return chained(
        values,
        "x",
        ({ x, w }) => convInputGradient(x, w, x.shape, geometry),
        device,
      );
    case "kernel":
      return chained(
        values,
        "w",
        ({ x, w, dy }) =>
          add(mul(0.5, w), convKernelGradient(x, dy, w.shape, geometry)),
        device,
      );
  }
}

/** The step of `src/train` without what a run counts and watches. */
async function trainingJob(work: TrainingWork, device: Device): Promise<Job> {
  const operands = trainingOperands(work);
  const model = modelOf(work.model);
  const optimizer = optimizerOf(work, model);
  const parts = { model, loss: crossEntropy, optimizer };
  const first = await initialState(model, optimizer, 0, referenceDevice);
  const values = { ...first, ...operands, loss: scalarValue(0) };
  const state = new DeviceState(device, values);
  const scalarsOf = (step: number): Record<string, Value> =>
    Object.fromEntries(
      Object.entries(optimizer.scalars(step)).map(
        ([name, number]) => [name, scalarValue(number)],
      ),
    );
  const given = {
    learningRate: scalarValue(training.learningRate),
    key: intValue([0, 0]),
  };
  const program = (statistics: boolean) =>
    compile({
      state: values,
      inputs: { ...given, scalars: scalarsOf(1) },
      step: (state, inputs) => {
        const { labels } = state;
        const all = { ...inputs, inputs: state.inputs, labels };
        const pass = backwardPass(parts, state, all, statistics);
        const next = updated(parts, state, all, pass);
        const { loss, buffers } = pass;
        return { state: { ...next, buffers, loss }, outputs: {} };
      },
    }, device);
  const plain = program(false);
  const withStatistics = optimizer.curvature ? program(true) : plain;
  let step = 0;
  return {
    period: optimizer.curvature?.interval ?? 1,
    async step() {
      const now = takesStatistics(optimizer, ++step) ? withStatistics : plain;
      await now.run(state, { ...given, scalars: scalarsOf(step) });
    },
    async finish() {
      return (await state.memory.read(["loss"])).get("loss")!.data[0];
    },
    async results() {
      const { parameters, loss } = await state.read();
      return dataOf({ ...parameters, loss });
    },
    close() {},
  };
}

function optimizerOf(
  { optimizer, interval }: TrainingWork,
  model: Layer,
): Optimizer {
  const { beta1, beta2, epsilon } = training;
  return optimizer === "adam"
    ? adam({ beta1, beta2, epsilon }) as Optimizer
    : adafisher(model, { interval }) as Optimizer;
}

function dataOf(values: Readonly<Record<string, Value>>): Results {
  return new Map(
    Object.entries(values).map(([name, { data }]) => [name, data]),
  );
}
