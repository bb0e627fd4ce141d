/**
 * The loops of a kernel and what is computed in them, before any code is emitted:
 * what is needed at all, which loops are one, and which kernels are the same.
 *
 * @module
 */

import { type Index, indexKey, type Term } from "./places.ts";
import { needsOf, type Node, type Values } from "./values.ts";

/** Where a result's elements are written. */
export interface Store {
  /** Number of the output among the kernel's. */
  readonly output: number;
  readonly index: Index;
  readonly node: Node;
}

/** The loops of a kernel and what is computed in them. */
export interface NestSource {
  readonly values: Values;
  /** The loops, outermost first. */
  readonly axes: Term[];
  /** The axis that runs over vectors; without it, there is one element at a time. */
  readonly vector: Term | undefined;
  readonly stores: readonly Store[];
  /** Values that are used but not stored. */
  readonly roots: readonly Node[];
}

/** Whether an item is a value. */
export const isNode = (item: Node | Term): item is Node => "kind" in item;

/** What is computed, without what nothing needs. */
export function reachableItems(source: NestSource): (Node | Term)[] {
  const needed = new Set<Node | Term>();
  const index = ({ terms }: Index): void => {
    for (const term of terms.keys()) visit(term);
  };
  const visit = (item: Node | Term): void => {
    if (needed.has(item)) return;
    needed.add(item);
    if (isNode(item)) {
      const { indices, nodes } = needsOf(item);
      indices.forEach(index);
      nodes.forEach(visit);
    } else if (item.computed) {
      item.computed.from.forEach(index);
      if (item.computed.vector) visit(item.computed.vector as Node);
    }
  };
  source.roots.forEach(visit);
  for (const store of source.stores) {
    visit(store.node);
    index(store.index);
  }
  return source.values.items.filter((item) => needed.has(item));
}

/** All indices that are used. */
function indicesOf(source: NestSource): Set<Index> {
  const indices = new Set<Index>(source.stores.map(({ index }) => index));
  for (const item of reachableItems(source)) {
    const used = isNode(item) ? needsOf(item).indices : item.computed!.from;
    for (const index of used) indices.add(index);
  }
  return indices;
}

/**
 * Makes one loop of neighbours that everything steps through as one.
 *
 * @param mayJoin Whether an axis and the next one further in may become one.
 */
export function mergeNest(
  source: NestSource,
  mayJoin: (outer: Term, inner: Term) => boolean,
): void {
  const { axes } = source;
  const indices = indicesOf(source);
  for (let i = axes.length - 1; i > 0; i--) {
    const outer = axes[i - 1], inner = axes[i];
    if (!mayJoin(outer, inner)) continue;
    const even = [...indices].every(({ terms }) =>
      (terms.get(outer) ?? 0) === (terms.get(inner) ?? 0) * inner.extent
    );
    if (!even) continue;
    for (const { terms } of indices) terms.delete(outer);
    inner.extent *= outer.extent;
    axes.splice(i - 1, 1);
  }
}

/**
 * A text that equal nests share.
 *
 * @param endless An axis whose extent makes no difference.
 */
export function nestKey(source: NestSource, endless?: Term): string {
  const { axes, vector, stores, roots } = source;
  const items = reachableItems(source).map((item) =>
    isNode(item)
      ? `n${item.id} ${item.text}`
      : `t${item.id} ${item.computed!.text} ${
        item.computed!.from.map(indexKey)
      }`
  );
  return [
    axes.map((axis) => `t${axis.id}<${axis === endless ? "any" : axis.extent}`)
      .join(),
    vector ? `vector t${vector.id}` : "",
    ...items,
    ...stores.map(({ output, index, node }) =>
      `out ${output} ${indexKey(index)} n${node.id}`
    ),
    roots.map(({ id }) => `n${id}`).join(),
  ].join("\n");
}
