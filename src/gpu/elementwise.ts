/**
 * Element-wise kernels: whole chains of operations as one expression of the
 * element's index. Nothing between the chain's inputs and its result is written
 * to memory. Results of one index space are one kernel, in which what they share
 * is read and computed once.
 *
 * Bindings: the chains' inputs, the results. One invocation per element, or per
 * four elements where they can be computed as a vector (`fours.ts`).
 *
 * @module
 */

import { sizeOf } from "../tensor/value.ts";
import { Expression, groupName, type Scene } from "./expression.ts";
import { fourOf, Fours } from "./fours.ts";
import {
  assembleGroup,
  type GroupSource,
  type Kernel,
  typeOf,
} from "./wgsl.ts";

/** The kernel that computes results of one index space. */
export function elementwiseKernel(
  scene: Scene,
  indices: readonly number[],
): Kernel {
  const { instructions } = scene;
  const size = sizeOf(instructions[indices[0]].shape);
  const vector = size % 4 === 0
    ? Fours.write(scene, (fours) => {
      for (const index of indices) fours.compute(index, "at");
    })
    : undefined;
  const expression = vector?.expression ?? new Expression(scene);
  const values = indices.map((index) =>
    vector ? vector.four(index, "at") : expression.compute(index, "at")
  );
  const results = bindResults(scene, indices, expression, vector !== undefined);
  const stores = results.map((result, i) =>
    storeValue(result, "at", values[i], vector !== undefined)
  );
  return assembleGroup({
    name: groupName(scene, indices),
    inputs: expression.inputs,
    results,
    functions: expression.functions,
    work: { invocations: vector ? size / 4 : size },
    body: [...expression.lines, ...stores].join("\n"),
    flags: expression.flags,
  });
}

/**
 * The bindings of results: what replaces an input that is read is written through
 * the input's.
 *
 * @param scene The program.
 * @param indices The results.
 * @param expression What has read the inputs.
 * @param fours Whether four elements are written at a time.
 */
export function bindResults(
  { instructions, inPlace }: Scene,
  indices: readonly number[],
  { inputs }: Pick<Expression, "inputs">,
  fours: boolean,
): GroupSource["results"] {
  return indices.map((number, i) => {
    const spec = instructions[number];
    const place = inputs.findIndex((input) =>
      input.number === inPlace.get(number)
    );
    const type = place >= 0
      ? inputs[place].type
      : fours
      ? fourOf(spec.dtype)
      : typeOf(spec.dtype);
    const name = place < 0 ? `result${i}` : `in${place}`;
    return { number, spec, name, type };
  });
}

/** The statement that writes an element, or four of them, of a result. */
export function storeValue(
  { name, type }: GroupSource["results"][number],
  at: string,
  value: string,
  four: boolean,
): string {
  return four && !type.startsWith("vec4")
    ? [..."xyzw"].map((c, k) =>
      `  ${name}[${at} * 4u + ${k}u] = ${value}.${c};`
    ).join("\n")
    : `  ${name}[${at}] = ${value};`;
}
