import { assertEquals, assertLess, assertNotEquals } from "@std/assert";
import { digitsNormalization, normalize } from "../../src/data/mod.ts";
import { constants, crossEntropy } from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { DeviceState } from "../../src/program/mod.ts";
import { evaluate, referenceDevice } from "../../src/reference/mod.ts";
import { constant, value } from "../../src/tensor/mod.ts";
import { evaluator, Trainer } from "../../src/train/mod.ts";
import { fortyDigits, runOf, smallNet } from "./helpers.ts";

Deno.test("evaluator gives the loss of one pass in evaluation mode, whatever the batch size", async () => {
  const model = smallNet();
  const trainer = await Trainer.start(runOf(model, "adam", {}));
  for await (const event of trainer.train()) if (event.step === 5) break;
  const { parameters, buffers } = await trainer.state.read();
  const inputs = normalize(
    fortyDigits.inputs,
    fortyDigits.shape,
    digitsNormalization,
  );
  const lossOf = async (training: boolean): Promise<number> => {
    const { output } = model.forward(
      constant(value(inputs, [40, 1, 8, 8])),
      {
        parameters: constants(parameters),
        buffers: constants(buffers),
        training,
      },
    );
    const labels = constant(value(fortyDigits.labels));
    return (await evaluate(crossEntropy(output, labels))).data[0];
  };
  const expected = await lossOf(false);
  assertNotEquals(expected, await lossOf(true));

  const run = evaluator(model, crossEntropy);
  const state = new DeviceState(referenceDevice, { parameters, buffers });
  for (const batchSize of [1, 7, 40, undefined]) {
    const options = { batchSize, normalization: digitsNormalization };
    const { loss, count } = await run(state, fortyDigits, options);
    assertEquals(count, 40);
    assertLess(Math.abs(loss - expected), 1e-12);
  }
});

Deno.test("evaluator counts the labels with the largest output, and changes nothing", async () => {
  const trainer = await Trainer.start(
    runOf(mlp([64, 10]), "adam", {}, { learningRate: () => 0.02, epochs: 20 }),
  );
  const options = { normalization: digitsNormalization };
  const first = await trainer.evaluate(fortyDigits, options);
  for await (const _ of trainer.train());
  const before = await trainer.state.read();
  const last = await trainer.evaluate(fortyDigits, options);
  assertLess(first.accuracy, 0.5);
  assertLess(0.9, last.accuracy);
  assertEquals(last.accuracy * 40, Math.round(last.accuracy * 40));
  assertEquals(await trainer.state.read(), before);
});
