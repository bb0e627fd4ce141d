// The table of docs/adafisher.md of F on the digits, for the perceptron.

import { assertAlmostEquals } from "@std/assert";
import { digitsNormalization, digitsSplit } from "../../src/data/mod.ts";
import { constants } from "../../src/layers/mod.ts";
import { modelByName } from "../../src/models/mod.ts";
import {
  adafisher,
  type AdaFisherPreset,
  type AdaFisherState,
} from "../../src/optim/mod.ts";
import type { Value } from "../../src/tensor/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { fisherOf } from "./fisher.ts";

/** Least, median and largest F of each parameter after some steps on the digits. */
async function rangesOf(
  preset: AdaFisherPreset,
  steps: number,
): Promise<Record<string, number[]>> {
  const model = modelByName("mlp", { inputShape: [1, 8, 8], classes: 10 });
  const optimizer = adafisher(model, { preset });
  const trainer = await Trainer.start({
    model,
    optimizer,
    learningRate: () => 1e-3,
    examples: digitsSplit().train,
    batches: {
      batchSize: 64,
      shuffle: true,
      dropLast: true,
      normalization: digitsNormalization,
    },
    epochs: 100,
    seed: 0,
    readEvery: steps,
  });
  for await (const { step } of trainer.train()) if (step >= steps) break;
  const state = (await trainer.state.read()).optimizer as unknown as {
    factors: Record<string, { h: Value; s: Value }>;
  };
  const factors = Object.fromEntries(
    Object.entries(state.factors).map(([layer, { h, s }]) => [
      layer,
      constants({ h, s }),
    ]),
  ) as unknown as AdaFisherState["factors"];
  const F = await fisherOf(optimizer, factors, model.parameters);
  return Object.fromEntries(
    Object.entries(F).map(([p, numbers]) => {
      const sorted = numbers.sort();
      return [p, [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)!]];
    }),
  );
}

const documented: Record<AdaFisherPreset, Record<string, number[]>> = {
  official: {
    "fc1.weight": [1.0000e-3, 1.0004e-3, 1.0127e-3],
    "fc1.bias": [1.0001e-3, 1.0006e-3, 1.0049e-3],
    "fc2.weight": [1.0000e-3, 1.0002e-3, 1.0122e-3],
    "fc2.bias": [1.0000e-3, 1.0002e-3, 1.0011e-3],
  },
  paper: {
    "fc1.weight": [1.0000e-3, 7.0576e-2, 1.0010],
    "fc1.bias": [1.0000e-3, 1.1156e-1, 3.5057e-1],
    "fc2.weight": [1.0000e-3, 1.0982e-1, 1.0010],
    "fc2.bias": [1.0000e-3, 1.7887e-1, 2.9372e-1],
  },
};

for (const preset of ["official", "paper"] as const) {
  Deno.test(`${preset} preset: F after 301 steps on the digits is as documented`, async () => {
    const found = await rangesOf(preset, 301);
    for (const [p, numbers] of Object.entries(documented[preset])) {
      numbers.forEach((F, i) => {
        // Half a unit of the last digit written.
        assertAlmostEquals(
          found[p][i],
          F,
          0.5001 * 10 ** (Math.floor(Math.log10(F)) - 4),
        );
      });
    }
  });
}
