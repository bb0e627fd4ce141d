/**
 * Trees: state, inputs and outputs of a step are records, nested as their
 * authors like, with tensors at the leaves. A leaf has a flat name: the path to
 * it, joined by slashes, such as `parameters/fc1.weight`.
 *
 * @module
 */

import type { Spec } from "../tensor/tensor.ts";

/** The same tree with other leaves: tensors in place of values, say. */
export type Mapped<T, Leaf> = T extends Spec ? Leaf
  : { readonly [K in keyof T]: Mapped<T[K], Leaf> };

function isLeaf(node: object): node is Spec {
  return "shape" in node && "dtype" in node;
}

/**
 * The leaves of a tree by their flat names, in the order of the records.
 *
 * @example
 * ```ts
 * import { leaves } from "@adafisher/adafisher";
 * import { scalarValue } from "@adafisher/adafisher/tensor";
 * import { assertEquals } from "@std/assert";
 *
 * const tree = { parameters: { weight: scalarValue(1) }, step: scalarValue(0) };
 * assertEquals([...leaves(tree).keys()], ["parameters/weight", "step"]);
 * ```
 *
 * @param tree A leaf, or records of leaves.
 * @returns The leaves by name; a tree that is a leaf has the name "".
 * @throws {TypeError} If something in it is neither record nor leaf.
 * @throws {RangeError} If two leaves have one name: `{ "a/b": x, a: { b: y } }`.
 */
export function leaves<Leaf extends Spec>(tree: object): Map<string, Leaf> {
  const found = new Map<string, Leaf>();
  visit(tree, "", (name, leaf) => {
    if (found.has(name)) {
      throw new RangeError(
        `Cannot read tree: two leaves have the name ${name}`,
      );
    }
    found.set(name, leaf as Leaf);
  });
  return found;
}

function visit(
  node: unknown,
  name: string,
  use: (name: string, leaf: Spec) => void,
): void {
  if (typeof node !== "object" || node === null || Array.isArray(node)) {
    throw new TypeError(
      `Cannot read tree: ${
        name || "the root"
      } must be a tensor, a value or a record, got ${node}`,
    );
  }
  if (isLeaf(node)) return use(name, node);
  for (const [key, child] of Object.entries(node)) {
    visit(child, name ? `${name}/${key}` : key, use);
  }
}

/**
 * A tree of the same structure with a new leaf for each old one.
 *
 * @param tree A leaf, or records of leaves.
 * @param change Gives the new leaf for a name and an old leaf.
 * @returns The new tree.
 * @throws {TypeError} If something in it is neither record nor leaf.
 */
export function mapLeaves<T extends object, Leaf>(
  tree: T,
  change: (name: string, leaf: Spec) => Leaf,
): Mapped<T, Leaf> {
  const build = (node: unknown, name: string): unknown => {
    let result: unknown;
    const isRecord = typeof node === "object" && node !== null &&
      !Array.isArray(node) && !isLeaf(node);
    if (isRecord) {
      return Object.fromEntries(
        Object.entries(node).map((
          [key, child],
        ) => [key, build(child, name ? `${name}/${key}` : key)]),
      );
    }
    visit(node, name, (_, leaf) => result = change(name, leaf));
    return result;
  };
  return build(tree, "") as Mapped<T, Leaf>;
}
