/**
 * The accuracy of a published CIFAR-10 ResNet on the reference device:
 * `deno run --allow-read bench/pretrained.ts [rows] [depth]`, over the first rows of
 * the CIFAR-10 test file under `../shared/data` (all 4,000 by default; about
 * ten minutes).
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { batches, loadCifar10, subset } from "../src/data/mod.ts";
import { readSafetensors, toValue } from "../src/io/mod.ts";
import type { Layer } from "../src/layers/mod.ts";
import { resnet, type ResNetName } from "../src/models/mod.ts";
import { compile, DeviceState } from "../src/program/mod.ts";
import { referenceDevice } from "../src/reference/mod.ts";
import { argmax, type Spec, type Value } from "../src/tensor/mod.ts";

// What the checkpoints were trained with (their README), not the paper's.
const normalization = {
  unit: 255,
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
};

const data = fromFileUrl(new URL("../../shared/data/", import.meta.url));

/**
 * How many test images a published network tells right.
 *
 * @param name The network: resnet20, 32, 44 or 56.
 * @param rows How many of the test rows, from the first on.
 * @returns Images told right, and images looked at.
 */
export async function pretrainedAccuracy(
  name: ResNetName,
  rows: number,
): Promise<{ right: number; count: number }> {
  const model = resnet(name);
  const { tensors } = await readSafetensors(
    `${data}pretrained/${name}-cifar10.safetensors`,
  );
  const take = (specs: Layer["parameters"]): Record<string, Value> =>
    Object.fromEntries(
      Object.keys(specs).map((key) => [key, toValue(tensors.get(key)!, key)]),
    );
  const weights = {
    parameters: take(model.parameters),
    buffers: take(model.buffers),
  };
  const state = new DeviceState(referenceDevice, weights);
  const { test } = await loadCifar10(`${data}cifar10`);
  const images = subset(test, Array.from({ length: rows }, (_, i) => i));
  let right = 0;
  const batchSize = Math.min(50, rows);
  const shape: Spec = { shape: [batchSize, 3, 32, 32], dtype: "float" };
  const step = compile({
    state: weights,
    inputs: { images: shape },
    step: ({ parameters, buffers }, { images }) => {
      const context = { parameters, buffers, training: false };
      const { output } = model.forward(images, context);
      return { state: {}, outputs: { classes: argmax(output) } };
    },
  }, referenceDevice);
  const options = { batchSize, normalization, dropLast: true };
  let count = 0;
  for (const { inputs, labels } of batches(images, options)) {
    const { classes } = await step.run(state, { images: inputs });
    labels.data.forEach((label, i) =>
      right += Number(classes.data[i] === label)
    );
    count += labels.data.length;
  }
  return { right, count };
}

if (import.meta.main) {
  const [rows = 4000, depth = 20] = Deno.args.map(Number);
  const name = `resnet${depth}` as ResNetName;
  const start = performance.now();
  const { right, count } = await pretrainedAccuracy(name, rows);
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  console.log(
    `${name}: ${right} of ${count} right, ${
      (100 * right / count).toFixed(2)
    } %, ${seconds} s`,
  );
}
