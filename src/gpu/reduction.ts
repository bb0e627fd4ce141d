/**
 * Reductions over any axes, with the element-wise chains that feed them: sums,
 * largest elements, and the index of the largest. Sums and largest elements over
 * the same axes of the same index space are one kernel.
 *
 * Bindings: the chains' inputs, the results. Where there are many results, or
 * each is short, one invocation computes each; else a workgroup does, whose lanes
 * reduce a share each and then join them in workgroup memory, in two steps. Where
 * results are few and long, several workgroups share each, and a second kernel
 * joins their parts in order; that takes a number of memory for each part.
 *
 * Four neighbours are read at once where they can be (`fours.ts`): four that are
 * reduced, or one of each of four results.
 *
 * @module
 */

import { type Run, runsOf } from "../program/groups.ts";
import { stridesOf } from "../program/strides.ts";
import { sizeOf } from "../tensor/value.ts";
import { Expression, groupName, nameOf, type Scene } from "./expression.ts";
import { Fours } from "./fours.ts";
import { placeOf } from "./strides.ts";
import {
  joinLanes,
  JOINS,
  MANY_ALONE,
  MOST_ALONE,
  type Total,
  totalOf,
} from "./totals.ts";
import { assemble, assembleGroup, type Kernel, typeOf } from "./wgsl.ts";

/** Invocations that are enough to keep a device busy. */
const BUSY = 2048;
/** Steps that a lane of a workgroup should take at least. */
const LEAST_SHARE = 8;

/** The kernels of sums and largest elements over the same axes. */
export function reductionKernels(
  scene: Scene,
  indices: readonly number[],
): Kernel[] {
  const { instructions } = scene;
  const totals = indices.map((index) => totalOf(instructions, index));
  const runs = runsOf(instructions, indices[0]);
  const operands = indices.map((index) => instructions[index].operands[0]);
  const inner = runs.at(-1);
  const vector = inner && inner.stride === 1 && inner.extent % 4 === 0
    ? Fours.write(scene, (fours) => {
      for (const operand of operands) fours.four(operand, "place");
    })
    : undefined;
  const expression = vector?.expression ?? new Expression(scene);
  const elements = operands.map((operand) =>
    vector
      ? vector.four(operand, "place")
      : expression.element(operand, "place")
  );
  for (const name of JOINS) expression.functions.add(name);
  // Places are counted in fours where those are read.
  const walks = vector ? inFours(runs) : runs;
  const kept = walks.filter(({ reduced }) => !reduced);
  const walked = walks.filter(({ reduced }) => reduced);
  const results = sizeOf(kept.map(({ extent }) => extent));
  const length = sizeOf(walked.map(({ extent }) => extent));
  // Four results at once, or one from four at once.
  const wide = vector !== undefined && inner?.reduced === false;
  const type = ({ type, four }: Total) => vector ? four : type;
  const start = (which: string) =>
    `let start = ${
      placeOf(
        which,
        kept.map(({ extent }) => extent),
        kept.map(({ stride }) => stride),
      )
    };
${
      totals.map((total, i) =>
        `var total${i} = ${type(total)}(${total.first});`
      ).join("\n")
    }`;
  const step = [
    ...expression.lines,
    ...totals.map(({ join }, i) =>
      `  total${i} = ${join(`total${i}`, elements[i], vector !== undefined)};`
    ),
  ].join("\n");
  // The four numbers that were reduced apart.
  const narrow = vector && !wide
    ? totals.map(({ join }, i) => {
      const [x, y, z, w] = [..."xyzw"].map((c) => `total${i}.${c}`);
      return `let whole${i} = ${
        join(`(${join(x, y, false)})`, `(${join(z, w, false)})`, false)
      };`;
    }).join("\n")
    : totals.map((_, i) => `let whole${i} = total${i};`).join("\n");
  const written = totals.map((total) => wide ? total.four : total.type);

  const many = scene.software ? MANY_ALONE : BUSY;
  if (length <= MOST_ALONE || results >= many) {
    const body = `${start("at")}
${
      walked.map(({ extent }, i) =>
        `for (var r${i} = 0u; r${i} < ${extent}u; r${i}++) {`
      ).join("\n")
    }
  let place = ${
      ["start", ...walked.map(({ stride }, i) => `r${i} * ${stride}u`)]
        .join(" + ")
    };
${step}
${walked.map(() => "}").join("\n")}
${narrow}
${totals.map((_, i) => `result${i}[at] = whole${i};`).join("\n")}`;
    return [assembleGroup({
      name: groupName(scene, indices),
      inputs: expression.inputs,
      results: totals.map(({ index }, i) => ({
        number: index,
        spec: instructions[index],
        type: written[i],
        name: `result${i}`,
      })),
      functions: expression.functions,
      work: { invocations: results },
      body,
      flags: expression.flags,
    })];
  }

  const lanes = length >= 4096 ? 256 : 64;
  const parts = Math.max(
    1,
    Math.min(
      Math.ceil(BUSY / (results * lanes)),
      Math.floor(length / (lanes * LEAST_SHARE)),
    ),
  );
  const targets = parts === 1 ? indices : indices.map(() => scene.scratch());
  const body = `let which = group / ${parts}u;
let part = group % ${parts}u;
${start("which")}
for (var r = part * ${lanes}u + lane; r < ${length}u; r += ${lanes * parts}u) {
  let place = start + ${
    placeOf(
      "r",
      walked.map(({ extent }) => extent),
      walked.map(({ stride }) => stride),
    )
  };
${step}
}
${narrow}
${
    joinLanes(
      lanes,
      totals.map(({ join }, i) => ({
        shared: `shared${i}`,
        whole: `whole${i}`,
        join: (a, b) => join(a, b, wide),
      })),
    )
  }
if (lane == 0u) {
${totals.map((_, i) => `  result${i}[group] = shared${i}[0];`).join("\n")}
}`;
  const whole = assembleGroup({
    name: groupName(scene, indices),
    inputs: expression.inputs,
    results: totals.map(({ index }, i) => ({
      number: targets[i],
      spec: parts === 1 ? instructions[index] : {
        shape: [sizeOf(instructions[index].shape) * parts],
        dtype: instructions[index].dtype,
      },
      type: written[i],
      name: `result${i}`,
    })),
    functions: expression.functions,
    shared: totals.map((_, i) =>
      `var<workgroup> shared${i}: array<${written[i]}, ${lanes}>;`
    ),
    work: { workgroups: results * parts, lanes },
    body,
    flags: expression.flags,
  });
  if (parts === 1) return [whole];
  return [
    whole,
    assembleGroup({
      name: `parts of ${groupName(scene, indices)}`,
      role: "joins",
      inputs: targets.map((number, i) => ({ number, type: written[i] })),
      results: totals.map(({ index }, i) => ({
        number: index,
        spec: instructions[index],
        type: written[i],
        name: `result${i}`,
      })),
      functions: JOINS,
      work: { invocations: results },
      body: totals.map(({ join }, i) =>
        `var total${i} = in${i}[at * ${parts}u];
for (var part = 1u; part < ${parts}u; part++) {
  total${i} = ${join(`total${i}`, `in${i}[at * ${parts}u + part]`, wide)};
}
result${i}[at] = total${i};`
      ).join("\n"),
    }),
  ];
}

/** Axes as they are where four neighbours are one: the innermost is of neighbours. */
function inFours(runs: readonly Run[]): Run[] {
  return runs.map((run, i) =>
    i === runs.length - 1
      ? { ...run, extent: run.extent / 4 }
      : { ...run, stride: run.stride / 4 }
  );
}

/** The kernel of the index of the first largest element along an axis. */
export function argmaxKernel(scene: Scene, index: number): Kernel {
  const instruction = scene.instructions[index];
  const { operation, operands, shape } = instruction;
  if (operation.kind !== "argmax") {
    throw new Error(`Cannot write ${operation.kind}: it is no argmax`);
  }
  const { shape: from, dtype } = scene.instructions[operands[0]];
  const { axis } = operation;
  const strides = stridesOf(from);
  const kept = strides.map((stride, i) => i === axis ? 0 : stride);
  const expression = new Expression(scene);
  const element = expression.element(operands[0], "place");
  return assemble({
    name: nameOf(instruction),
    inputs: expression.inputs,
    output: index,
    spec: instruction,
    functions: expression.functions,
    work: { invocations: sizeOf(shape) },
    body: [
      `let start = ${placeOf("at", shape, kept)};`,
      `var largest: ${typeOf(dtype)};`,
      "var best = 0i;",
      `for (var k = 0u; k < ${from[axis]}u; k++) {`,
      `  let place = start + k * ${strides[axis]}u;`,
      ...expression.lines,
      `  if (k == 0u || ${element} > largest) { largest = ${element}; best = i32(k); }`,
      "}",
      "result[at] = best;",
    ].join("\n"),
    flags: expression.flags,
  });
}
