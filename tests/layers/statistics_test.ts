import { assertEquals, assertThrows } from "@std/assert";
import {
  activation,
  attention,
  batchNorm2d,
  collectDiagonals,
  collectFactors,
  conv2d,
  diagonalsOf,
  type FactorForm,
  factorsOf,
  flatten,
  linear,
  sequential,
} from "../../src/layers/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { add, constant, fill, gradients } from "../../src/tensor/mod.ts";
import { assertNumbers, numbers, run, weighted } from "./helpers.ts";

const FORMS: readonly FactorForm[] = ["paper", "official"];

Deno.test("collectDiagonals takes each layer's input and pre-activation derivative", async () => {
  const model = sequential([
    conv2d("conv", 1, 2, 3),
    batchNorm2d("bn", 2),
    activation("tanh"),
    flatten(),
    linear("fc", 8, 3),
  ]);
  const { output, uses } = run(model, numbers(1, [3, 1, 4, 4]));
  const loss = weighted(output);
  const derivatives = gradients(loss, uses.map((use) => use.output));
  for (const form of FORMS) {
    const diagonals = collectDiagonals(loss, uses, form);
    assertEquals(Object.keys(diagonals), ["conv", "bn", "fc"]);
    for (let i = 0; i < uses.length; i++) {
      const { layer, input } = uses[i];
      const expected = layer.diagonals(
        { input, derivative: derivatives[i] },
        form,
      );
      for (const part of ["h", "s"] as const) {
        const { data } = await evaluate(expected[part]);
        await assertNumbers(diagonals[layer.name][part], data, layer.name);
      }
    }
  }
});

Deno.test("collectFactors has the diagonals that collectDiagonals has", async () => {
  const model = sequential([attention("a", 4, 2, { causal: true })]);
  const { output, uses } = run(model, numbers(1, [2, 3, 4]));
  const loss = weighted(output);
  for (const form of FORMS) {
    const diagonals = collectDiagonals(loss, uses, form);
    const factors = collectFactors(loss, uses, form);
    assertEquals(Object.keys(factors), Object.keys(diagonals));
    for (const name of Object.keys(factors)) {
      for (const part of ["h", "s"] as const) {
        const { data, shape: [n] } = await evaluate(factors[name][part]);
        await assertNumbers(
          diagonals[name][part],
          Array.from({ length: n }, (_, i) => data[i * n + i]),
          name,
        );
      }
    }
  }
});

Deno.test("collectDiagonals averages the uses of one layer by their numbers of rows", async () => {
  const shared = linear("fc", 2, 2);
  const a = run(shared, numbers(1, [3, 2]));
  const b = run(shared, numbers(2, [3, 3, 2])); // three times as many rows
  const loss = add(weighted(a.output, 1), weighted(b.output, 2));
  const uses = [...a.uses, ...b.uses];
  for (const collect of [collectDiagonals, collectFactors]) {
    for (const form of FORMS) {
      const both = collect(loss, uses, form);
      assertEquals(Object.keys(both), ["fc"]);
      const [one, three] = [a.uses, b.uses].map((use) =>
        collect(loss, use, form)["fc"]
      );
      for (const part of ["h", "s"] as const) {
        const [x, y] = [await evaluate(one[part]), await evaluate(three[part])];
        await assertNumbers(
          both["fc"][part],
          Array.from(x.data, (n, i) => 0.25 * n + 0.75 * y.data[i]),
        );
      }
    }
  }
});

Deno.test("collectDiagonals of a layer used twice in a row weighs both uses alike", async () => {
  const shared = linear("fc", 2, 2);
  const model = sequential([shared, activation("tanh"), shared]);
  const { output, uses } = run(model, numbers(1, [3, 2]));
  const loss = weighted(output);
  const both = collectDiagonals(loss, uses, "paper")["fc"];
  const each = uses.map((use) => collectDiagonals(loss, [use], "paper")["fc"]);
  const [x, y] = [await evaluate(each[0].s), await evaluate(each[1].s)];
  await assertNumbers(
    both.s,
    Array.from(x.data, (n, i) => (n + y.data[i]) / 2),
  );
});

Deno.test("collectDiagonals does not change the gradients", async () => {
  const model = linear("fc", 2, 2);
  const parameters = {
    "fc.weight": constant(numbers(1, [2, 2])),
    "fc.bias": constant(numbers(2, [2])),
  };
  const { output, uses } = run(model, numbers(3, [4, 2]), { parameters });
  const loss = weighted(output);
  const [before] = gradients(loss, [parameters["fc.weight"]]);
  collectDiagonals(loss, uses, "paper");
  const [after] = gradients(loss, [parameters["fc.weight"]]);
  await assertNumbers(after, (await evaluate(before)).data);
});

Deno.test("collectDiagonals of a layer that the loss does not see has S = 0", async () => {
  const { uses } = run(linear("fc", 2, 2), numbers(3, [4, 2]));
  const { fc } = collectDiagonals(fill([], 1), uses, "paper");
  await assertNumbers(fc.s, [0, 0]);
});

Deno.test("diagonalsOf and factorsOf need one derivative for each use", () => {
  const { uses } = run(linear("fc", 2, 2), numbers(3, [4, 2]));
  for (const take of [diagonalsOf, factorsOf]) {
    assertThrows(
      () => take(uses, [], "paper"),
      RangeError,
      "Cannot take factors: 1 uses need as many derivatives, got 0",
    );
  }
});
