/**
 * The kernels of a product whose tiles are in registers: it writes what is in them,
 * or what is computed from it element by element, its epilogue (a bias added, an
 * activation, a residual), so that the product itself need not go through memory.
 *
 * An epilogue is computed by fours. Where that cannot be, where the product is summed
 * in parts, or where tiles are large, the product is written, and the rest is a kernel
 * of its own.
 *
 * @module
 */

import { bindResults, elementwiseKernel } from "./elementwise.ts";
import { groupName, type Scene } from "./expression.ts";
import { Fours } from "./fours.ts";
import {
  joinParts,
  type Store,
  storeTile,
  type Tile,
  type Tiling,
  type Written,
} from "./tile.ts";
import { assembleGroup, type Kernel } from "./wgsl.ts";

/**
 * Blocks of the largest tile with an epilogue, which is written out for each row of a
 * block. With the 16 blocks of a software adapter it doubled the time that a driver
 * takes to compile, and saved a fortieth of the step of a multilayer perceptron.
 */
const MOST_BLOCKS = 4;

/** A product in tiles. */
export interface Product {
  /** The instruction. */
  readonly index: number;
  /** The instructions that are to be written: it, or its epilogue, or all of them. */
  readonly results: readonly number[];
  /** What it reads. */
  readonly inputs: readonly {
    readonly number: number;
    readonly type: string;
  }[];
  /** How it is cut into tiles. */
  readonly tiling: Tiling;
  readonly tile: Tile;
  /** Tiles in all, and the parts of the sum of each. */
  readonly tiles: number;
  readonly parts: number;
  /** Statements that sum a tile. */
  readonly sum: string;
  /** Where the product's numbers lie, part after part. */
  readonly store: Store;
}

/** The kernels of a product and its epilogue. */
export function productKernels(scene: Scene, product: Product): Kernel[] {
  const { index, results } = product;
  if (results.length === 1 && results[0] === index) {
    return plainKernels(scene, product);
  }
  const { parts, store, tiling: { tall, wide } } = product;
  const fits = parts === 1 && store.vector !== "none" &&
    tall * wide <= MOST_BLOCKS;
  const joined = fits ? epilogueKernel(scene, product) : undefined;
  return joined ? [joined] : [
    ...plainKernels(scene, product),
    ...epilogueAlone(scene, index, results),
  ];
}

/** The kernel of what is computed from a product that has been written. */
export function epilogueAlone(
  scene: Scene,
  index: number,
  results: readonly number[],
): Kernel[] {
  const others = results.filter((result) => result !== index);
  if (others.length === 0) return [];
  const stored = scene.stored.map((known, i) => known || i === index);
  return [elementwiseKernel({ ...scene, stored }, others)];
}

/** The kernels that write the product. */
function plainKernels(scene: Scene, product: Product): Kernel[] {
  const { index, inputs, tiling, tile, tiles, parts, sum, store } = product;
  const instruction = scene.instructions[index];
  const number = parts === 1 ? index : scene.scratch();
  const { shape, dtype } = instruction;
  const kernel = assembleGroup({
    name: groupName(scene, [index]),
    inputs,
    results: [{
      number,
      spec: parts === 1 ? instruction : { shape: [parts, ...shape], dtype },
      name: "result",
      type: store.vector === "none" ? "f32" : "vec4f",
    }],
    functions: [],
    work: { workgroups: tiles * parts, lanes: tiling.lanes },
    body: `${sum}\n${storeTile(tiling, tile, store)}`,
  });
  return parts === 1
    ? [kernel]
    : [kernel, joinParts(instruction, number, index, parts)];
}

/** The kernel that writes the epilogue; nothing where it cannot be computed by fours. */
function epilogueKernel(scene: Scene, product: Product): Kernel | undefined {
  const { index, results, inputs, tiling, tile, tiles, sum, store } = product;
  let text = "";
  const vector = Fours.write(scene, (fours) => {
    const { expression } = fours;
    // The product's inputs are bound first. Where they are read again, below, they
    // would be bound twice, which may not be.
    for (const { type } of inputs) expression.inputs.push({ number: -1, type });
    const write = (at: string, value: string): Written => {
      const from = expression.lines.length;
      fours.know(index, at, expression.name(value));
      const values = results.map((result) =>
        result === index ? fours.four(result, at) : fours.compute(result, at)
      );
      const bound = bindResults(scene, results, expression, true);
      return {
        before: expression.lines.slice(from),
        stores: bound.flatMap(({ name, type }, i) =>
          type.startsWith("vec4")
            ? [`${name}[${at}] = ${values[i]};`]
            : [..."xyzw"].map((c, k) =>
              `${name}[${at} * 4u + ${k}u] = ${values[i]}.${c};`
            )
        ),
      };
    };
    text = storeTile(tiling, tile, store, write);
  });
  if (!vector || vector.expression.flags) return undefined;
  const { expression } = vector;
  const rest = results.filter((result) => result !== index);
  const read = expression.inputs.slice(inputs.length);
  const own = new Set(inputs.map(({ number }) => number));
  if (read.some(({ number }) => own.has(number))) return undefined;
  return assembleGroup({
    name: `${groupName(scene, [index])} and ${groupName(scene, rest)}`,
    inputs: [...inputs, ...read],
    results: bindResults(scene, results, expression, true),
    functions: expression.functions,
    work: { workgroups: tiles, lanes: tiling.lanes },
    body: `${sum}\n${text}`,
  });
}
