/**
 * AdaHessian, K-FAC and Shampoo against plain loops over dense matrices, on small
 * problems; what happens when a preconditioner cannot be had.
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  activation,
  conv2d,
  crossEntropy,
  flatten,
  type Layer,
  linear,
  meanSquaredError,
  sequential,
} from "../../src/layers/mod.ts";
import {
  cholesky,
  choleskyInverse,
  identity,
  inverseRoot,
} from "../../src/linalg/mod.ts";
import {
  adaHessian,
  kfac,
  kfacAsdl,
  type Optimizer,
  PreconditionerError,
  shampooAsdl,
} from "../../src/optim/mod.ts";
import {
  constant,
  fill,
  gradients,
  intValue,
  mul,
  randomNormal,
  type Shape,
  sum,
  type Tensor,
  type Value,
  value,
} from "../../src/tensor/mod.ts";
import { evaluate } from "../../src/reference/evaluate.ts";
import { assertAllClose } from "../assert_close.ts";
import { asConstants, minimize, type Objective, tensors } from "./helpers.ts";

/** Normal numbers. */
function normal(stream: number, shape: Shape): Value {
  const count = shape.reduce((a, b) => a * b, 1);
  return value(randomNormal([5, 6], stream, count), shape);
}

/** First parameters of a model, all normal numbers, frozen ones included. */
function startOf(model: Layer): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(model.parameters)
      .map(([name, { shape }], i) => [name, normal(10 + i, shape)]),
  );
}

/** The objective of a model on a batch. */
function objectiveOf(
  model: Layer,
  x: Value,
  loss: (output: Tensor) => Tensor,
): (parameters: Record<string, Tensor>) => Objective {
  return (parameters) => {
    const { output, uses } = model.forward(constant(x), {
      parameters,
      buffers: {},
      training: true,
    });
    return { loss: loss(output), uses, output };
  };
}

/** Gradients at a point. */
async function gradientsAt(
  objective: (parameters: Record<string, Tensor>) => Objective,
  point: Record<string, Value>,
): Promise<Record<string, Value>> {
  const parameters = asConstants(point);
  const names = Object.keys(point);
  const found = gradients(
    objective(parameters).loss,
    names.map((name) => parameters[name]),
  );
  const values = await Promise.all(found.map((g) => evaluate(g)));
  return Object.fromEntries(names.map((name, i) => [name, values[i]]));
}

/** What a step of rate 1 without momentum subtracts from the parameters. */
async function stepOf(
  optimizer: Optimizer,
  objective: (parameters: Record<string, Tensor>) => Objective,
  start: Record<string, Value>,
): Promise<Record<string, Value>> {
  const end = await minimize(optimizer, objective, {
    start,
    steps: 1,
    rate: 1,
  });
  return Object.fromEntries(
    Object.entries(start).map(([name, before]) => [
      name,
      value(
        Float64Array.from(before.data, (x, i) => x - end[name].data[i]),
        before.shape,
      ),
    ]),
  );
}

const two = sequential([
  linear("fc1", 3, 2),
  activation("tanh"),
  linear("fc2", 2, 2, { bias: false }),
]);
const x = normal(1, [4, 3]), labels = constant(intValue([0, 1, 1, 0]));
const onTwo = objectiveOf(two, x, (output) => crossEntropy(output, labels));

Deno.test("adaHessian() divides by the Hessian's diagonal where it is diagonal", async () => {
  // sum c_i x_i^3 / 6: the Hessian is diagonal, c_i x_i, and any probe finds it.
  const c = [2, -3, 0.5];
  const start = { p: value([1, 2, 4]) };
  const step = await stepOf(
    adaHessian({ epsilon: 1e-9 }),
    ({ p }) => {
      const weights = constant(value(c.map((c) => c / 6)));
      return { loss: sum(mul(weights, mul(p, mul(p, p)))) };
    },
    start,
  );
  // g / |H|: (c x^2 / 2) / |c x|
  assertAllClose(step.p, c.map((c, i) => Math.sign(c) * [1, 2, 4][i] / 2), {
    absolute: 1e-8, // epsilon
  });
});

Deno.test("adaHessian() averages |H z| over a kernel, as a plain loop does", async () => {
  const model = conv2d("conv", 1, 2, [2, 2], { bias: false });
  const start = startOf(model);
  const target = constant(normal(3, [2, 2, 2, 2]));
  const objective = objectiveOf(
    model,
    normal(2, [2, 1, 3, 3]),
    (output) => meanSquaredError(output, target),
  );
  const g = (await gradientsAt(objective, start))["conv.weight"];
  const parameters = asConstants(start);
  const product = normal(4, [2, 1, 2, 2]);
  const optimizer = adaHessian({ hessianPower: 0.7 });
  const { parameters: moved } = await evaluate(optimizer.update({
    parameters,
    gradients: { "conv.weight": constant(g) },
    hessianProduct: { "conv.weight": constant(product) },
    state: optimizer.init(parameters),
    learningRate: fill([], 1),
    scalars: tensors(optimizer.scalars(1)),
  }));
  const expected = start["conv.weight"].data.map((p: number, i: number) => {
    const kernel = [...product.data].slice(4 * Math.floor(i / 4)).slice(0, 4);
    const mean = kernel.reduce(
      (t: number, h: number) => t + Math.abs(h) / 4,
      0,
    );
    return p - g.data[i] / (mean ** 0.7 + 1e-4);
  });
  assertAllClose(
    moved["conv.weight"] as unknown as Value,
    expected,
    { absolute: 1e-13 }, // a dozen roundings of numbers of size 1 to 100
  );
});

/** The dense solution of (G (x) A + damping) V = D, by Cholesky. */
function denseSolve(
  a: number[][],
  g: number[][],
  d: number[][],
  damping: number,
): number[][] {
  const n = a.length, m = g.length;
  // Row i of D after row i - 1: entry (i, j) is element i n + j.
  const matrix = new Float64Array((m * n) ** 2);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      for (let k = 0; k < m; k++) {
        for (let l = 0; l < n; l++) {
          matrix[(i * n + j) * m * n + k * n + l] = g[i][k] * a[j][l] +
            (i === k && j === l ? damping : 0);
        }
      }
    }
  }
  const found = cholesky(value(matrix, [m * n, m * n]));
  assert(found.positiveDefinite);
  const inverse = choleskyInverse(found.lower).data;
  const flat = d.flat();
  return d.map((row, i) =>
    row.map((_, j) =>
      flat.reduce(
        (total, entry, k) => total + inverse[(i * n + j) * m * n + k] * entry,
        0,
      )
    )
  );
}

/** sum of the outer products of rows, times a factor. */
function outer(rows: number[][], factor: number): number[][] {
  const n = rows[0].length;
  return Array.from(
    { length: n },
    (_, i) =>
      Array.from(
        { length: n },
        (_, j) =>
          rows.reduce((total, row) => total + factor * row[i] * row[j], 0),
      ),
  );
}

/** [rows, columns] as lists. */
function rowsOf({ data, shape: [rows, columns] }: Value): number[][] {
  return Array.from(
    { length: rows },
    (_, i) => Array.from(data.slice(i * columns, (i + 1) * columns)),
  );
}

Deno.test("kfac() solves (G (x) A + damping) V = D of each layer", async () => {
  const start = startOf(two);
  const damping = 0.02;
  const step = await stepOf(
    kfac(two, {
      momentum: 0,
      statDecay: 0,
      damping,
      klClip: 1e9,
      factorInterval: 1,
      inverseInterval: 1,
    }),
    onTwo,
    start,
  );
  const parameters = asConstants(start);
  const { loss, uses } = onTwo(parameters);
  const [s1, s2] = await Promise.all(
    gradients(loss, uses!.map(({ output }) => output)).map((s) => evaluate(s)),
  );
  const inner = await evaluate(uses![1].input);
  const g = await gradientsAt(onTwo, start);
  const batch = 4;
  const withOne = rowsOf(x).map((row) => [...row, 1]);
  const weight = rowsOf(g["fc1.weight"]);
  const first = denseSolve(
    outer(withOne, 1 / batch),
    outer(rowsOf(s1), batch),
    weight.map((row, i) => [...row, g["fc1.bias"].data[i]]),
    damping,
  );
  const close = { absolute: 1e-11 }; // condition below 1e4, numbers of size 1
  assertAllClose(
    step["fc1.weight"],
    first.flatMap((r) => r.slice(0, 3)),
    close,
  );
  assertAllClose(step["fc1.bias"], first.map((r) => r[3]), close);
  const second = denseSolve(
    outer(rowsOf(inner), 1 / batch),
    outer(rowsOf(s2), batch),
    rowsOf(g["fc2.weight"]),
    damping,
  );
  assertAllClose(step["fc2.weight"], second.flat(), close);
});

Deno.test("kfac() clips so that lr^2 V . D is at most klClip", async () => {
  const start = startOf(two);
  const options = {
    momentum: 0,
    statDecay: 0,
    damping: 0.02,
    factorInterval: 1,
    inverseInterval: 1,
  };
  const whole = await stepOf(
    kfac(two, { ...options, klClip: 1e9 }),
    onTwo,
    start,
  );
  const g = await gradientsAt(onTwo, start);
  let product = 0;
  for (const name of Object.keys(g)) {
    product += [...whole[name].data].reduce(
      (t: number, v: number, i: number) => t + v * g[name].data[i],
      0,
    );
  }
  const klClip = product / 9;
  const clipped = await stepOf(kfac(two, { ...options, klClip }), onTwo, start);
  for (const name of Object.keys(g)) {
    assertAllClose(clipped[name], whole[name].data.map((v) => v / 3), {
      absolute: 1e-12,
    });
  }
});

Deno.test("kfac() on a linear regression takes Newton's step where one suffices", async () => {
  // One output with squared error: the Hessian is 2 A, and G is made 1 by hand.
  const model = linear("fc", 3, 1);
  const target = constant(normal(7, [6, 1]));
  const objective = objectiveOf(
    model,
    normal(8, [6, 3]),
    (output) => meanSquaredError(output, target),
  );
  const start = startOf(model);
  const optimizer = kfac(model, {
    momentum: 0,
    statDecay: 0,
    damping: 0,
    klClip: 1e9,
    factorInterval: 1,
    inverseInterval: 1,
  });
  const { compute } = optimizer.precondition!;
  const withUnitG: Optimizer = {
    ...optimizer,
    precondition: {
      ...optimizer.precondition!,
      compute: (state, draw) => {
        const { factors } = state as Parameters<typeof compute>[0];
        const fc = { a: factors["fc"].a, g: identity(1, 2) };
        return compute({ ...state, factors: { fc } } as never, draw);
      },
    },
  };
  const end = await minimize(withUnitG, objective, {
    start,
    steps: 1,
    rate: 1,
  });
  const g = await gradientsAt(objective, end);
  // At the minimum; the gradient was of size 1.
  assertAllClose(g["fc.weight"], [0, 0, 0], { absolute: 1e-12 });
  assertAllClose(g["fc.bias"], [0], { absolute: 1e-12 });
});

Deno.test("kfac() and kfacAsdl() leave frozen biases and other layers alone", () => {
  const fc = linear("fc", 3, 2);
  const bias = { ...fc.parameters["fc.bias"], frozen: true };
  const frozenBias: Layer = {
    ...fc,
    parameters: { ...fc.parameters, "fc.bias": bias },
  };
  const { factors } = kfac(frozenBias).init({ "fc.weight": fill([2, 3], 0) });
  assertEquals(factors["fc"].a.shape, [3, 3]);
  const weight = { ...fc.parameters["fc.weight"], frozen: true };
  const frozenWeight: Layer = {
    ...fc,
    parameters: { ...fc.parameters, "fc.weight": weight },
  };
  for (const make of [kfac, kfacAsdl]) {
    const optimizer = make(frozenWeight);
    assertEquals(optimizer.init({ "fc.bias": fill([2], 0) }).factors, {});
    assertEquals(optimizer.rule("fc.bias"), "v of g");
  }
});

Deno.test("kfacAsdl() is G^-1 W A^-1 with the damping shared out", async () => {
  // With two classes of very different logits the labels are sure, and t is known.
  const model = linear("fc", 3, 2, { bias: false });
  const start = { "fc.weight": value([1000, 0, 0, -1000, 0, 0], [2, 3]) };
  const input = value([1, 0.5, -1, -1, 2, 0.25, 1, 1, 1], [3, 3]);
  const target = constant(intValue([1, 0, 1]));
  const objective = objectiveOf(
    model,
    input,
    (output) => crossEntropy(output, target),
  );
  const damping = 0.09;
  const step = await stepOf(
    kfacAsdl(model, { momentum: 0, damping, clipNorm: 1e9 }),
    objective,
    start,
  );
  // The drawn labels are the classes that the model is sure of: t is 0, tr G is 0,
  // pi is infinite, and both get the damping itself.
  const a = outer(rowsOf(input), 1 / 3);
  const inverse = denseSolve(
    a.map((row, i) => row.map((v, j) => v + (i === j ? damping : 0))),
    [[1, 0], [0, 1]],
    rowsOf((await gradientsAt(objective, start))["fc.weight"]),
    0,
  );
  assertAllClose(step["fc.weight"], inverse.flat().map((v) => v / damping), {
    relative: 1e-12,
    absolute: 1e-12,
  });
});

Deno.test("kfacAsdl() takes tokens of a sample as it takes samples", async () => {
  const model = linear("fc", 3, 4);
  const start = startOf(model);
  const steps = await Promise.all([[6, 3], [2, 3, 3]].map((shape) => {
    const classes = constant(intValue([0, 1, 2, 3, 1, 0], shape.slice(0, -1)));
    return stepOf(
      kfacAsdl(model, { momentum: 0 }),
      objectiveOf(
        model,
        { ...normal(11, [6, 3]), shape },
        (output) => crossEntropy(output, classes),
      ),
      start,
    );
  }));
  for (const name of Object.keys(start)) {
    assertAllClose(steps[1][name], steps[0][name].data, { relative: 1e-12 });
  }
});

/** M^(-1/q) of a list of rows. */
function rootOf(matrix: number[][], q: number): number[][] {
  const n = matrix.length;
  return rowsOf(inverseRoot(value(matrix.flat(), [n, n]), q).root);
}

Deno.test("shampooAsdl() multiplies a tensor of three axes by three roots", async () => {
  const shape = [2, 3, 2];
  const g = normal(9, shape);
  const at = (i: number, j: number, k: number) => (i * 3 + j) * 2 + k;
  const model = { ...sequential([]), parameters: {} } as Layer;
  const step = await stepOf(
    shampooAsdl(model, { momentum: 0, damping: 0, clipNorm: 1e9 }),
    ({ p }) => ({ loss: sum(mul(p, constant(g))) }),
    { p: normal(10, shape) },
  );
  // Rows of the unfoldings.
  const rows = [
    [0, 1].map((i) => pairs(3, 2).map(([j, k]) => g.data[at(i, j, k)])),
    [0, 1, 2].map((j) => pairs(2, 2).map(([i, k]) => g.data[at(i, j, k)])),
    [0, 1].map((k) => pairs(2, 3).map(([i, j]) => g.data[at(i, j, k)])),
  ];
  const [p0, p1, p2] = rows.map((unfolded) => {
    const gram = unfolded.map((a) =>
      unfolded.map((b) => a.reduce((t, v, i) => t + v * b[i], 0))
    );
    gram.forEach((row, i) => row[i] += 1e-12);
    return rootOf(gram, 6);
  });
  const expected = Array.from({ length: 12 }, (_, index) => {
    const i = Math.floor(index / 6), j = Math.floor(index / 2) % 3;
    const k = index % 2;
    let total = 0;
    for (const [a, b] of pairs(2, 3)) {
      for (let c = 0; c < 2; c++) {
        total += p0[i][a] * p1[j][b] * p2[k][c] * g.data[at(a, b, c)];
      }
    }
    return total;
  });
  // Each root is good to 1e-6 / 6 or so.
  assertAllClose(step.p, expected, { absolute: 1e-5 });
});

function pairs(m: number, n: number): [number, number][] {
  return Array.from({ length: m * n }, (_, i) => [Math.floor(i / n), i % n]);
}

Deno.test("shampooAsdl() has no root for an axis of extent 1", async () => {
  const g = value([3, 4], [2, 1]);
  const model = sequential([flatten()]);
  const step = await stepOf(
    shampooAsdl(model, { momentum: 0, damping: 0, clipNorm: 1e9 }),
    ({ p }) => ({ loss: sum(mul(p, constant(g))) }),
    { p: value([1, 2], [2, 1]) },
  );
  // (g g^T)^(-1/4) g = g / sqrt(|g|)
  assertAllClose(step.p, [3 / Math.sqrt(5), 4 / Math.sqrt(5)], {
    absolute: 1e-5, // the iteration ends at 1e-6
  });
});

Deno.test("a preconditioner that cannot be had stays the last good one, is counted, and ends the run", () => {
  const optimizer = kfacAsdl(linear("fc", 2, 1), { mostFailures: 2 });
  const { compute } = optimizer.precondition!;
  type State = Parameters<typeof compute>[0];
  const last = { a: identity(2, 5), g: identity(1, 7) };
  const stateWith = (a: Value, failures: number): State => ({
    velocity: {},
    factors: { fc: { a, g: identity(1) } },
    inverses: { fc: last },
    failures: { fc: value(Int32Array.of(failures), []) },
  });
  const noDraw = () => new Float64Array();
  const bad = identity(2, -1000), good = identity(2);
  for (const failures of [0, 1]) {
    const next = compute(stateWith(bad, failures), noDraw);
    assertEquals(next.inverses, { fc: last });
    assertEquals(next.failures!.fc.data[0], failures + 1);
  }
  const renewed = compute(stateWith(good, 2), noDraw);
  assertEquals(renewed.failures!.fc.data[0], 0);
  assert(renewed.inverses!.fc.a.data[0] < 1);
  const error = assertThrows(
    () => compute(stateWith(bad, 2), noDraw),
    PreconditionerError,
    "Cannot precondition fc: its damped factor A is not positive definite, 3 times in a row",
  );
  assertEquals(error.owner, "fc");
});

Deno.test("kfac() counts eigenvalues of rounding errors as 0", () => {
  const optimizer = kfac(linear("fc", 1, 1));
  const { compute } = optimizer.precondition!;
  const a = value([1, 1, 1, 1 - 1e-12], [2, 2]);
  const last = {
    inputVectors: identity(2),
    inputValues: value([1, 1]),
    outputVectors: identity(1),
    outputValues: value([1]),
  };
  const { eigen } = compute({
    velocity: {},
    factors: { fc: { a, g: identity(1, 3) } },
    eigen: { fc: last },
    failures: { fc: value(Int32Array.of(0), []) },
  }, () => new Float64Array());
  assertEquals(eigen!.fc.inputValues.data[0], 0);
  assertAllClose(eigen!.fc.outputValues, [3]);
});
