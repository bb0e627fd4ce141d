/** A whole training step of a model: loss, gradients, diagonals, momentum. */

import { collectDiagonals, crossEntropy } from "../../src/layers/mod.ts";
import type { ParameterSpec } from "../../src/layers/mod.ts";
import { modelByName } from "../../src/models/mod.ts";
import { compile, type StepPlan } from "../../src/program/mod.ts";
import type { Program } from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import {
  add,
  gradients,
  mul,
  type Shape,
  type Spec,
  sub,
} from "../../src/tensor/mod.ts";

const float = (shape: Shape): Spec => ({ shape, dtype: "float" });

const specs = (of: Readonly<Record<string, ParameterSpec>>) =>
  Object.fromEntries(
    Object.entries(of).map(([name, { shape }]) => [name, float(shape)]),
  );

/** Traces and compiles the step on images of 3 x 32 x 32. */
export function trainingStep(
  name: string,
  batch: number,
): { plan: StepPlan; program: Program } {
  const model = modelByName(name, { inputShape: [3, 32, 32], classes: 10 });
  const parameters = specs(model.parameters);
  const names = Object.keys(parameters);
  return compile({
    state: {
      parameters,
      momentum: parameters,
      buffers: specs(model.buffers),
    },
    inputs: {
      images: float([batch, 3, 32, 32]),
      labels: { shape: [batch], dtype: "int" } as Spec,
      rate: float([]),
    },
    step: ({ parameters, momentum, buffers }, { images, labels, rate }) => {
      const context = { parameters, buffers, training: true };
      const { output, uses, buffers: after } = model.forward(images, context);
      const loss = crossEntropy(output, labels);
      const found = gradients(loss, names.map((name) => parameters[name]));
      const moved = Object.fromEntries(names.map((name, i) => [
        name,
        add(mul(0.9, momentum[name]), found[i]),
      ]));
      return {
        state: {
          parameters: Object.fromEntries(names.map((name) => [
            name,
            sub(parameters[name], mul(rate, moved[name])),
          ])),
          momentum: moved,
          buffers: after,
        },
        outputs: { loss, diagonals: collectDiagonals(loss, uses, "paper") },
      };
    },
  }, referenceDevice);
}
