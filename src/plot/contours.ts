/**
 * Lines of equal height over a grid, by marching squares.
 *
 * @module
 */

/** Heights over a grid. */
export interface Grid {
  /** Where the columns are: ascending. */
  readonly x: readonly number[];
  /** Where the rows are: ascending. */
  readonly y: readonly number[];
  /** The height by row and column; null where there is none. */
  readonly values: readonly (readonly (number | null)[])[];
}

/** A line of equal height. */
export interface Contour {
  /** The height. */
  readonly level: number;
  /** Points of the line in order; the last is the first where it is closed. */
  readonly points: readonly (readonly [number, number])[];
}

/**
 * The lines at a height. In each cell they are straight; a cell with a corner that has
 * no height has none.
 *
 * @param grid The heights.
 * @param level The height of the lines.
 * @returns The lines, each as long as it can be.
 */
export function contoursAt(grid: Grid, level: number): Contour[] {
  const { x, y, values } = grid;
  const columns = x.length;
  // A line goes from an edge of the grid to the next. Edges are named by their first
  // node and direction.
  const across = (i: number, j: number) => 2 * (i * columns + j);
  const up = (i: number, j: number) => across(i, j) + 1;
  const height = (i: number, j: number) => values[i][j]!;

  function place(edge: number): [number, number] {
    const node = Math.floor(edge / 2);
    const i = Math.floor(node / columns), j = node % columns;
    const vertical = edge % 2 === 1;
    const [u, v] = vertical ? [i + 1, j] : [i, j + 1];
    const share = (level - height(i, j)) / (height(u, v) - height(i, j));
    return [x[j] + share * (x[v] - x[j]), y[i] + share * (y[u] - y[i])];
  }

  const next = new Map<number, number[]>();
  const join = (a: number, b: number) => {
    next.set(a, [...next.get(a) ?? [], b]);
    next.set(b, [...next.get(b) ?? [], a]);
  };
  for (let i = 0; i + 1 < y.length; i++) {
    for (let j = 0; j + 1 < columns; j++) {
      // Corners and edges counter-clockwise: edge k goes from corner k to k + 1.
      const corners = [
        values[i][j],
        values[i][j + 1],
        values[i + 1][j + 1],
        values[i + 1][j],
      ];
      if (corners.some((corner) => corner === null)) continue;
      const above = corners.map((corner) => corner! >= level);
      const edges = [across(i, j), up(i, j + 1), across(i + 1, j), up(i, j)];
      const crossed = [0, 1, 2, 3].filter((k) =>
        above[k] !== above[(k + 1) % 4]
      );
      if (crossed.length === 2) join(edges[crossed[0]], edges[crossed[1]]);
      if (crossed.length < 4) continue;
      // A saddle: the mean of the corners says which of them hang together.
      const middle = corners.reduce<number>((sum, c) => sum + c!, 0) / 4;
      // Corner k lies between edges k - 1 and k. Lines cut off the other two corners.
      const odd = (middle >= level) === above[0];
      for (const k of odd ? [1, 3] : [0, 2]) join(edges[(k + 3) % 4], edges[k]);
    }
  }
  return chains(next).map((chain) => ({ level, points: chain.map(place) }));
}

/** Paths through a graph of nodes with one or two neighbors each. */
function chains(next: ReadonlyMap<number, readonly number[]>): number[][] {
  const met = new Set<number>();
  const follow = (start: number): number[] => {
    const chain = [start];
    met.add(start);
    for (let at: number | undefined = start; at !== undefined;) {
      at = next.get(at)!.find((node) => !met.has(node));
      if (at === undefined) break;
      met.add(at);
      chain.push(at);
    }
    const closed = chain.length > 2 && next.get(chain.at(-1)!)!.includes(start);
    return closed ? [...chain, start] : chain;
  };
  // Ends of open lines first, so that none is begun in its middle.
  const ends = [...next.keys()].filter((node) => next.get(node)!.length === 1);
  return [...ends, ...next.keys()].flatMap((node) =>
    met.has(node) ? [] : [follow(node)]
  );
}
