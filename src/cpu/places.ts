/**
 * Indices of array elements as functions of loop counters: sums of multiples of
 * terms, so that it shows which loads are contiguous, which stay the same in a
 * loop, and what of an address can be computed outside of it.
 *
 * @module
 */

import { stridesOf } from "../program/strides.ts";
import type { Shape } from "../tensor/value.ts";
import { type Expression, i32, select } from "../wasm/expression.ts";

/** A loop, or an index that is computed: it counts from 0 to below its extent. */
export interface Term {
  readonly id: number;
  /** Grows where an axis takes in the one outside of it. */
  extent: number;
  /** How it is computed; an axis is not. */
  readonly computed?: Computed;
}

/** How a term is computed from other numbers. */
export interface Computed {
  /** The indices it takes. */
  readonly from: readonly Index[];
  /** A vector of which it takes a lane. */
  readonly vector?: object;
  /** For the key of the kernel. */
  readonly text: string;
  /** The number; the operands are variables. */
  readonly emit: (
    operands: readonly Expression<"i32">[],
  ) => Expression<"i32">;
}

/** A constant and multiples of terms. */
export interface Index {
  readonly constant: number;
  /** Changed only where axes are merged. */
  readonly terms: Map<Term, number>;
}

/** An axis that a computation asks to have split. */
export class SplitRequest {
  /**
   * @param axis The axis.
   * @param inner Extent of the inner of the two axes that it becomes.
   */
  constructor(readonly axis: Term, readonly inner: number) {}
}

/** A number that does not change. */
export function constantIndex(constant: number): Index {
  return { constant, terms: new Map() };
}

/** An index that is a term. */
export function termIndex(term: Term): Index {
  return { constant: 0, terms: new Map([[term, 1]]) };
}

/** The sum of multiples of indices, and a constant. */
export function combine(
  parts: readonly (readonly [Index, number])[],
  constant = 0,
): Index {
  const terms = new Map<Term, number>();
  for (const [index, factor] of parts) {
    if (factor === 0) continue;
    constant += index.constant * factor;
    for (const [term, multiple] of index.terms) {
      const total = (terms.get(term) ?? 0) + multiple * factor;
      if (total === 0) terms.delete(term);
      else terms.set(term, total);
    }
  }
  return { constant, terms };
}

/** A text that equal indices share. */
export function indexKey({ constant, terms }: Index): string {
  const parts = [...terms].map(([{ id }, multiple]) => `${multiple}t${id}`);
  return `${constant}+${parts.sort().join("+")}`;
}

/** The least and the largest number an index can be. */
export function rangeOf({ constant, terms }: Index): [number, number] {
  let least = constant, most = constant;
  for (const [{ extent }, multiple] of terms) {
    const reach = multiple * (extent - 1);
    if (reach < 0) least += reach;
    else most += reach;
  }
  return [least, most];
}

/** Makes indices; numbers the terms. */
export class Places {
  /** The computed terms, in an order in which they can be computed. */
  readonly computed = new Map<string, Term>();
  #terms = 0;
  readonly #added: (term: Term) => void;

  /** @param added Is told of each computed term. */
  constructor(added: (term: Term) => void) {
    this.#added = added;
  }

  /** A loop. */
  axis(extent: number): Term {
    return { id: this.#terms++, extent };
  }

  /** A computed index; equal ones are one. */
  compute(extent: number, computed: Computed, key: string): Index {
    if (extent <= 1) return constantIndex(0);
    const known = this.computed.get(key);
    if (known) return termIndex(known);
    const term: Term = { id: this.#terms++, extent, computed };
    this.computed.set(key, term);
    this.#added(term);
    return termIndex(term);
  }

  /**
   * Quotient, rounded down, and remainder of an index.
   *
   * @throws {SplitRequest} If an axis should be split, so that neither has to be
   * computed.
   */
  divide(index: Index, by: number): [Index, Index] {
    if (by === 1) return [index, constantIndex(0)];
    const quotients = new Map<Term, number>(), rests = new Map<Term, number>();
    for (const [term, multiple] of index.terms) {
      const quotient = Math.floor(multiple / by);
      const rest = multiple - quotient * by;
      if (quotient !== 0) quotients.set(term, quotient);
      if (rest !== 0) rests.set(term, rest);
    }
    const quotient = {
      constant: Math.floor(index.constant / by),
      terms: quotients,
    };
    const rest = {
      constant: index.constant - quotient.constant * by,
      terms: rests,
    };
    if (rangeOf(rest)[1] < by) return [quotient, rest];
    for (const [term, multiple] of rest.terms) {
      if (term.computed || by % multiple !== 0) continue;
      const inner = by / multiple;
      if (inner > 1 && inner < term.extent && term.extent % inner === 0) {
        throw new SplitRequest(term, inner);
      }
    }
    const key = `${indexKey(rest)}/${by}`;
    const most = rangeOf(rest)[1];
    const more = this.compute(Math.floor(most / by) + 1, {
      from: [rest],
      text: `/${by}`,
      emit: ([x]) => i32.div_u(x, by),
    }, key);
    const left = this.compute(by, {
      from: [combine([[rest, 1], [more, -by]])],
      text: "rest",
      emit: ([x]) => x,
    }, `${key} rest`);
    return [combine([[quotient, 1], [more, 1]]), left];
  }

  /** An index held within 0 and below an extent. */
  clamp(index: Index, extent: number): Index {
    const [least, most] = rangeOf(index);
    if (least >= 0 && most < extent) return index;
    return this.compute(extent, {
      from: [index],
      text: `<${extent}`,
      emit: ([x]) =>
        select(
          select(x, i32.const(extent - 1), i32.lt_s(x, extent)),
          i32.const(0),
          i32.gt_s(x, 0),
        ),
    }, `${indexKey(index)} clamped to ${extent}`);
  }

  /** Coordinates of the element with a number in row-major order. */
  coordinates(linear: Index, shape: Shape): Index[] {
    const coordinates: Index[] = [];
    let rest = linear;
    stridesOf(shape).forEach((stride, i) => {
      if (shape[i] === 1) {
        coordinates.push(constantIndex(0));
        return;
      }
      const [whole, left] = this.divide(rest, stride);
      coordinates.push(whole);
      rest = left;
    });
    return coordinates;
  }
}

/** Number in row-major order of the element with these coordinates. */
export function linearIndex(
  coordinates: readonly Index[],
  shape: Shape,
): Index {
  const strides = stridesOf(shape);
  return combine(coordinates.map((c, i) => [c, strides[i]] as const));
}

/** Where an element is: by coordinates or by number, each from the other if asked for. */
export class Position {
  readonly shape: Shape;
  readonly #places: Places;
  #coordinates: readonly Index[] | undefined;
  #linear: Index | undefined;

  private constructor(
    places: Places,
    shape: Shape,
    coordinates: readonly Index[] | undefined,
    linear: Index | undefined,
  ) {
    this.#places = places;
    this.shape = shape;
    this.#coordinates = coordinates;
    this.#linear = linear;
  }

  /** A position by its coordinates. */
  static at(places: Places, shape: Shape, coordinates: readonly Index[]) {
    return new Position(places, shape, coordinates, undefined);
  }

  /** A position by its number in row-major order. */
  static numbered(places: Places, shape: Shape, linear: Index) {
    return new Position(places, shape, undefined, linear);
  }

  get coordinates(): readonly Index[] {
    return this.#coordinates ??= this.#places.coordinates(
      this.#linear!,
      this.shape,
    );
  }

  get linear(): Index {
    return this.#linear ??= linearIndex(this.#coordinates!, this.shape);
  }

  /** The same element of the same numbers in another shape. */
  reshaped(shape: Shape): Position {
    return Position.numbered(this.#places, shape, this.linear);
  }
}
