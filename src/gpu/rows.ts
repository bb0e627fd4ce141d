/**
 * Kernels that go through rows: each reduces its rows, one reduction after the
 * other where one needs the other, and then computes what is made of the rows and
 * of their totals. Nothing of a row goes through memory in between.
 *
 * Bindings: what is read, the results. A row is computed by one invocation where
 * rows are short, else by a workgroup, whose lanes join their shares in workgroup
 * memory, in two steps. Four neighbours of a row are a vector where they can be.
 *
 * @module
 */

import type { Group } from "../program/groups.ts";
import type { Rows } from "../program/rows.ts";
import { sizeOf } from "../tensor/value.ts";
import { bindResults, storeValue } from "./elementwise.ts";
import { Expression, groupName, type Scene } from "./expression.ts";
import { fourOf, Fours } from "./fours.ts";
import {
  joinLanes,
  JOINS,
  MANY_ALONE,
  MOST_ALONE,
  type Total,
  totalOf,
} from "./totals.ts";
import { assembleGroup, type Kernel } from "./wgsl.ts";

/** The kernel of a group that goes through rows. */
export function rowsKernel(scene: Scene, group: Group, rows: Rows): Kernel {
  const { results } = group;
  const { count, length, reductions } = rows;
  const members = new Set([...results, ...reductions]);
  const { instructions } = scene;
  const inside: Scene = {
    ...scene,
    // What the kernel computes it does not read.
    stored: scene.stored.map((is, i) => is && !members.has(i)),
  };
  const maps = results.filter((i) => !reductions.includes(i));
  const isWide = (i: number) =>
    sizeOf(instructions[i].shape) === count * length;
  const wide = maps.filter(isWide);
  const narrow = maps.filter((i) => !isWide(i));
  const stages = stagesOf(inside, reductions);
  const totals = new Map(
    reductions.map((index) => [index, totalOf(instructions, index)]),
  );

  /** Writes everything; four numbers at a time unless it cannot be. */
  const write = (
    singles: ReadonlySet<number> | undefined,
  ): Written | undefined => {
    const inputs: Expression["inputs"] = [];
    const given = new Map(reductions.map((index, i) => [index, `row${i}`]));
    const functions = new Set<string>(JOINS);
    const read = new Set<number>();
    let flags = false, scattered = false;
    const finish = (expression: Expression): string => {
      for (const name of expression.functions) functions.add(name);
      for (const index of expression.singles) read.add(index);
      flags ||= expression.flags;
      return expression.lines.join("\n");
    };
    const elements = (
      indices: readonly number[],
      compute: boolean,
    ): { lines: string; values: string[] } => {
      const shared = { inputs, given };
      if (!singles) {
        const expression = new Expression(inside, shared);
        const values = indices.map((index) =>
          compute
            ? expression.compute(index, "place")
            : expression.element(index, "place")
        );
        return { lines: finish(expression), values };
      }
      const fours = new Fours(inside, singles, shared);
      const values = indices.map((index) =>
        compute ? fours.compute(index, "place") : fours.four(index, "place")
      );
      scattered ||= fours.scattered;
      return { lines: finish(fours.expression), values };
    };
    const reduced = stages.map((stage) =>
      elements(stage.map((i) => instructions[i].operands[0]), false)
    );
    const mapped = elements(wide, true);
    const single = new Expression(inside, { inputs, given });
    const ofRows = {
      values: narrow.map((index) => single.compute(index, "row")),
      lines: finish(single),
    };
    return scattered
      ? undefined
      : { inputs, functions, read, flags, reduced, mapped, ofRows };
  };
  let written = length % 4 === 0 ? write(new Set()) : undefined;
  const vector = written !== undefined;
  if (written && written.read.size > 0) written = write(written.read);
  const { inputs, functions, flags, reduced, mapped, ofRows } = written ??
    write(undefined)!;

  const steps = vector ? length / 4 : length;
  const alone = steps <= MOST_ALONE ||
    (scene.software && count >= MANY_ALONE);
  const lanes = alone ? 1 : steps >= 2048 ? 256 : 64;
  const loop = (body: string): string =>
    `for (var c = ${
      lanes === 1 ? "0u" : "lane"
    }; c < ${steps}u; c += ${lanes}u) {
  let place = row * ${steps}u + c;
${body}
}`;
  const name = (index: number) => reductions.indexOf(index);
  const each = (
    stage: readonly number[],
    line: (total: Total, i: number, k: number) => string,
  ): string =>
    stage.map((index, k) => line(totals.get(index)!, name(index), k))
      .join("\n");
  const reduce = stages.map((stage, s) => {
    const { lines, values } = reduced[s];
    return `${
      each(stage, ({ first, type, four }, i) =>
        `var total${i} = ${vector ? four : type}(${first});`)
    }
${
      loop(`${lines}
${
        each(
          stage,
          ({ join }, i, k) =>
            `  total${i} = ${join(`total${i}`, values[k], vector)};`,
        )
      }`)
    }
${
      each(stage, ({ join }, i) => {
        const [x, y, z, w] = [..."xyzw"].map((c) => `total${i}.${c}`);
        return `let whole${i} = ${
          vector
            ? join(`(${join(x, y, false)})`, `(${join(z, w, false)})`, false)
            : `total${i}`
        };`;
      })
    }
${
      lanes === 1
        ? each(stage, (_, i) => `let row${i} = whole${i};`)
        : `${
          joinLanes(
            lanes,
            stage.map((index) => ({
              shared: `shared${name(index)}`,
              whole: `whole${name(index)}`,
              join: (a, b) => totals.get(index)!.join(a, b, false),
            })),
          )
        }
workgroupBarrier();
${each(stage, (_, i) => `let row${i} = shared${i}[0];`)}`
    }`;
  });
  const bindings = bindResults(scene, results, { inputs }, false).map((bound) =>
    vector && isWide(bound.number) && !bound.name.startsWith("in")
      ? { ...bound, type: fourOf(bound.spec.dtype) }
      : bound
  );
  const binding = (index: number) =>
    bindings.find(({ number }) => number === index)!;
  const stores = wide.map((index, k) =>
    storeValue(binding(index), "place", mapped.values[k], vector)
  );
  const ofRow = [
    ...results.filter((index) => reductions.includes(index)).map((index) =>
      `  ${binding(index).name}[row] = row${name(index)};`
    ),
    ofRows.lines,
    ...narrow.map((index, k) =>
      storeValue(binding(index), "row", ofRows.values[k], false)
    ),
  ].join("\n");
  const body = `let row = ${lanes === 1 ? "at" : "group"};
${reduce.join("\n")}
${wide.length > 0 ? loop([mapped.lines, ...stores].join("\n")) : ""}
${
    ofRow.trim()
      ? `${lanes === 1 ? "" : "if (lane == 0u) "}{\n${ofRow}\n}`
      : ""
  }`;
  return assembleGroup({
    name: `rows of ${groupName(scene, results)}`,
    inputs,
    results: bindings,
    functions,
    shared: lanes === 1
      ? []
      : reductions.map((index, i) =>
        `var<workgroup> shared${i}: array<${
          totals.get(index)!.type
        }, ${lanes}>;`
      ),
    work: lanes === 1 ? { invocations: count } : { workgroups: count, lanes },
    body,
    flags,
  });
}

/** The statements of a kernel, before they are put together. */
interface Written {
  readonly inputs: Expression["inputs"];
  readonly functions: ReadonlySet<string>;
  /** Stored instructions of which single elements are read. */
  readonly read: ReadonlySet<number>;
  readonly flags: boolean;
  readonly reduced: readonly Elements[];
  readonly mapped: Elements;
  readonly ofRows: Elements;
}

interface Elements {
  readonly lines: string;
  readonly values: readonly string[];
}

/** Reductions that can be made in one pass over a row, pass after pass. */
function stagesOf(
  { instructions, stored }: Scene,
  reductions: readonly number[],
): number[][] {
  const passes = new Map<number, number>();
  /** The first pass in which an instruction can be computed. */
  const passOf = (index: number): number => {
    const known = passes.get(index);
    if (known !== undefined) return known;
    const { operands } = instructions[index];
    const before = stored[index] ? [] : operands.map(passOf);
    const pass = Math.max(0, ...before) + (reductions.includes(index) ? 1 : 0);
    passes.set(index, pass);
    return pass;
  };
  const stages: number[][] = [];
  for (const index of reductions) {
    (stages[passOf(index) - 1] ??= []).push(index);
  }
  return stages;
}
