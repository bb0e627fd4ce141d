/**
 * Reductions over any axes, with the element-wise chain that feeds them: sum,
 * largest element, and the index of the largest.
 *
 * Bindings: the chain's inputs, the result. One invocation per element of the
 * result walks over what is reduced, in row-major order. Where results are few
 * and long, `parts` invocations share each, and a second kernel reduces the
 * parts in order; that takes `parts` numbers of memory for each result.
 *
 * @module
 */

import { type Run, runsOf } from "../program/groups.ts";
import type { Instruction } from "../program/program.ts";
import { stridesOf } from "../program/strides.ts";
import { sizeOf } from "../tensor/value.ts";
import { Expression, groupName, nameOf, type Scene } from "./elementwise.ts";
import { placeOf } from "./strides.ts";
import {
  assemble,
  assembleGroup,
  type Kernel,
  literal,
  typeOf,
} from "./wgsl.ts";

/** Invocations that are enough to keep a device busy. */
const BUSY = 2048;
/** What an invocation should reduce at least. */
const LEAST_LENGTH = 32;

/** How a sum or a largest element is put together. */
interface Join {
  /** Of nothing. */
  readonly first: string;
  /** Statement that lets an element into `total`. */
  readonly join: (total: string, element: string) => string;
}

function joinOf({ operation: { kind }, dtype }: Instruction): Join {
  if (kind === "sum") {
    return { first: literal(0, dtype), join: (t, x) => `${t} = ${t} + ${x};` };
  }
  return dtype === "float"
    ? {
      first: literal(-Infinity, dtype),
      join: (t, x) => `${t} = larger(${t}, ${x});`,
    }
    : {
      first: literal(-(2 ** 31), dtype),
      join: (t, x) => `${t} = max(${t}, ${x});`,
    };
}

/** The kernels of sums and largest elements over the same axes. */
export function reductionKernels(
  scene: Scene,
  indices: readonly number[],
): Kernel[] {
  const { instructions } = scene;
  const runs = runsOf(instructions, indices[0]);
  const kept = runs.filter(({ reduced }) => !reduced);
  const walked = runs.filter(({ reduced }) => reduced);
  const extents = (of: readonly Run[]) => of.map(({ extent }) => extent);
  const distances = (of: readonly Run[]) => of.map(({ stride }) => stride);
  const results = sizeOf(extents(kept));
  const length = sizeOf(extents(walked));
  const parts = results >= BUSY ? 1 : Math.max(
    1,
    Math.min(
      Math.ceil(BUSY / results),
      Math.floor(length / LEAST_LENGTH),
    ),
  );
  const totals = indices.map((index, i) => {
    const { dtype } = instructions[index];
    return {
      index,
      ...joinOf(instructions[index]),
      name: `total${i}`,
      type: typeOf(dtype),
      spec: { shape: [results * parts], dtype },
      target: parts === 1 ? index : scene.scratch(),
    };
  });

  const expression = new Expression(scene);
  expression.functions.add("larger");
  const inner = totals.map(({ index, name, join }) => {
    const [operand] = instructions[index].operands;
    return `  ${join(name, expression.element(operand, "place"))}`;
  });
  const loop = parts === 1
    ? [
      ...walked.map(({ extent }, i) =>
        `for (var r${i} = 0u; r${i} < ${extent}u; r${i}++) {`
      ),
      `  let place = ${
        ["start", ...walked.map(({ stride }, i) => `r${i} * ${stride}u`)]
          .join(" + ")
      };`,
      ...expression.lines,
      ...inner,
      ...walked.map(() => "}"),
    ]
    : [
      `for (var r = part; r < ${length}u; r += ${parts}u) {`,
      `  let place = start + ${
        placeOf("r", extents(walked), distances(walked))
      };`,
      ...expression.lines,
      ...inner,
      "}",
    ];
  const whole = assembleGroup({
    name: groupName(scene, indices),
    inputs: expression.inputs,
    results: totals.map(({ target, spec, type }, i) => ({
      number: target,
      spec,
      type,
      name: `result${i}`,
    })),
    functions: expression.functions,
    work: { invocations: results * parts },
    body: [
      ...(parts === 1
        ? ["let which = at;"]
        : [`let which = at / ${parts}u;`, `let part = at % ${parts}u;`]),
      `let start = ${placeOf("which", extents(kept), distances(kept))};`,
      ...totals.map(({ name, type, first }) =>
        `var ${name}: ${type} = ${first};`
      ),
      ...loop,
      ...totals.map(({ name }, i) => `result${i}[at] = ${name};`),
    ].join("\n"),
    flags: expression.flags,
  });
  if (parts === 1) return [whole];
  return [
    whole,
    assembleGroup({
      name: `parts of ${groupName(scene, indices)}`,
      inputs: totals.map(({ target, type }) => ({ number: target, type })),
      results: totals.map(({ index, type }, i) => ({
        number: index,
        spec: instructions[index],
        type,
        name: `result${i}`,
      })),
      functions: ["number", "larger", "is_nan"],
      work: { invocations: results },
      body: [
        ...totals.map(({ name, type, first }) =>
          `var ${name}: ${type} = ${first};`
        ),
        `for (var part = 0u; part < ${parts}u; part++) {`,
        ...totals.map(({ name, join }, i) =>
          `  ${join(name, `in${i}[at * ${parts}u + part]`)}`
        ),
        "}",
        ...totals.map(({ name }, i) => `result${i}[at] = ${name};`),
      ].join("\n"),
    }),
  ];
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
