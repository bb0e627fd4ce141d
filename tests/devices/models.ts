/**
 * Every model against the reference device: output, loss, gradients, running
 * statistics, diagonals of the Kronecker factors in both forms.
 *
 * @module
 */

import { crossEntropy, initialize, type Layer } from "../../src/layers/mod.ts";
import {
  modelByName,
  modelNames,
  parameterCount,
  resnet,
  resnetDescriptions,
} from "../../src/models/mod.ts";
import { type Shape, value } from "../../src/tensor/mod.ts";
import {
  assertAgrees,
  type DeviceTest,
  floatTensor,
  integers,
} from "./compare.ts";
import { passOf } from "./passes.ts";

/** The most parameters that the reference's plain loops go through quickly. */
const MOST_PARAMETERS = 300_000;

const small: Shape = [3, 8, 8];

/** A model and the shape of a sample. */
type Model = readonly [Layer, Shape];

/** The models of the catalogue that are small, and small ones of the larger kinds. */
const MODELS: Readonly<Record<string, Model>> = {
  ...Object.fromEntries(
    modelNames.map((name): [string, Model] => [
      name,
      [modelByName(name, { inputShape: small, classes: 7 }), small],
    ]).filter(([, [model]]) => parameterCount(model) <= MOST_PARAMETERS),
  ),
  "mlp of odd widths": [
    modelByName("mlp", { inputShape: [5], classes: 3, hidden: [1, 33, 7] }),
    [5],
  ],
  "resnet18, narrow": [
    resnet({
      ...resnetDescriptions.resnet18,
      stem: 6,
      widths: [6, 9, 13],
      blocks: [1, 1, 1],
    }),
    [3, 13, 9],
  ],
  "resnet50, narrow": [
    resnet({
      ...resnetDescriptions.resnet50,
      stem: 8,
      widths: [4, 7],
      blocks: [1, 2],
    }),
    [3, 13, 9],
  ],
};

/**
 * Roundings of a model: those of a layer add up over its depth, forward and back,
 * and a batch-norm divides them by a deviation that may be small.
 */
const ROUNDINGS = 1024;

/** Tests that every model gives what it gives on the reference device. */
export function modelTests(test: DeviceTest): void {
  for (const [name, [model, sample]] of Object.entries(MODELS)) {
    test(`a model agrees with the reference: ${name}`, async (device) => {
      // Rounded, so that both devices have the same.
      const parameters = Object.fromEntries(
        Object.entries(initialize(model.parameters, 3)).map((
          [name, { data, shape }],
        ) => [name, value(Float64Array.from(data, Math.fround), shape)]),
      );
      const labels = integers([3], 3);
      await assertAgrees(
        device,
        passOf(
          model,
          floatTensor([3, ...sample]),
          (output) => crossEntropy(output, labels),
          { parameters, full: false },
        ),
        ROUNDINGS,
      );
    });
  }
}
