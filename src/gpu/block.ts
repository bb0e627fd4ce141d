/**
 * Blocks of the two sides of a product: 4 numbers along the side by 4 steps of the
 * sum, read as vectors of 4 where the numbers lie so that 4 neighbours in either
 * direction are in a row. Where a block lies is worked out once, before the sum; in
 * the sum only a distance is added that is the same for all lanes.
 *
 * @module
 */

/** Which 4 neighbours of a side are read together. */
export type Vector = "along" | "step" | "none";

/** A side of a product: the rows or the columns of the result. */
export interface Side {
  /** Its binding: of vec4f, unless `vector` is none. */
  readonly name: string;
  /** Which neighbours are read together. */
  readonly vector: Vector;
  /**
   * Where a block lies at the first step: of vectors along the side one place, else
   * a vec4u of the places of the 4 numbers along the side. All places and distances
   * are counted in elements of the binding.
   *
   * @param block Number of the block, a u32 expression, which may be past the end.
   */
  readonly place: (block: string) => string;
  /** Distance from one step to the next; not used for vectors of steps. */
  readonly step: number;
}

/** Distance from a block to the one 4 steps later. */
export function blockStep({ vector, step }: Side): number {
  return vector === "step" ? 1 : 4 * step;
}

/** Statements that read a block. */
export interface BlockReader {
  /** What its variables begin with. */
  readonly prefix: string;
  /** Finds the block. */
  readonly start: string;
  /**
   * Reads so many steps of it: `<prefix>_0`, ... are vec4f along the side.
   *
   * @param distance How far from the first step, a u32 expression.
   */
  readonly read: (distance: string, steps: number) => string;
}

/**
 * Reads the blocks at one place along the side.
 *
 * @param side The side.
 * @param prefix What the variables begin with.
 * @param block Number of the block, a u32 expression.
 */
export function blockReader(
  side: Side,
  prefix: string,
  block: string,
): BlockReader {
  const { name, vector, place, step } = side;
  const start = `let ${prefix}_at = ${place(block)};`;
  const number = (c: string, distance: string): string =>
    `${name}[${prefix}_at${c} + ${distance}]`;
  const four = (write: (c: string) => string): string =>
    `vec4f(${[..."xyzw"].map(write).join(", ")})`;
  const read = (distance: string, steps: number): string => {
    const lines = Array.from({ length: steps }, (_, k) => {
      const far = k === 0 ? distance : `${distance} + ${k * step}u`;
      const value = vector === "along"
        ? number("", far)
        : vector === "none"
        ? four((c) => number(`.${c}`, far))
        : four((c) => `${prefix}_${c}.${"xyzw"[k]}`);
      return `  let ${prefix}_${k} = ${value};`;
    });
    if (vector === "step") {
      lines.unshift(
        ...[..."xyzw"].map((c) =>
          `  let ${prefix}_${c} = ${number(`.${c}`, distance)};`
        ),
      );
    }
    return lines.join("\n");
  };
  return { prefix, start, read };
}
