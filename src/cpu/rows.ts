/**
 * Rows by index: adding rows into a table, and looking for indices that are
 * outside of one.
 *
 * @module
 */

import { f32x4, i32, i32x4, v128 } from "../wasm/expression.ts";
import { walkOver } from "./axes.ts";
import { type Kernel, nameOf, type Scene } from "./kernel.ts";
import { nestKey, type NestSource } from "./loops.ts";
import { Nest } from "./nest.ts";
import { Position } from "./places.ts";

/** Columns of a unit. */
const COLUMNS = 16;

/**
 * The kernel of `scatter-add-rows`: the table starts as zeros, and the rows are
 * added one after another, so that rows of equal index are added in order.
 *
 * Inputs: rows [N, D], indices [N]; output: the table [V, D]. A unit is some
 * columns of the table.
 */
export function scatterKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { shape, dtype, operands } = instruction;
  const [rows, indices] = operands.map((o) => scene.roots[o]);
  const [count] = scene.instructions[operands[0]].shape;
  const [height, width] = shape;
  return {
    name: nameOf(instruction),
    key: `scatter ${count} ${height} ${width}`,
    inputs: [rows, indices],
    outputs: [{ number: index, spec: { shape, dtype } }],
    units: Math.ceil(width / COLUMNS),
    scratch: 0,
    emit: (f) => {
      const [from, chosen, to, , first, last] = [0, 1, 2, 3, 4, 5].map((i) =>
        f.parameter(i)
      );
      const unit = f.local("i32"), n = f.local("i32"), c = f.local("i32");
      f.loop(unit, first, last, 1, () => {
        const start = f.let(i32.mul(unit, COLUMNS * 4));
        const rest = f.let(i32.sub(width * 4, start));
        const columns = (body: (c: typeof n, vectors: boolean) => void) => {
          f.if(
            i32.ge_u(rest, COLUMNS * 4),
            () => f.loop(c, 0, COLUMNS * 4, 16, () => body(c, true)),
            () => f.loop(c, 0, rest, 4, () => body(c, false)),
          );
        };
        f.loop(n, 0, height, 1, () => {
          const row = f.let(i32.add(i32.mul(n, width * 4), i32.add(to, start)));
          columns((c, vectors) => {
            const zero = i32x4.const([0, 0, 0, 0]);
            if (vectors) f.store(i32.add(row, c), zero);
            else f.storeLane(i32.add(row, c), zero, 0);
          });
        });
        f.loop(n, 0, count, 1, () => {
          const row = f.let(i32.load(i32.add(chosen, i32.mul(n, 4))));
          f.if(i32.lt_u(row, height), () => {
            const sum = f.let(
              i32.add(i32.mul(row, width * 4), i32.add(to, start)),
            );
            const added = f.let(
              i32.add(i32.mul(n, width * 4), i32.add(from, start)),
            );
            columns((c, vectors) => {
              const at = f.let(i32.add(sum, c));
              const x = i32.add(added, c);
              if (vectors) f.store(at, f32x4.add(v128.load(at), v128.load(x)));
              else {
                const total = f32x4.add(
                  v128.load32_zero(at),
                  v128.load32_zero(x),
                );
                f.storeLane(at, total, 0);
              }
            });
          });
        });
      });
    },
  };
}

/** A look for indices outside a table. */
export interface RowCheck {
  /** Instruction that takes or adds rows. */
  readonly index: number;
  /** Number of the result: int [2], the first bad place plus 1, and its index. */
  readonly number: number;
  readonly kernel: Kernel;
}

/** Rows of the table that an instruction takes or adds rows of. */
export function tableRows(
  { instructions }: Pick<Scene, "instructions">,
  index: number,
): number {
  const { operation, operands, shape } = instructions[index];
  return operation.kind === "take-rows"
    ? instructions[operands[0]].shape[0]
    : shape[0];
}

/** The kernel that looks for indices outside a table, in order. */
export function rowCheck(scene: Scene, index: number): RowCheck {
  const indices = scene.instructions[index].operands[1];
  const rows = tableRows(scene, index);
  const { shape } = scene.instructions[indices];
  const nestSource = walkOver(
    scene,
    shape,
    ({ values, axes, coordinates }): NestSource => {
      const position = Position.at(values.places, shape, coordinates);
      const node = values.element(indices, position);
      return { values, axes, vector: undefined, stores: [], roots: [node] };
    },
  );
  const { values, axes, roots: [node] } = nestSource;
  const number = scene.scratch();
  const kernel: Kernel = {
    name: `look for rows in ${nameOf(scene.instructions[index])}`,
    key: `rows ${rows} ${nestKey(nestSource)}`,
    inputs: values.inputs,
    outputs: [{ number, spec: { shape: [2], dtype: "int" } }],
    units: 1,
    scratch: 0,
    emit: (f) => {
      const nest = new Nest(f, nestSource);
      const place = f.local("i32"), bad = f.local("i32"), at = f.local("i32");
      nest.enter(0);
      const open = (i: number): void => {
        if (i < axes.length) return nest.loop(axes[i], () => open(i + 1));
        f.increase(at, 1);
        const row = f.let(i32x4.extract_lane(nest.value(node, 0), 0));
        f.if(i32.and(i32.ge_u(row, rows), i32.eqz(place)), () => {
          f.set(place, at);
          f.set(bad, row);
        });
      };
      open(0);
      const out = f.parameter(values.inputs.length);
      f.store(out, place);
      f.store(out, bad, 4);
    },
  };
  return { index, number, kernel };
}
