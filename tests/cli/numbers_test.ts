import { assertEquals } from "@std/assert";
import { decimal, secondsOf } from "../../cli/numbers.ts";

Deno.test("secondsOf: no time above 0 is shown as 0", () => {
  const shown = [0, 4.2e-5, 0.0449, 0.5, 1, 12.34, 3600].map(secondsOf);
  assertEquals(
    shown,
    ["0 s", "0.000042 s", "0.045 s", "0.5 s", "1.0 s", "12.3 s", "3600.0 s"],
  );
});

Deno.test("decimal: a number in decimals, and nothing else", () => {
  assertEquals(["1", "-.5", "2.", "1e-3"].map(decimal), [1, -0.5, 2, 1e-3]);
  for (
    const text of ["", " ", "1 ", "0x10", "0b1", "1_000", "Infinity", "1e"]
  ) {
    assertEquals(decimal(text), NaN, text);
  }
});
