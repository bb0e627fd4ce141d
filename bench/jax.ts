/**
 * The works of the benchmark in jax-js.
 *
 * jax-js counts references: whoever takes an array uses it up, and `.ref` lends it
 * once more.
 *
 * @module
 */

// deno-lint-ignore no-import-prefix -- a dependency of the benchmark alone
import * as jax from "npm:@jax-js/jax@0.1.25";
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

const { lax, nn, numpy: np, tree } = jax;

/** Arrays by name. */
type Arrays = Record<string, jax.Array>;

/** Pads height and width by 1. */
const PADDING: [number, number][] = [[1, 1], [1, 1]];

/**
 * jax-js on one of its backends.
 *
 * @throws {Error} If there is no such backend here.
 */
export async function jaxLibrary(
  backend: "webgpu" | "wasm" | "cpu",
): Promise<Library> {
  const found = await jax.init(backend);
  if (!found.includes(backend)) {
    throw new Error(`jax-js has no backend ${backend} here`);
  }
  return {
    title: `jax-js 0.1.25 ${backend}`,
    prepare(work: Work): Promise<Job> {
      jax.defaultDevice(backend);
      switch (work.kind) {
        case "matmul":
          return Promise.resolve(matmulJob(work));
        case "convolution":
          return Promise.resolve(convolutionJob(work));
        case "training":
          return Promise.resolve(trainingJob(work));
      }
    },
  };
}

/** A float array of a value's shape; ints become floats. */
function array({ data, shape }: Value): jax.Array {
  return np.array(Float32Array.from(data), { shape: [...shape] });
}

function arrays(values: Readonly<Record<string, Value>>): Arrays {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, array(value)]),
  );
}

async function read(x: jax.Array): Promise<ArrayLike<number>> {
  return await x.ref.data();
}

/** A job whose result takes its own place: one compiled function. */
function chained(
  first: jax.Array,
  name: string,
  others: jax.Array[],
  step: (result: jax.Array, ...others: jax.Array[]) => jax.Array,
): Job {
  const compiled = jax.jit(step);
  let result = first;
  return {
    period: 1,
    step() {
      result = compiled(result, ...others.map((other) => other.ref));
      return Promise.resolve();
    },
    async finish() {
      const corner = result.ref.slice(...result.shape.map(() => 0));
      return (await corner.data())[0];
    },
    results: async () => new Map([[name, await read(result)]]),
    close() {
      tree.dispose([result, ...others]);
      compiled.dispose();
    },
  };
}

function matmulJob(work: MatmulWork): Job {
  const { x, b } = matmulOperands(work);
  return chained(array(x), "x", [array(b)], (x, b) => np.matmul(x, b));
}

function convolutionJob(work: ConvolutionWork): Job {
  const operands = convolutionOperands(work);
  const [x, w, dy] = [operands.x, operands.w, operands.dy].map(array);
  const conv = (x: jax.Array, w: jax.Array): jax.Array =>
    lax.convGeneralDilated(x, w, [1, 1], PADDING);
  switch (work.pass) {
    case "forward":
      dy.dispose();
      return chained(x, "x", [w], conv);
    case "input":
      dy.dispose();
      // The convolution is linear, so that its gradient is the same at any input,
      // and what is not needed is not computed.
      return chained(x, "x", [w], (x, w) => {
        const [y, pull] = jax.vjp((x: jax.Array) => conv(x, w), [x.ref]);
        y.dispose();
        const [gradient] = pull(x);
        pull.dispose();
        return gradient as jax.Array;
      });
    case "kernel":
      return chained(w, "w", [x, dy], (w, x, dy) => {
        const [y, pull] = jax.vjp((w: jax.Array) => conv(x, w), [w.ref]);
        y.dispose();
        const [gradient] = pull(dy);
        pull.dispose();
        return w.mul(0.5).add(gradient as jax.Array);
      });
  }
}

/** What a training carries from step to step. */
type TrainingState = {
  parameters: Arrays;
  buffers: Arrays;
  first: Arrays;
  second: Arrays;
  /** beta1^k and beta2^k. */
  powers: [jax.Array, jax.Array];
  loss: jax.Array;
};

function trainingJob(work: TrainingWork): Job {
  if (work.optimizer !== "adam") {
    throw new Error(`jax-js has no ${work.optimizer}`);
  }
  const operands = trainingOperands(work);
  const compiled = jax.jit(work.model === "mlp" ? step(mlp) : step(resnet20));
  const parameters = arrays(operands.parameters);
  const zeros = (): Arrays =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, p]) => [name, np.zeros(p.shape)]),
    );
  let state: TrainingState = {
    parameters,
    buffers: arrays(operands.buffers),
    first: zeros(),
    second: zeros(),
    powers: [np.array(1), np.array(1)],
    loss: np.array(0),
  };
  const inputs = array(operands.inputs);
  const hot = array({
    shape: [work.batch, 10],
    dtype: "float",
    data: Float32Array.from(
      { length: 10 * work.batch },
      (_, i) => Number(operands.labels.data[Math.floor(i / 10)] === i % 10),
    ),
  });
  return {
    period: 1,
    step() {
      state = compiled(state, inputs.ref, hot.ref);
      return Promise.resolve();
    },
    finish: async () => (await read(state.loss))[0],
    async results() {
      const found = new Map([["loss", await read(state.loss)]]);
      for (const [name, parameter] of Object.entries(state.parameters)) {
        found.set(name, await read(parameter));
      }
      return found;
    },
    close() {
      tree.dispose([state, inputs, hot]);
      compiled.dispose();
    },
  };
}

/** Output of a network, and its new buffers. */
type Network = (
  parameters: Arrays,
  buffers: Arrays,
  inputs: jax.Array,
) => [jax.Array, Arrays];

/** Forward and backward pass, and Adam. */
function step(network: Network) {
  const lossOf = (
    parameters: Arrays,
    buffers: Arrays,
    inputs: jax.Array,
    hot: jax.Array,
  ): [jax.Array, Arrays] => {
    const [output, next] = network(parameters, buffers, inputs);
    const each = nn.logSoftmax(output).mul(hot).sum(-1);
    return [each.mean().neg(), next];
  };
  const { beta1, beta2, epsilon, learningRate } = training;
  return (state: TrainingState, inputs: jax.Array, hot: jax.Array) => {
    const [[loss, buffers], gradients] = jax.valueAndGrad(lossOf, {
      hasAux: true,
    })(tree.ref(state.parameters), state.buffers, inputs, hot);
    state.loss.dispose();
    const next: TrainingState = {
      parameters: {},
      buffers,
      first: {},
      second: {},
      powers: [state.powers[0].mul(beta1), state.powers[1].mul(beta2)],
      loss,
    };
    const [correction1, correction2] = next.powers.map((power) =>
      power.ref.neg().add(1)
    );
    for (const [name, p] of Object.entries(state.parameters)) {
      const g = gradients[name] as jax.Array;
      const m = state.first[name].mul(beta1).add(g.ref.mul(1 - beta1));
      const v = state.second[name].mul(beta2)
        .add(np.square(g).mul(1 - beta2));
      const root = np.sqrt(v.ref.div(correction2.ref)).add(epsilon);
      const direction = m.ref.div(correction1.ref).div(root);
      next.parameters[name] = p.sub(direction.mul(learningRate));
      next.first[name] = m;
      next.second[name] = v;
    }
    tree.dispose([correction1, correction2]);
    return next;
  };
}

function linear(parameters: Arrays, name: string, x: jax.Array): jax.Array {
  return np.matmul(x, parameters[`${name}.weight`].transpose())
    .add(parameters[`${name}.bias`]);
}

const mlp: Network = (parameters, buffers, inputs) => {
  let x = inputs;
  for (const name of ["fc1", "fc2"]) x = nn.relu(linear(parameters, name, x));
  return [linear(parameters, "fc3", x), buffers];
};

const resnet20: Network = (parameters, buffers, inputs) => {
  const next: Arrays = {};
  const conv = (name: string, x: jax.Array, stride: number): jax.Array =>
    lax.convGeneralDilated(
      x,
      parameters[`${name}.weight`],
      [stride, stride],
      PADDING,
    );
  const batchNorm = (name: string, x: jax.Array): jax.Array => {
    const column = (c: jax.Array): jax.Array => c.reshape([-1, 1, 1]);
    const axes = [0, 2, 3];
    const count = x.size / x.shape[1];
    const mean = x.ref.mean(axes, { keepdims: true });
    const centered = x.sub(mean.ref);
    const variance = np.square(centered.ref).mean(axes, { keepdims: true });
    const { batchNormMomentum: share, batchNormEpsilon } = training;
    const move = (buffer: string, batch: jax.Array, scale: number): void => {
      next[`${name}.${buffer}`] = buffers[`${name}.${buffer}`].mul(1 - share)
        .add(lax.stopGradient(batch).reshape([-1]).mul(share * scale));
    };
    move("running_mean", mean, 1);
    move("running_var", variance.ref, count / (count - 1));
    return centered.div(np.sqrt(variance.add(batchNormEpsilon)))
      .mul(column(parameters[`${name}.weight`]))
      .add(column(parameters[`${name}.bias`]));
  };
  // Every second row and column, between channels of zeros.
  const shortcut = (x: jax.Array): jax.Array => {
    const [n, c, h, w] = x.shape;
    const taken = x.reshape([n, c, h / 2, 2, w / 2, 2])
      .slice([], [], [], 0, [], 0);
    return np.pad(taken, [[0, 0], [c / 2, c / 2], [0, 0], [0, 0]]);
  };
  let x = nn.relu(batchNorm("bn1", conv("conv1", inputs, 1)));
  for (const stage of [1, 2, 3]) {
    for (const index of [0, 1, 2]) {
      const name = `layer${stage}.${index}`;
      const down = stage > 1 && index === 0;
      const kept = down ? shortcut(x.ref) : x.ref;
      x = conv(`${name}.conv1`, x, down ? 2 : 1);
      x = nn.relu(batchNorm(`${name}.bn1`, x));
      x = batchNorm(`${name}.bn2`, conv(`${name}.conv2`, x, 1));
      x = nn.relu(x.add(kept));
    }
  }
  return [linear(parameters, "linear", x.mean([2, 3])), next];
};
