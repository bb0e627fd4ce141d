/**
 * Packing: a strip of a matrix laid down so that a tile reads it from front to
 * back, whatever the strides it had: step by step along the sum, and for each
 * step the strip's numbers side by side.
 *
 * @module
 */

import type { FunctionBuilder } from "../wasm/assembler.ts";
import {
  type Expression,
  f32,
  i32,
  i32x4,
  type Local,
  type Operand,
  v128,
} from "../wasm/expression.ts";
import { FLOAT, LANES } from "./tile.ts";

/** A strip of a matrix. */
export interface Strip {
  /** Address of its first number; it is moved. */
  readonly from: Local<"i32">;
  /** Bytes between neighbours across the strip, and along the sum. */
  readonly across: number;
  readonly along: number;
  /** Numbers across, and as many as they become: zeros stand behind them. */
  readonly count: number;
  readonly width: number;
  /** Steps along the sum. */
  readonly steps: Operand<"i32">;
  /** Where it is laid; it is moved. */
  readonly to: Local<"i32">;
}

/** Emits the packing of a strip. */
export function pack(f: FunctionBuilder, strip: Strip): void {
  if (strip.along === FLOAT && strip.count >= LANES) packRows(f, strip);
  else packSteps(f, strip, strip.steps);
}

/** Step by step; in vectors where neighbours lie side by side. */
function packSteps(
  f: FunctionBuilder,
  { from, across, along, count, width, to }: Strip,
  steps: Operand<"i32">,
): void {
  const step = f.local("i32");
  f.loop(step, 0, steps, 1, () => {
    let lane = 0;
    for (; across === FLOAT && lane + LANES <= count; lane += LANES) {
      f.store(to, v128.load(from, lane * FLOAT), lane * FLOAT);
    }
    for (; lane < count; lane++) {
      f.store(to, f32.load(from, lane * across), lane * FLOAT);
    }
    for (; lane < width; lane++) f.store(to, f32.const(0), lane * FLOAT);
    f.increase(from, along);
    f.increase(to, width * FLOAT);
  });
}

/** Where steps lie side by side: four of them are read at once. */
function packRows(f: FunctionBuilder, strip: Strip): void {
  const { from, across, count, width, to } = strip;
  const steps = f.let(i32.const(0));
  f.set(steps, strip.steps);
  const fours = f.let(i32.shr_u(steps, 2));
  const i = f.local("i32");
  f.loop(i, 0, fours, 1, () => {
    let lane = 0;
    for (; lane + LANES <= count; lane += LANES) {
      const rows = [0, 1, 2, 3].map((r) =>
        f.let(v128.load(from, (lane + r) * across))
      );
      transpose(f, rows).forEach((column, step) =>
        f.store(to, column, (step * width + lane) * FLOAT)
      );
    }
    for (; lane < width; lane++) {
      for (let step = 0; step < LANES; step++) {
        const number = lane < count
          ? f32.load(from, lane * across + step * FLOAT)
          : f32.const(0);
        f.store(to, number, (step * width + lane) * FLOAT);
      }
    }
    f.increase(from, LANES * FLOAT);
    f.increase(to, LANES * width * FLOAT);
  });
  packSteps(f, strip, i32.and(steps, 3));
}

/** The columns of four rows of four numbers. */
export function transpose(
  f: FunctionBuilder,
  [a, b, c, d]: readonly Expression<"v128">[],
): Local<"v128">[] {
  const low = (x: Expression<"v128">, y: Expression<"v128">) =>
    f.let(i32x4.shuffle(x, y, [0, 4, 1, 5]));
  const high = (x: Expression<"v128">, y: Expression<"v128">) =>
    f.let(i32x4.shuffle(x, y, [2, 6, 3, 7]));
  const [ac, bd, ac2, bd2] = [low(a, c), low(b, d), high(a, c), high(b, d)];
  return [low(ac, bd), high(ac, bd), low(ac2, bd2), high(ac2, bd2)];
}
