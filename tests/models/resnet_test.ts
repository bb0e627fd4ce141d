import { assert, assertEquals, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { pretrainedAccuracy } from "../../bench/pretrained.ts";
import { readSafetensors } from "../../src/io/mod.ts";
import type { Layer } from "../../src/layers/mod.ts";
import {
  resnet,
  type ResNetDescription,
  resnetDescriptions,
  type ResNetName,
} from "../../src/models/mod.ts";
import { fill } from "../../src/tensor/mod.ts";
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

Deno.test({
  name:
    "resnet20 with the published weights tells as many of 200 test images as PyTorch does",
  ignore: isMissing(
    "pretrained/resnet20-cifar10.safetensors",
    "cifar10/test_batch.bin.gz",
  ),
  fn: async () => {
    // PyTorch 1.13 in float64 has 182; `bench/pretrained.ts` does all 4,000 rows.
    assertEquals(await pretrainedAccuracy("resnet20", 200), {
      right: 182,
      count: 200,
    });
  },
});
