import { assertEquals } from "@std/assert";
import {
  attention,
  batchNorm2d,
  conv2d,
  embedding,
  layerNorm,
  linear,
  sequential,
} from "../../src/layers/mod.ts";
import {
  adafisher,
  adafisherW,
  adam,
  decayAll,
  decayMatching,
  decayMatrices,
  describe,
  sgd,
} from "../../src/optim/mod.ts";

const model = sequential([
  embedding("tokens", 5, 4, { frozen: true }),
  embedding("positions", 3, 4),
  attention("attn", 4, 2),
  layerNorm("norm", 4),
  linear("fc", 4, 2, { bias: false }),
]);

Deno.test("describe gives every parameter its shape, layer and rule", () => {
  const { rows } = describe(adafisher(model), model);
  assertEquals(
    rows.map(({ parameter }) => parameter),
    Object.keys(model.parameters),
  );
  const row = (name: string) =>
    rows.find(({ parameter }) => parameter === name);
  assertEquals(row("tokens.weight"), {
    parameter: "tokens.weight",
    shape: [5, 4],
    layer: "tokens",
    rule: "not trained",
    trained: false,
  });
  assertEquals(row("positions.weight")?.rule, "m (F = 1)");
  assertEquals(row("attn.query.bias"), {
    parameter: "attn.query.bias",
    shape: [4],
    layer: "attn.query",
    rule: "m / F of attn.query",
    trained: true,
  });
  assertEquals(row("norm.weight")?.rule, "m / F of norm");
});

Deno.test("describe writes the rows as a table", () => {
  const small = sequential([
    embedding("e", 5, 2, { frozen: true }),
    linear("classifier", 2, 3),
  ]);
  assertEquals(
    describe(sgd({ momentum: 0.9 }), small).text,
    `sgd(momentum 0.9, dampening 0, nesterov false, weightDecay 0)
parameter          shape   layer       rule
e.weight           [5, 2]  e           not trained
classifier.weight  [3, 2]  classifier  v
classifier.bias    [3]     classifier  v
`,
  );
});

Deno.test("describe takes a single layer for a model", () => {
  const fc = linear("fc", 2, 3, { bias: false });
  assertEquals(describe(adam(), fc).rows, [{
    parameter: "fc.weight",
    shape: [3, 2],
    layer: "fc",
    rule: "m / sqrt(v)",
    trained: true,
  }]);
});

Deno.test("describe says which parameters decay", () => {
  const optimizer = adafisherW(model, {
    weightDecay: 0.1,
    decayMask: decayMatrices(model),
  });
  const rules = Object.fromEntries(
    describe(optimizer, model).rows.map(({ parameter, rule }) => [
      parameter,
      rule,
    ]),
  );
  assertEquals(rules["fc.weight"], "m / F of fc, decay 0.1");
  assertEquals(rules["norm.weight"], "m / F of norm, no decay");
});

Deno.test("sgd's rule follows its momentum", () => {
  assertEquals(sgd().rule("p"), "g");
  assertEquals(sgd({ momentum: 0.5 }).rule("p"), "v");
  assertEquals(
    sgd({ momentum: 0.5, nesterov: true }).rule("p"),
    "g + momentum v",
  );
  assertEquals(adam({ amsgrad: true }).rule("p"), "m / sqrt(vmax)");
});

Deno.test("decayMatrices holds for matrices and kernels alone", () => {
  const mixed = sequential([
    conv2d("conv", 3, 4, 3),
    batchNorm2d("bn", 4),
    layerNorm("norm", [2, 2]),
    linear("fc", 4, 2),
    embedding("table", 3, 2),
  ]);
  assertEquals(
    Object.keys(mixed.parameters).filter(decayMatrices(mixed)),
    ["conv.weight", "fc.weight", "table.weight"],
  );
  assertEquals(decayMatrices(mixed)("elsewhere.weight"), false);
});

Deno.test("decayMatching answers the same each time, whatever the flags", () => {
  const mask = decayMatching(/weight/gy);
  assertEquals([mask("weight"), mask("weight"), mask("bias")], [
    true,
    true,
    false,
  ]);
  assertEquals(decayMatching(/WEIGHT/i)("fc.weight"), true);
});

Deno.test("adam describes a mask that is a plain function by its text", () => {
  const plain = adam({ decayMask: (name) => name === "a" });
  const other = adam({ decayMask: (name) => name === "b" });
  assertEquals(plain.description.includes('name === "a"'), true);
  assertEquals(plain.description === other.description, false);
  assertEquals(
    adam({ decayMask: decayAll }).description,
    adam().description,
  );
});
