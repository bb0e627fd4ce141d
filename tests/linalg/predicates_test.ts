import { assertEquals } from "@std/assert";
import { inCircle, type Point, side } from "../../src/linalg/predicates.ts";

const ulp = 2 ** -52;

Deno.test("side: tells left, right and on the line", () => {
  assertEquals(side([0, 0], [1, 0], [0, 1]) > 0, true);
  assertEquals(side([0, 0], [1, 0], [0, -1]) < 0, true);
  assertEquals(side([0, 0], [1, 1], [3, 3]), 0);
});

Deno.test("side: is right where floating point cannot be", () => {
  // The line through (12, 12) and (24, 24), and points a few roundings beside it: the
  // difference of products is 0 or has the wrong sign for many of them.
  let wrong = 0;
  for (let i = -20; i <= 20; i++) {
    for (let j = -20; j <= 20; j++) {
      const p: Point = [0.5 + i * ulp / 2, 0.5 + j * ulp / 2];
      // Both are exact: 0.5 + k ulp/2 is a float64.
      const truth = Math.sign(p[1] - p[0]);
      assertEquals(Math.sign(side([12, 12], [24, 24], p)), truth, `${i} ${j}`);
      const rounded = (12 - p[0]) * (24 - p[1]) - (12 - p[1]) * (24 - p[0]);
      if (Math.sign(rounded) !== truth) wrong++;
    }
  }
  assertEquals(
    wrong > 100,
    true,
    `plain arithmetic failed only ${wrong} times`,
  );
});

Deno.test("side: is right for numbers whose products are too small or too large", () => {
  for (const scale of [2 ** -1074, 2 ** -600, 2 ** 600, 2 ** 1020]) {
    const p = (x: number, y: number): Point => [x * scale, y * scale];
    assertEquals(Math.sign(side(p(0, 0), p(1, 1), p(2, 3))), 1);
    assertEquals(side(p(0, 0), p(1, 1), p(3, 3)), 0);
    assertEquals(Math.sign(side(p(0, 0), p(1, 1), p(3, 2))), -1);
  }
});

Deno.test("inCircle: tells inside, outside and on the circle, exactly", () => {
  const [a, b, c]: Point[] = [[1, 0], [0, 1], [-1, 0]];
  assertEquals(inCircle(a, b, c, [0, -1]), 0);
  assertEquals(inCircle(a, b, c, [0, -1 + ulp / 2]) > 0, true);
  assertEquals(inCircle(a, b, c, [0, -1 - ulp]) < 0, true);
  assertEquals(inCircle(a, b, c, [0, 0]) > 0, true);
  // Pythagorean points on the circle of radius 65, far from the origin.
  const far = (x: number, y: number): Point => [x + 2 ** 40, y - 2 ** 41];
  assertEquals(
    inCircle(far(16, 63), far(-33, 56), far(-52, -39), far(60, -25)),
    0,
  );
});
