import { assert, assertEquals, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { readSafetensors, toValue } from "../../src/io/mod.ts";
import { constants, type Layer } from "../../src/layers/mod.ts";
import {
  resnet,
  type ResNetDescription,
  resnetDescriptions,
  type ResNetName,
} from "../../src/models/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { argmax, fill, type Value, value } from "../../src/tensor/mod.ts";
import { run } from "../layers/helpers.ts";

const shared = (path: string): string =>
  fileURLToPath(new URL(`../../../shared/data/${path}`, import.meta.url));

/** Whether files beside the repository are absent; says so. */
function isMissing(...paths: string[]): boolean {
  for (const path of paths) {
    try {
      Deno.statSync(shared(path));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      console.log(
        `SKIPPED: a test on pretrained networks needs ../shared/data/${path}, which is not there`,
      );
      return true;
    }
  }
  return false;
}

/** Parameters and buffers of a model by name, and their shapes. */
function shapesOf(model: Layer): Record<string, number[]> {
  return Object.fromEntries(
    Object.entries({ ...model.parameters, ...model.buffers })
      .map(([name, { shape }]): [string, number[]] => [name, [...shape]])
      .sort(),
  );
}

Deno.test("resnet halves height and width in every stage but the first", () => {
  for (const name of ["resnet8", "resnet18"] as const) {
    const { output, uses } = run(
      resnet(name, { classes: 7 }),
      fill([2, 3, 16, 16], 1),
    );
    assertEquals(output.shape, [2, 7]);
    const stages = resnetDescriptions[name].widths.length;
    const { shape } = uses.at(-2)!.output; // the last batch-norm
    assertEquals(shape.slice(2), [16, 16].map((n) => n / 2 ** (stages - 1)));
  }
});

Deno.test("resnet with odd extents keeps both ways of a block in one shape", () => {
  for (const name of ["resnet8", "resnet18"] as const) {
    const { output } = run(resnet(name), fill([2, 3, 13, 9], 1));
    assertEquals(output.shape, [2, 10]);
  }
});

Deno.test("resnet of the ImageNet family has the usual names", () => {
  const basic = Object.keys(resnet("resnet18").parameters);
  assertEquals(basic.slice(0, 5), [
    "conv1.weight",
    "bn1.weight",
    "bn1.bias",
    "layer1.0.conv1.weight",
    "layer1.0.bn1.weight",
  ]);
  assert(basic.includes("layer2.0.downsample.0.weight"));
  assert(basic.includes("layer2.0.downsample.1.running_mean") === false);
  assert(!basic.includes("layer1.0.downsample.0.weight"));
  assertEquals(basic.slice(-2), ["fc.weight", "fc.bias"]);
  const deep = resnet("resnet50").parameters;
  assertEquals(deep["layer1.0.downsample.0.weight"].shape, [256, 64, 1, 1]);
  assertEquals(deep["layer2.0.conv2.weight"].shape, [128, 128, 3, 3]);
  assertEquals(deep["layer4.2.conv3.weight"].shape, [2048, 512, 1, 1]);
});

Deno.test("resnet takes other names for projections and head", () => {
  const { parameters } = resnet("resnet18", {
    shortcutName: "shortcut",
    headName: "linear",
  });
  assert("layer2.0.shortcut.0.weight" in parameters);
  assert("linear.weight" in parameters);
});

Deno.test("resnet has 20 trained layers where its name says 20, and so on", () => {
  for (const name of Object.keys(resnetDescriptions) as ResNetName[]) {
    const layers = resnet(name).kronecker.filter((layer) =>
      !layer.name.includes("downsample") &&
      /^(conv|linear) ?|^conv2d/.test(layer.description)
    );
    assertEquals(`resnet${layers.length}`, name);
  }
});

Deno.test("resnet refuses a name it does not know and stages that do not fit", () => {
  assertThrows(
    () => resnet("resnet19" as ResNetName),
    RangeError,
    "its name must be one of resnet8",
  );
  const description: ResNetDescription = {
    ...resnetDescriptions.resnet8,
    blocks: [1, 1],
  };
  assertThrows(
    () => resnet(description),
    RangeError,
    "each stage needs a width and a number of blocks, got 3 and 2",
  );
});

for (const depth of [20, 32, 44, 56] as const) {
  const path = `pretrained/resnet${depth}-cifar10.safetensors`;
  Deno.test({
    name: `resnet${depth} has the names and shapes of the published checkpoint`,
    ignore: isMissing(path),
    fn: async () => {
      const { tensors } = await readSafetensors(shared(path));
      const published = Object.fromEntries(
        [...tensors].map(([name, { shape }]): [string, number[]] => [
          name,
          [...shape],
        ]).sort(),
      );
      assertEquals(shapesOf(resnet(`resnet${depth}`)), published);
    },
  });
}

const ROW = 1 + 3 * 32 * 32;
const MEAN = [0.485, 0.456, 0.406], DEVIATION = [0.229, 0.224, 0.225];

/** The first images of the CIFAR-10 test rows, normalized as the checkpoint expects. */
async function testImages(
  count: number,
): Promise<{ images: Value; labels: number[] }> {
  const file = await Deno.readFile(shared("cifar10/test_batch.bin.gz"));
  const rows = gunzipSync(file);
  const labels: number[] = [];
  const data = new Float64Array(count * (ROW - 1));
  for (let n = 0; n < count; n++) {
    labels.push(rows[n * ROW]);
    for (let i = 0; i < ROW - 1; i++) {
      const channel = Math.floor(i / 1024);
      data[n * (ROW - 1) + i] = (rows[n * ROW + 1 + i] / 255 - MEAN[channel]) /
        DEVIATION[channel];
    }
  }
  return { images: value(data, [count, 3, 32, 32]), labels };
}

const WEIGHTS = "pretrained/resnet20-cifar10.safetensors";

Deno.test({
  name:
    "resnet20 with the published weights tells the first test images of CIFAR-10",
  ignore: isMissing(WEIGHTS, "cifar10/test_batch.bin.gz"),
  fn: async () => {
    const { tensors } = await readSafetensors(shared(WEIGHTS));
    const model = resnet("resnet20");
    const take = (specs: Layer["parameters"]): ReturnType<typeof constants> =>
      constants(Object.fromEntries(
        Object.keys(specs).map((name) => [name, toValue(tensors.get(name)!)]),
      ));
    const { images, labels } = await testImages(12);
    const { output } = run(model, images, {
      parameters: take(model.parameters),
      buffers: take(model.buffers),
      training: false,
    });
    const { data } = await evaluate(argmax(output));
    const right = labels.filter((label, i) => data[i] === label).length;
    // 8.3 % of all test images are told wrong; a network put together wrongly
    // tells one in ten.
    assert(right >= 10, `${right} of ${labels.length} images are told right`);
  },
});
