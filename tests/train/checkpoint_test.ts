import { assertEquals, assertNotEquals } from "@std/assert";
import { linear, sequential } from "../../src/layers/mod.ts";
import { modelByName, modelNames } from "../../src/models/mod.ts";
import { describeModel, Trainer } from "../../src/train/mod.ts";
import { frozen, runOf, smallNet } from "./helpers.ts";

Deno.test("describeModel tells every model from the others", () => {
  const images = { inputShape: [3, 32, 32], classes: 10 };
  const texts = modelNames.map((name) =>
    describeModel(modelByName(name, images))
  );
  assertEquals(new Set(texts).size, modelNames.length);
  const twenty = modelByName("mlp", { ...images, classes: 20 });
  assertNotEquals(describeModel(twenty), texts[modelNames.indexOf("mlp")]);
});

Deno.test("describeModel says what is frozen", () => {
  const model = sequential([frozen(linear("a", 2, 2)), linear("b", 2, 2)]);
  assertEquals(describeModel(model).split("\n").slice(1), [
    "  linear a(2 -> 2), frozen: a.weight, a.bias",
    "  linear b(2 -> 2)",
  ]);
});

Deno.test("toCheckpoint names parameters, buffers, optimizer state and metrics", async () => {
  const trainer = await Trainer.start(
    runOf(smallNet(), "adafisher", {}, { options: { note: "mine" } }),
  );
  const { values, description } = await trainer.checkpoint();
  for (
    const name of [
      "parameters/fc.weight",
      "buffers/bn.running_mean",
      "optimizer/momentum/fc.weight",
      "optimizer/factors/conv/h",
      "metrics/lossSum",
    ]
  ) assertEquals(name in values, true, name);
  assertEquals(description.options, { note: "mine" });
  assertEquals([description.step, description.epoch, description.seed], [
    0,
    0,
    7,
  ]);
});
