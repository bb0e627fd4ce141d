/**
 * What the benchmark measures, whichever library does it: the works, and the
 * numbers they begin with.
 *
 * @module
 */

import { initialize, type Layer } from "../src/layers/mod.ts";
import { mlp, resnet } from "../src/models/mod.ts";
import {
  intValue,
  randomBits,
  randomNormal,
  sizeOf,
  type Value,
  value,
} from "../src/tensor/mod.ts";

/** x <- x b, square matrices. */
export interface MatmulWork {
  readonly kind: "matmul";
  /** Rows and columns. */
  readonly size: number;
}

/** A 3 x 3 convolution with padding 1, or one of its gradients. */
export interface ConvolutionWork {
  readonly kind: "convolution";
  /** forward: x <- conv(x, w); input: its gradient at x; kernel: its gradient at w. */
  readonly pass: "forward" | "input" | "kernel";
  readonly batch: number;
  /** Channels in and channels out. */
  readonly channels: number;
  /** Height and width. */
  readonly size: number;
}

/** Forward pass, mean cross-entropy, backward pass, and the optimizer's update. */
export interface TrainingWork {
  readonly kind: "training";
  readonly model: "mlp" | "resnet20";
  readonly batch: number;
  readonly optimizer: "adam" | "adafisher";
  /** Steps from one taking of statistics to the next; AdaFisher only. */
  readonly interval?: number;
}

/** One of the works. */
export type Work = MatmulWork | ConvolutionWork | TrainingWork;

/** Where is measured. */
export type DeviceName = "gpu" | "cpu";

/** What a ratio should be: of the faster peer's time to ours, or of the two contenders. */
export interface Wanted {
  readonly least?: number;
  readonly most?: number;
  /** What it should be at least against PyTorch. */
  readonly pytorch?: number;
}

/** A line of the table. */
export interface Case {
  readonly name: string;
  /** What it is, for readers. */
  readonly title: string;
  readonly work: Work;
  /**
   * What of our own it is held against, instead of the peers: another work, or the
   * same on one thread.
   */
  readonly against?: Work | "one thread";
  /** Ratios that are wanted. */
  readonly wanted?: Wanted;
}

const convolution = { kind: "convolution", batch: 16, channels: 64, size: 32 };
const resnet20 = { kind: "training", model: "resnet20", batch: 32 } as const;
const adam = { ...resnet20, optimizer: "adam" } as const;
const adafisher = { ...resnet20, optimizer: "adafisher" } as const;

const common: readonly Case[] = [
  ...[512, 1024].map((size): Case => ({
    name: `matmul-${size}`,
    title: `${size} x ${size} times ${size} x ${size}`,
    work: { kind: "matmul", size },
  })),
  ...(["forward", "input", "kernel"] as const).map((pass): Case => ({
    name: `conv-${pass}`,
    title: `3 x 3 convolution, 64 to 64 channels on 32 x 32, batch 16, ${
      pass === "forward" ? pass : `${pass} gradient`
    }`,
    work: { ...convolution, kind: "convolution", pass },
  })),
  {
    name: "mlp",
    title: "training step of the 784-512-512-10 MLP, batch 256, Adam",
    work: { kind: "training", model: "mlp", batch: 256, optimizer: "adam" },
  },
  {
    name: "resnet20",
    title: "training step of ResNet-20, batch 32, Adam",
    work: adam,
  },
  {
    name: "adafisher-10",
    title: "ResNet-20, batch 32, statistics every 10 steps, against Adam",
    work: { ...adafisher, interval: 10 },
    against: adam,
  },
  {
    name: "adafisher-1",
    title: "ResNet-20, batch 32, statistics every step, against Adam",
    work: { ...adafisher, interval: 1 },
    against: adam,
  },
];

const threads: Case = {
  name: "threads",
  title: "ResNet-20, batch 32, Adam, on one thread against all",
  work: adam,
  against: "one thread",
};

/** What the project asks for, by device and case. */
const wanted: Readonly<Record<DeviceName, Readonly<Record<string, Wanted>>>> = {
  gpu: {
    "matmul-1024": { least: 3 },
    "conv-forward": { least: 3 },
    "conv-kernel": { least: 3 },
    "mlp": { least: 3 },
    "adafisher-10": { most: 1.05 },
    "adafisher-1": { most: 1.25 },
  },
  cpu: {
    "matmul-1024": { least: 1.5 },
    "conv-forward": { least: 1.5 },
    "conv-kernel": { least: 10 },
    "mlp": { least: 2 },
    "resnet20": { least: 25, pytorch: 1 },
    "adafisher-10": { most: 1.05 },
    "adafisher-1": { most: 1.25 },
    "threads": { least: 1.7 },
  },
};

/** The cases of a device, in the order of the table. */
export function casesOf(device: DeviceName): readonly Case[] {
  const all = device === "cpu" ? [...common, threads] : common;
  return all.map((it) => ({ ...it, wanted: wanted[device][it.name] }));
}

/** Additions and multiplications of a step; undefined where nobody counts them. */
export function flopsOf(work: Work): number | undefined {
  switch (work.kind) {
    case "matmul":
      return 2 * work.size ** 3;
    case "convolution":
      return 2 * work.batch * work.size ** 2 * work.channels ** 2 * 9;
    case "training":
      return undefined;
  }
}

const SEED = 7;

function normal(stream: number, shape: readonly number[], scale = 1): Value {
  const numbers = randomNormal([SEED, 0], stream, sizeOf(shape));
  return value(numbers.map((x) => scale * x), shape);
}

/** The Hartley matrix: dense, symmetric, and its own inverse, so that lengths stay. */
function hartley(size: number): Float64Array {
  const matrix = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      const angle = 2 * Math.PI * ((i * j) % size) / size;
      matrix[i * size + j] = (Math.cos(angle) + Math.sin(angle)) /
        Math.sqrt(size);
    }
  }
  return matrix;
}

/**
 * Operands of a product, [size, size] each. The result of a step is x of the next;
 * b is orthogonal, so that x stays as long as it is, however many steps there are.
 */
export function matmulOperands({ size }: MatmulWork): { x: Value; b: Value } {
  return {
    x: normal(1, [size, size]),
    b: value(hartley(size), [size, size]),
  };
}

/**
 * Operands of a convolution: x and dy [batch, channels, size, size], w [channels,
 * channels, 3, 3]. The tap in the middle of w is orthogonal, the others are small:
 * lengths stay nearly as they are from step to step, and still a wrong tap is seen.
 */
export function convolutionOperands(
  { batch, channels, size }: ConvolutionWork,
): { x: Value; w: Value; dy: Value } {
  const w = normal(2, [channels, channels, 3, 3], 1e-3 / Math.sqrt(channels));
  hartley(channels).forEach((tap, i) => w.data[9 * i + 4] = tap);
  const shape = [batch, channels, size, size];
  return { x: normal(1, shape), w, dy: normal(3, shape) };
}

/** The network of a training step. */
export function modelOf(model: TrainingWork["model"]): Layer {
  return model === "mlp" ? mlp([784, 512, 512, 10]) : resnet("resnet20");
}

/** What a training step begins with: one batch, and the first parameters and buffers. */
export interface TrainingOperands {
  /** [B, 784], or [B, 3, 32, 32]. */
  readonly inputs: Value;
  /** Int [B], classes below 10. */
  readonly labels: Value;
  /** By the names of the model: linear [out, in], convolutions [out, in, 3, 3]. */
  readonly parameters: Readonly<Record<string, Value>>;
  /** By the names of the model. */
  readonly buffers: Readonly<Record<string, Value>>;
}

/** Operands of a training step. */
export function trainingOperands(
  { model, batch }: TrainingWork,
): TrainingOperands {
  const { parameters, buffers } = modelOf(model);
  const sample = model === "mlp" ? [784] : [3, 32, 32];
  const bits = randomBits([SEED, 0], 5, batch);
  return {
    inputs: normal(4, [batch, ...sample]),
    labels: intValue(Array.from(bits, (bit) => bit % 10)),
    parameters: initialize(parameters, SEED),
    buffers: initialize(buffers, SEED),
  };
}

/** Hyperparameters of every training step. */
export const training = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  batchNormEpsilon: 1e-5,
  batchNormMomentum: 0.1,
} as const;
