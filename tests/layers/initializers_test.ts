import { assertEquals } from "@std/assert";
import {
  filled,
  kaimingNormalFanOut,
  kaimingUniform,
  normal,
  uniform,
} from "../../src/layers/mod.ts";
import { randomNormal, randomUniform, streamOf } from "../../src/tensor/mod.ts";

Deno.test("uniform spreads the draws of the name's stream over [-bound, bound)", () => {
  const draws = randomUniform([3, 0], streamOf("w"), 6);
  const { data, shape } = uniform(0.5)("w", [2, 3], [3, 0]);
  assertEquals(shape, [2, 3]);
  assertEquals(data, draws.map((u) => (2 * u - 1) * 0.5));
});

Deno.test("normal scales the draws of the name's stream", () => {
  const draws = randomNormal([3, 0], streamOf("w"), 6);
  assertEquals(normal(0.02)("w", [6], [3, 0]).data, draws.map((n) => n * 0.02));
});

Deno.test("filled gives the same number everywhere", () => {
  assertEquals([...filled(2)("w", [3], [0, 0]).data], [2, 2, 2]);
});

Deno.test("kaimingUniform is uniform within 1 / sqrt(fan in)", () => {
  assertEquals(
    kaimingUniform("w", [5, 2, 3, 3], [1, 0]),
    uniform(1 / Math.sqrt(18))("w", [5, 2, 3, 3], [1, 0]),
  );
});

Deno.test("kaimingNormalFanOut is normal with the variance 2 / fan out", () => {
  assertEquals(
    kaimingNormalFanOut("w", [5, 2, 3, 3], [1, 0]),
    normal(Math.sqrt(2 / 45))("w", [5, 2, 3, 3], [1, 0]),
  );
});
