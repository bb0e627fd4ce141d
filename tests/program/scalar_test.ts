import { assert, assertEquals } from "@std/assert";
import { computeScalar, erf } from "../../src/program/scalar.ts";

/** x and erf(x), rounded from 50 digits. */
const ERF: readonly (readonly [number, number])[] = [
  [1e-300, 1.1283791670955126e-300],
  [5e-324, 5e-324],
  [1e-10, 1.1283791670955126e-10],
  [0.001, 0.0011283787909692365],
  [0.1875, 0.20911767705937584],
  [0.46875, 0.49261347321793797],
  [0.75, 0.7111556336535151],
  [1.03125, 0.855271810442917],
  [1.3125, 0.9365685747113888],
  [1.59375, 0.9757977205900914],
  [1.78125, 0.9882334039122952],
  [1.8125, 0.9896306257947752],
  [1.84375, 0.9908782275068627],
  [1.875, 0.9919900576701199],
  [1.90625, 0.9929789587439347],
  [1.9375, 0.9938568063952132],
  [1.96875, 0.9946345516338942],
  [2.0, 0.9953222650189527],
  [2.03125, 0.995929182294753],
  [2.0625, 0.9964637508747902],
  [2.09375, 0.9969336766479546],
  [2.125, 0.9973459706405177],
  [2.15625, 0.997706995124218],
  [2.4375, 0.9994334567454198],
  [2.71875, 0.9998793950076307],
  [3.0, 0.9999779095030014],
  [3.28125, 0.9999965224480856],
  [3.5625, 0.999999529912161],
  [3.84375, 0.9999999454743899],
  [4.125, 0.9999999945765992],
  [4.40625, 0.9999999995376515],
  [4.6875, 0.999999999966232],
  [4.96875, 0.9999999999978879],
  [5.25, 0.9999999999998869],
  [5.53125, 0.9999999999999948],
  [5.8125, 0.9999999999999998],
  [6.09375, 1.0],
  [6.375, 1.0],
  [6.46875, 1.0],
  [6.5, 1.0],
  [6.53125, 1.0],
  [1.9999999, 0.9953222629522538],
  [1.99999999999, 0.9953222650187461],
  [2.0, 0.9953222650189527],
  [2.0000001, 0.9953222670856509],
  [2.5, 0.999593047982555],
  [3.3, 0.9999969422902035],
  [5.9, 0.9999999999999999],
  [5.99999, 1.0],
  [6.0, 1.0],
  [6.5, 1.0],
  [30.0, 1.0],
];

/** Distance in units in the last place, of numbers of one sign. */
function unitsBetween(a: number, b: number): number {
  const bits = new BigInt64Array(Float64Array.of(a, b).buffer);
  return Math.abs(Number(bits[0] - bits[1]));
}

Deno.test("erf is right to two units in the last place, and odd", () => {
  for (const [x, expected] of ERF) {
    assert(
      unitsBetween(erf(x), expected) <= 2,
      `erf(${x}) is ${erf(x)}, expected ${expected}`,
    );
    assertEquals(erf(-x), -erf(x));
  }
});

Deno.test("erf of special numbers", () => {
  assertEquals(erf(NaN), NaN);
  assertEquals(erf(Infinity), 1);
  assertEquals(erf(-Infinity), -1);
  assert(Object.is(erf(0), 0));
  assert(Object.is(erf(-0), -0));
});

Deno.test("computeScalar knows element-wise operations only", () => {
  assertEquals(computeScalar({ kind: "add" }, [1, 2], "float"), 3);
  assertEquals(computeScalar({ kind: "select" }, [0, 1, 2], "float"), 2);
  assertEquals(computeScalar({ kind: "matmul" }, [1, 2], "float"), undefined);
});

Deno.test("computeScalar multiplies ints modulo 2^32", () => {
  assertEquals(computeScalar({ kind: "mul" }, [65537, 65537], "int"), 131073);
});

Deno.test("computeScalar cuts towards 0 in a cast to int", () => {
  const cut = (x: number) => computeScalar({ kind: "cast" }, [x], "int");
  assertEquals([1.9, -1.9, NaN].map(cut), [1, -1, 0]);
});
