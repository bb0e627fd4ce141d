import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  crossEntropy,
  meanSquaredError,
  negativeLogLikelihood,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import {
  constant,
  fill,
  gradients,
  intValue,
  logSoftmax,
  value,
} from "../../src/tensor/mod.ts";
import { assertGradients } from "./finite_differences.ts";
import { assertAllClose, assertNumbers, numbers } from "./helpers.ts";
import { plainRows } from "./plain.ts";

const logits = numbers(6, [2, 3, 4]);
const labels = [0, 3, 1, -100, 2, 2];
const targets = constant(intValue(labels, [2, 3]));

/** The mean over the labels that count, by plain loops. */
function plainLoss(e: number, classes: number): number {
  let total = 0, count = 0;
  plainRows(logits, classes).forEach((row, i) => {
    if (labels[i] === -100) return;
    const norm = Math.log(row.reduce((sum, z) => sum + Math.exp(z), 0));
    row.forEach((z, c) => {
      const weight = (c === labels[i] ? 1 - e : 0) + e / classes;
      total -= weight * (z - norm);
    });
    count++;
  });
  return total / count;
}

Deno.test("crossEntropy agrees with plain loops, with smoothing and ignored targets", async () => {
  for (const labelSmoothing of [0, 0.1, 1]) {
    const loss = crossEntropy(constant(logits), targets, {
      labelSmoothing,
      ignoreIndex: -100,
    });
    assertEquals(loss.shape, []);
    await assertNumbers(loss, [plainLoss(labelSmoothing, 4)]);
  }
});

Deno.test("crossEntropy has exact gradients", async () => {
  for (const labelSmoothing of [0, 0.1]) {
    await assertGradients(
      ({ logits }) =>
        crossEntropy(logits, targets, { labelSmoothing, ignoreIndex: -100 }),
      { logits },
    );
  }
});

Deno.test("crossEntropy ignores a class as well as a number outside", async () => {
  const rows = constant(value([1, 2, 3, 0], [2, 2]));
  const loss = crossEntropy(rows, constant(intValue([0, 1])), {
    ignoreIndex: 1,
  });
  await assertNumbers(loss, [Math.log(1 + Math.E)]);
});

Deno.test("crossEntropy stays finite for large logits, and is 0 where nothing counts", async () => {
  const rows = constant(value([1000, -1000], [1, 2]));
  const label = constant(intValue([1]));
  await assertNumbers(crossEntropy(rows, label), [2000]);
  const [gradient] = gradients(crossEntropy(rows, label), [rows]);
  await assertNumbers(gradient, [1, -1]);
  const none = crossEntropy(rows, label, { ignoreIndex: 1 });
  await assertNumbers(none, [0]);
  await assertNumbers(gradients(none, [rows])[0], [0, 0]);
});

Deno.test("crossEntropy fails where a target is no class and not ignored", async () => {
  for (const label of [-1, 2]) {
    await assertRejects(
      async () =>
        await evaluate(
          crossEntropy(fill([1, 2], 0), constant(intValue([label]))),
        ),
      RangeError,
    );
  }
});

Deno.test("crossEntropy refuses shapes, types and smoothing that do not fit", () => {
  const label = constant(intValue([1, 0]));
  assertThrows(
    () => crossEntropy(fill([3, 2], 0), label),
    RangeError,
    "Cannot compute a cross-entropy: targets [2] must have the shape of the scores [3, 2] without the last axis",
  );
  assertThrows(() => crossEntropy(fill([2, 2], 0), fill([2], 0)), TypeError);
  assertThrows(
    () => crossEntropy(fill([2, 2], 0), label, { labelSmoothing: 1.5 }),
    RangeError,
    "got 1.5",
  );
  assertThrows(
    () => crossEntropy(fill([0, 2], 0), fill([0], 0, "int")),
    RangeError,
    "there are no scores",
  );
});

Deno.test("negativeLogLikelihood of log-softmax is the cross-entropy", async () => {
  const options = { ignoreIndex: -100 };
  const loss = await evaluate(
    negativeLogLikelihood(logSoftmax(constant(logits)), targets, options),
  );
  assertAllClose(loss, [plainLoss(0, 4)], { relative: 1e-12 });
  await assertGradients(
    ({ logits }) => negativeLogLikelihood(logits, targets, options),
    { logits },
  );
});

Deno.test("meanSquaredError is the mean over all elements, with exact gradients", async () => {
  const output = constant(value([1, 2, 3, 4], [2, 2]));
  const target = constant(value([1, 0, 3, 0], [2, 2]));
  await assertNumbers(meanSquaredError(output, target), [5]);
  await assertGradients(
    ({ output, target }) => meanSquaredError(output, target),
    { output: numbers(1, [2, 3]), target: numbers(2, [2, 3]) },
  );
  assertThrows(
    () => meanSquaredError(fill([2], 0), fill([3], 0)),
    RangeError,
    "output [2] and target [3] must have one shape",
  );
  assertThrows(() => meanSquaredError(fill([0], 0), fill([0], 0)), RangeError);
});
