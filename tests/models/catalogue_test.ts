import { assertEquals, assertThrows } from "@std/assert";
import { embedding, sequential } from "../../src/layers/mod.ts";
import {
  modelByName,
  modelNames,
  parameterCount,
} from "../../src/models/mod.ts";
import { fill } from "../../src/tensor/mod.ts";
import { run } from "../layers/helpers.ts";

/** Learnable numbers for 32 x 32 colour images and 10 classes, as published for the networks. */
const COUNTS: Readonly<Record<string, number>> = {
  mlp: 3072 * 64 + 64 + 64 * 10 + 10,
  cnn: 11_666,
  resnet8: 75_290,
  resnet20: 269_722,
  resnet32: 464_154,
  resnet44: 658_586,
  resnet56: 853_018,
  resnet18: 11_173_962,
  resnet34: 21_282_122,
  resnet50: 23_520_842,
  resnet101: 42_512_970,
};

const options = { inputShape: [3, 32, 32], classes: 10 };

Deno.test("modelNames lists every model of the table", () => {
  assertEquals([...modelNames].sort(), Object.keys(COUNTS).sort());
});

Deno.test("modelByName and parameterCount give every network its known size", () => {
  for (const name of modelNames) {
    assertEquals(
      parameterCount(modelByName(name, options)),
      COUNTS[name],
      name,
    );
  }
});

Deno.test("modelByName takes hidden sizes for the perceptron", () => {
  const model = modelByName("mlp", {
    inputShape: [4],
    classes: 3,
    hidden: [5, 6],
  });
  assertEquals(run(model, fill([2, 4], 1)).output.shape, [2, 3]);
  assertEquals(model.parameters["fc3.weight"].shape, [3, 6]);
});

Deno.test("modelByName names what it knows, and what it takes", () => {
  assertThrows(
    () => modelByName("resnet19", options),
    RangeError,
    "Cannot build a model: its name must be one of mlp, cnn, resnet8",
  );
  for (const name of ["cnn", "resnet20"]) {
    assertThrows(
      () => modelByName(name, { inputShape: [4], classes: 3 }),
      RangeError,
      `Cannot build model ${name}: it takes images [C, H, W], got samples [4]`,
    );
  }
  assertThrows(
    () => modelByName("mlp", { inputShape: [4], classes: 0 }),
    RangeError,
    "got [4, 0]",
  );
});

Deno.test("parameterCount leaves frozen parameters out", () => {
  const model = sequential([
    embedding("frozen", 5, 2, { frozen: true }),
    embedding("learned", 3, 2),
  ]);
  assertEquals(parameterCount(model), 6);
});
