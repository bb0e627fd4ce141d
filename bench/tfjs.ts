/**
 * The works of the benchmark in TensorFlow.js, in its own layouts: images
 * [N, H, W, C], kernels [h, w, in, out], linear weights [in, out].
 *
 * @module
 */

// deno-lint-ignore no-import-prefix -- a dependency of the benchmark alone
import * as tf from "npm:@tensorflow/tfjs@4.22.0";
// deno-lint-ignore no-import-prefix -- a dependency of the benchmark alone
import "npm:@tensorflow/tfjs-backend-wasm@4.22.0";
// deno-lint-ignore no-import-prefix -- a dependency of the benchmark alone
import "npm:@tensorflow/tfjs-backend-webgpu@4.22.0";
import type { Value } from "../src/tensor/mod.ts";
import {
  convolutionOperands,
  type ConvolutionWork,
  matmulOperands,
  type MatmulWork,
  training,
  trainingOperands,
  type TrainingWork,
  type Work,
} from "./cases.ts";
import type { Job, Library } from "./library.ts";

/**
 * TensorFlow.js on one of its backends.
 *
 * @throws {Error} If there is no such backend here.
 */
export async function tfjsLibrary(
  backend: "webgpu" | "wasm" | "cpu",
): Promise<Library> {
  tf.enableProdMode();
  if (!await tf.setBackend(backend)) {
    throw new Error(`TensorFlow.js has no backend ${backend} here`);
  }
  return {
    title: `TensorFlow.js ${tf.version.tfjs} ${backend}`,
    async prepare(work: Work): Promise<Job> {
      // Another of its backends may have been at work.
      await tf.setBackend(backend);
      switch (work.kind) {
        case "matmul":
          return matmulJob(work);
        case "convolution":
          return convolutionJob(work);
        case "training":
          return trainingJob(work);
      }
    },
  };
}

/** Orders of axes: from ours to that of TensorFlow.js, and back. */
const layouts: Readonly<Record<number, { to: number[]; from: number[] }>> = {
  2: { to: [1, 0], from: [1, 0] },
  4: { to: [2, 3, 1, 0], from: [3, 2, 0, 1] },
};
const imageLayout = { to: [0, 2, 3, 1], from: [0, 3, 1, 2] };

/** A float tensor of a value's numbers, its axes in another order. */
function tensor<T extends tf.Tensor>(
  { data, shape }: Value,
  order?: readonly number[],
): T {
  return tf.tidy(() => {
    const x = tf.tensor(Float32Array.from(data), [...shape]);
    return (order ? tf.transpose(x, [...order]) : x) as T;
  });
}

async function read(
  x: tf.Tensor,
  order?: readonly number[],
): Promise<ArrayLike<number>> {
  if (!order) return await x.data();
  const y = tf.transpose(x, [...order]);
  const data = await y.data();
  y.dispose();
  return data;
}

/** A job whose result takes its own place. */
function chained<T extends tf.Tensor>(
  first: T,
  name: string,
  order: readonly number[] | undefined,
  step: (result: T) => T,
  others: tf.Tensor[],
): Job {
  let result = first;
  return {
    period: 1,
    step() {
      const next = tf.tidy(() => step(result));
      result.dispose();
      result = next;
      return Promise.resolve();
    },
    async finish() {
      const zeros = result.shape.map(() => 0);
      const corner = tf.slice(result, zeros, zeros.map(() => 1));
      const [number] = await corner.data();
      corner.dispose();
      return number;
    },
    results: async () => new Map([[name, await read(result, order)]]),
    close: () => tf.dispose([result, ...others]),
  };
}

function matmulJob(work: MatmulWork): Job {
  const { x, b } = matmulOperands(work);
  const right = tensor<tf.Tensor2D>(b);
  const left = tensor<tf.Tensor2D>(x);
  return chained(left, "x", undefined, (x) => tf.matMul(x, right), [right]);
}

function convolutionJob(work: ConvolutionWork): Job {
  const operands = convolutionOperands(work);
  const x = tensor<tf.Tensor4D>(operands.x, imageLayout.to);
  const w = tensor<tf.Tensor4D>(operands.w, layouts[4].to);
  const dy = tensor<tf.Tensor4D>(operands.dy, imageLayout.to);
  const { from } = imageLayout;
  switch (work.pass) {
    case "forward":
      return chained(x, "x", from, (x) => tf.conv2d(x, w, 1, 1), [w, dy]);
    case "input":
      return chained(
        x,
        "x",
        from,
        (x) => tf.conv2dTranspose(x, w, x.shape, 1, 1),
        [w, dy],
      );
    case "kernel":
      // The kernel itself: tf.grad would do the forward pass as well.
      return chained(
        w,
        "w",
        layouts[4].from,
        (w) =>
          tf.add(
            tf.mul(w, 0.5),
            tf.engine().runKernel(tf.Conv2DBackpropFilter, { x, dy }, {
              strides: 1,
              pad: 1,
              dataFormat: "NHWC",
              filterShape: w.shape,
            }) as tf.Tensor4D,
          ),
        [x, dy],
      );
  }
}

/** Variables by our names. */
type Variables = Record<string, tf.Variable>;

function variables(
  values: Readonly<Record<string, Value>>,
  trainable: boolean,
): Variables {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const first = tensor(value, layouts[value.shape.length]?.to);
      const variable = tf.variable(first, trainable);
      first.dispose();
      return [name, variable];
    }),
  );
}

function trainingJob(work: TrainingWork): Job {
  if (work.optimizer !== "adam") {
    throw new Error(`TensorFlow.js has no ${work.optimizer}`);
  }
  const operands = trainingOperands(work);
  const parameters = variables(operands.parameters, true);
  const buffers = variables(operands.buffers, false);
  const order = operands.inputs.shape.length === 4 ? imageLayout.to : undefined;
  const inputs = tensor(operands.inputs, order);
  const hot = tf.tidy(() =>
    tf.oneHot(tf.tensor1d(operands.labels.data as Int32Array, "int32"), 10)
      .toFloat()
  );
  const { learningRate, beta1, beta2, epsilon } = training;
  const adam = tf.train.adam(learningRate, beta1, beta2, epsilon);
  const network = work.model === "mlp" ? mlp : resnet20;
  let loss: tf.Tensor = tf.scalar(0);
  return {
    period: 1,
    step() {
      loss.dispose();
      loss = adam.minimize(
        () => {
          const output = network(parameters, buffers, inputs);
          const each = tf.sum(tf.mul(tf.logSoftmax(output), hot), -1);
          return tf.neg(tf.mean(each)).asScalar();
        },
        true,
        Object.values(parameters),
      )!;
      return Promise.resolve();
    },
    finish: async () => (await loss.data())[0],
    async results() {
      const found = new Map([["loss", await read(loss)]]);
      for (const [name, parameter] of Object.entries(parameters)) {
        found.set(name, await read(parameter, layouts[parameter.rank]?.from));
      }
      return found;
    },
    close() {
      adam.dispose();
      tf.dispose([parameters, buffers, inputs, hot, loss]);
    },
  };
}

function linear(parameters: Variables, name: string, x: tf.Tensor): tf.Tensor {
  const product = tf.matMul(x, parameters[`${name}.weight`]);
  return tf.add(product, parameters[`${name}.bias`]);
}

function mlp(parameters: Variables, _: Variables, inputs: tf.Tensor) {
  let x = inputs;
  for (const name of ["fc1", "fc2"]) x = tf.relu(linear(parameters, name, x));
  return linear(parameters, "fc3", x);
}

function resnet20(
  parameters: Variables,
  buffers: Variables,
  inputs: tf.Tensor,
): tf.Tensor {
  const conv = (name: string, x: tf.Tensor4D, stride: number): tf.Tensor4D =>
    tf.conv2d(
      x,
      parameters[`${name}.weight`] as tf.Tensor as tf.Tensor4D,
      stride,
      1,
    );
  const batchNorm = (name: string, x: tf.Tensor4D): tf.Tensor4D => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const count = x.size / x.shape[3];
    const { batchNormMomentum: share, batchNormEpsilon } = training;
    const move = (buffer: string, batch: tf.Tensor, scale: number): void => {
      const running = buffers[`${name}.${buffer}`];
      running.assign(
        tf.add(tf.mul(running, 1 - share), tf.mul(batch, share * scale)),
      );
    };
    move("running_mean", mean, 1);
    move("running_var", variance, count / (count - 1));
    return tf.batchNorm4d(
      x,
      mean as tf.Tensor1D,
      variance as tf.Tensor1D,
      parameters[`${name}.bias`] as tf.Tensor as tf.Tensor1D,
      parameters[`${name}.weight`] as tf.Tensor as tf.Tensor1D,
      batchNormEpsilon,
    );
  };
  // Every second row and column, between channels of zeros. A strided slice has no
  // gradient in TensorFlow.js; a pooling window of one pixel is the same.
  const shortcut = (x: tf.Tensor4D): tf.Tensor4D => {
    const side = x.shape[3] / 2;
    return tf.pad(tf.avgPool(x, 1, 2, "valid"), [
      [0, 0],
      [0, 0],
      [0, 0],
      [side, side],
    ]);
  };
  let x = tf.relu(
    batchNorm("bn1", conv("conv1", inputs as tf.Tensor4D, 1)),
  );
  for (const stage of [1, 2, 3]) {
    for (const index of [0, 1, 2]) {
      const name = `layer${stage}.${index}`;
      const down = stage > 1 && index === 0;
      const kept = down ? shortcut(x) : x;
      x = conv(`${name}.conv1`, x, down ? 2 : 1);
      x = tf.relu(batchNorm(`${name}.bn1`, x));
      x = batchNorm(`${name}.bn2`, conv(`${name}.conv2`, x, 1));
      x = tf.relu(tf.add(x, kept));
    }
  }
  return linear(parameters, "linear", tf.mean(x, [1, 2]));
}
