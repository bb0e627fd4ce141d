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

import { mergeAxes, stridesOf } from "../program/strides.ts";
import { sizeOf } from "../tensor/value.ts";
import { Expression, nameOf, type Scene } from "./elementwise.ts";
import { placeOf } from "./strides.ts";
import { assemble, type Kernel, literal, typeOf } from "./wgsl.ts";

/** Invocations that are enough to keep a device busy. */
const BUSY = 2048;
/** What an invocation should reduce at least. */
const LEAST_LENGTH = 32;

/** The kernels of a sum or a largest element. */
export function reductionKernels(scene: Scene, index: number): Kernel[] {
  const instruction = scene.instructions[index];
  const { operation, operands, shape, dtype } = instruction;
  if (operation.kind !== "sum" && operation.kind !== "reduce-max") {
    throw new Error(`Cannot write ${operation.kind}: it is no reduction`);
  }
  const from = scene.instructions[operands[0]].shape;
  const { axes } = operation;
  const strides = stridesOf(from);
  const results = sizeOf(shape);
  const length = sizeOf(axes.map((axis) => from[axis]));
  const parts = results >= BUSY ? 1 : Math.max(
    1,
    Math.min(
      Math.ceil(BUSY / results),
      Math.floor(length / LEAST_LENGTH),
    ),
  );
  const type = typeOf(dtype);
  const largest = operation.kind === "reduce-max";
  const first = largest && dtype === "float"
    ? literal(-Infinity, dtype)
    : largest
    ? literal(-(2 ** 31), dtype)
    : literal(0, dtype);
  const join = (element: string): string =>
    !largest
      ? `total = total + ${element};`
      : dtype === "float"
      ? `total = larger(total, ${element});`
      : `total = max(total, ${element});`;

  const expression = new Expression(scene);
  if (largest && dtype === "float") expression.functions.add("larger");
  const element = expression.element(operands[0], "place");
  const kept = shape.map((_, i) => axes.includes(i) ? 0 : strides[i]);
  // Reduced axes that follow one another in memory are one loop.
  const loops = mergeAxes(
    axes.map((axis) => from[axis]),
    axes.map((axis) => strides[axis]),
  );
  const walked = loops.map(({ extent }) => extent);
  const inner = [...expression.lines, `  ${join(element)}`];
  const loop = parts === 1
    ? [
      ...loops.map(({ extent }, i) =>
        `for (var r${i} = 0u; r${i} < ${extent}u; r${i}++) {`
      ),
      `  let place = ${
        ["start", ...loops.map(({ stride }, i) => `r${i} * ${stride}u`)]
          .join(" + ")
      };`,
      ...inner,
      ...loops.map(() => "}"),
    ]
    : [
      `for (var r = part; r < ${length}u; r += ${parts}u) {`,
      `  let place = start + ${
        placeOf("r", walked, loops.map(({ stride }) => stride))
      };`,
      ...inner,
      "}",
    ];
  const target = parts === 1 ? index : scene.scratch();
  const whole = assemble({
    name: nameOf(instruction),
    inputs: expression.inputs,
    output: target,
    spec: { shape: [results * parts], dtype },
    functions: expression.functions,
    work: { invocations: results * parts },
    body: [
      ...(parts === 1
        ? ["let which = at;"]
        : [`let which = at / ${parts}u;`, `let part = at % ${parts}u;`]),
      `let start = ${placeOf("which", shape, kept)};`,
      `var total: ${type} = ${first};`,
      ...loop,
      "result[at] = total;",
    ].join("\n"),
    flags: expression.flags,
  });
  if (parts === 1) return [whole];
  return [
    whole,
    assemble({
      name: `parts of ${nameOf(instruction)}`,
      inputs: [{ number: target, type }],
      output: index,
      spec: instruction,
      functions: ["number", "larger", "is_nan"],
      work: { invocations: results },
      body: `var total: ${type} = ${first};
for (var part = 0u; part < ${parts}u; part++) {
  ${join(`in0[at * ${parts}u + part]`)}
}
result[at] = total;`,
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
