import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  compile,
  DeviceState,
  lower,
  type Program,
} from "../../src/program/mod.ts";
import { referenceDevice } from "../../src/reference/mod.ts";
import * as T from "../../src/tensor/mod.ts";
import { assertAllClose } from "../assert_close.ts";
import { naive } from "../reference/naive.ts";
import { randomGraph } from "./random_graph.ts";

const program = (...outputs: T.Tensor[]): Program =>
  lower(new Map(outputs.map((tensor, i) => [`${i}`, tensor])));

const kinds = ({ instructions }: Program): string[] =>
  instructions.map(({ operation }) => operation.kind);

const x = T.input("x", [2, 3]);

/** The only output's number, where the program found it to be one number. */
function foldedTo(tensor: T.Tensor): number {
  const { instructions } = program(tensor);
  for (const { operation } of instructions) {
    assert(["constant", "reshape", "broadcast"].includes(operation.kind));
  }
  const [{ operation }] = instructions;
  assert(operation.kind === "constant");
  return operation.data[0];
}

Deno.test("lower computes the same bits as the expressions, on random graphs", async () => {
  for (let seed = 0; seed < 300; seed++) {
    const { inputs, outputs } = randomGraph(seed, 60);
    const step = compile(
      { state: {}, inputs, step: () => ({ state: {}, outputs }) },
      referenceDevice,
    );
    const results = await step.run(
      new DeviceState(referenceDevice, {}),
      inputs,
    );
    const data = Object.fromEntries(
      Object.entries(inputs).map(([name, { data }]) => [`input:${name}`, data]),
    );
    const known = new Map();
    for (const [name, tensor] of Object.entries(outputs)) {
      const what = `seed ${seed}, ${name}`;
      // Exactly: both add in the order of the indices.
      assertAllClose(results[name], naive(tensor, data, known), {}, what);
    }
  }
});

Deno.test("lower computes common subexpressions once", () => {
  const twice = () => T.mul(T.exp(x), T.sum(x, 0));
  assertEquals(
    kinds(program(T.add(twice(), twice()))).filter((kind) => kind === "exp"),
    ["exp"],
  );
  const same = program(T.exp(x), T.exp(x));
  assertEquals(same.outputs.get("0"), same.outputs.get("1"));
});

Deno.test("lower keeps apart what differs in an attribute alone", () => {
  const pairs: [T.Tensor, T.Tensor][] = [
    [T.sum(x, 0, { keepAxes: true }), T.max(x, 0, { keepAxes: true })],
    [T.pad(x, [1, 0], [0, 0]), T.pad(x, [0, 0], [1, 0])],
    ...[[0, -0], [0, Infinity], [Infinity, -Infinity], [NaN, Infinity]].map((
      [a, b],
    ): [T.Tensor, T.Tensor] => [
      T.pad(x, [1, 0], [0, 0], undefined, a),
      T.pad(x, [1, 0], [0, 0], undefined, b),
    ]),
    [T.constant(0), T.constant(-0)],
    [T.constant(1), T.constant(1, "int")],
    [T.cast(x, "int"), T.cast(x, "bool")],
    [T.input("a", []), T.input("b", [])],
    [T.constant(T.value([1, 2])), T.constant(T.value([1, 2]))],
  ];
  for (const [a, b] of pairs) {
    const { outputs } = program(a, b);
    assert(outputs.get("0") !== outputs.get("1"), `${a} and ${b}`);
  }
});

Deno.test("lower knows a constant's array by identity", () => {
  const value = T.value([1, 2]);
  assertEquals(
    kinds(program(T.add(T.constant(value), T.constant(value)))),
    ["constant", "add"],
  );
});

Deno.test("lower does arithmetic on constants", () => {
  assertEquals(foldedTo(T.add(T.fill([2, 3], 1), T.mul(2, 3))), 7);
  assert(Object.is(foldedTo(T.mul(T.constant(-1), 0)), -0));
  assertEquals(foldedTo(T.div(1, T.constant(-0))), -Infinity);
  assertEquals(foldedTo(T.neg(T.fill([2], Infinity))), -Infinity);
  assertEquals(foldedTo(T.sub(Infinity, Infinity)), NaN);
  const big = T.constant(2147483647, "int");
  assertEquals(foldedTo(T.add(big, 1)), -2147483648);
  assertEquals(foldedTo(T.cast(T.constant(-1.5), "int")), -1);
  assertEquals(foldedTo(T.cast(T.less(1, 2), "float")), 1);
  assertEquals(foldedTo(T.select(T.less(2, 1), 5, 6)), 6);
});

Deno.test("lower leaves neutral operations out, and those alone", () => {
  const gone: T.Tensor[] = [
    T.add(x, -0),
    T.add(-0, x),
    T.sub(x, 0),
    T.mul(x, 1),
    T.mul(1, x),
    T.div(x, 1),
    T.pow(x, 1),
    T.select(T.equal(1, 1), x, T.exp(x)),
    T.select(T.equal(1, 2), T.exp(x), x),
    T.transpose(T.transpose(x)),
    T.transpose(x, [0, 1]),
    T.slice(x, [0, 0], [2, 3]),
    T.pad(x, [0, 0], [0, 0]),
    T.reshape(T.reshape(x, [6]), [2, 3]),
  ];
  for (const tensor of gone) assertEquals(kinds(program(tensor)), ["input"]);
  // Each of these changes some number: -0, NaN or the sign of a zero.
  const kept = [T.add(x, 0), T.sub(x, -0), T.sub(0, x), T.mul(x, 0)];
  for (const tensor of kept) assert(kinds(program(tensor)).length > 1);
  const i = T.input("i", [2], "int");
  assertEquals(kinds(program(T.add(i, 0))), ["input"]);
});

Deno.test("lower leaves out what no output needs", () => {
  const unused = T.exp(x);
  assertEquals(
    kinds(program(T.select(T.equal(1, 1), x, unused), T.sum(x))),
    ["input", "sum", "reshape"],
  );
});

Deno.test("lower refuses two inputs of one name", () => {
  assertThrows(
    () => program(T.sum(x), T.sum(T.input("x", [3]))),
    RangeError,
    "Cannot compile: input x is both float[2, 3] and float[3]",
  );
  assertThrows(
    () => program(x, T.input("x", [2, 3], "int")),
    RangeError,
    "input x is both float[2, 3] and int[2, 3]",
  );
});
