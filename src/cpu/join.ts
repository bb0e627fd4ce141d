/**
 * Joins sums that were computed in parts: result = part 0 + part 1 + ..., in this
 * order for every element.
 *
 * @module
 */

import type { Instruction } from "../program/program.ts";
import { sizeOf } from "../tensor/value.ts";
import { f32x4, i32, v128 } from "../wasm/expression.ts";
import { type Kernel, nameOf } from "./kernel.ts";
import { FLOAT, LANES, storeLanes } from "./tile.ts";

/** Vectors of a unit. */
const VECTORS = 64;

/** The kernel that adds up parts, each of the instruction's shape. */
export function joinParts(
  instruction: Instruction,
  from: number,
  to: number,
  parts: number,
): Kernel {
  const size = sizeOf(instruction.shape);
  const vectors = Math.ceil(size / LANES);
  return {
    name: `${nameOf(instruction)}, joined`,
    key: `join ${parts} parts of ${size}`,
    emit: (f) => {
      const [input, output, , first, last] = [0, 1, 2, 3, 4].map((i) =>
        f.parameter(i)
      );
      const begin = f.let(i32.mul(first, VECTORS));
      const end = f.let(i32.mul(last, VECTORS));
      f.lower(end, vectors);
      const v = f.local("i32");
      f.loop(v, begin, end, 1, () => {
        const at = f.let(i32.add(input, i32.shl(v, 4)));
        const sum = f.let(v128.load(at));
        const part = f.local("i32");
        f.loop(part, 1, parts, 1, () => {
          f.increase(at, size * FLOAT);
          f.set(sum, f32x4.add(sum, v128.load(at)));
        });
        const place = f.let(i32.add(output, i32.shl(v, 4)));
        const rest = size % LANES;
        if (rest === 0) f.store(place, sum);
        else {
          f.if(
            i32.eq(v, vectors - 1),
            () => storeLanes(f, place, sum, rest, 0),
            () => f.store(place, sum),
          );
        }
      });
    },
    inputs: [from],
    outputs: [{ number: to, spec: instruction }],
    units: Math.ceil(vectors / VECTORS),
    scratch: 0,
  };
}
