/**
 * The transcendental functions on vectors, and the functions that kernels call.
 * Errors against the exact result, in units in the last place: exp 2, log 2,
 * tanh 3, erf 2, pow 1. Infinities, NaN and -0 are treated as `Math` does.
 *
 * @module
 */

import type { FunctionBuilder, FunctionSource } from "../wasm/assembler.ts";
import {
  type Expression,
  f32,
  f32x4,
  f64,
  i32,
  i32x4,
  i64,
  type Local,
  select,
  v128,
} from "../wasm/expression.ts";

type Vector = Expression<"v128">;

const every = (number: number): Vector =>
  f32x4.const([number, number, number, number]);
const bits = (number: number): Vector =>
  i32x4.const([number, number, number, number]);
const SIGN = bits(0x80000000 | 0);
const ROUND_BITS = bits(0x4b400000);

/** c[0] + c[1] x + c[2] x^2 + ... */
function polynomial(
  f: FunctionBuilder,
  x: Vector,
  coefficients: readonly number[],
): Vector {
  let value = every(coefficients[coefficients.length - 1]);
  for (let i = coefficients.length - 2; i >= 0; i--) {
    value = f32x4.madd(value, x, every(coefficients[i]));
  }
  return f.let(value);
}

/** The sum of 1 / n! x^n from n = first on, divided by x^first. */
const exponentialSeries = (first: number): number[] => {
  let factorial = 1;
  const series: number[] = [];
  for (let n = 0; n <= 7; n++) {
    if (n > 0) factorial *= n;
    if (n >= first) series.push(1 / factorial);
  }
  return series;
};

/** Adding it to a number rounds that to an integer, which its last bits then hold. */
const ROUND = 1.5 * 2 ** 23;

/** x = n ln 2 + r with whole n and |r| <= ln 2 / 2. */
function reduce(f: FunctionBuilder, x: Vector) {
  const shifted = f.let(f32x4.madd(x, every(Math.LOG2E), every(ROUND)));
  const n = f.let(f32x4.sub(shifted, every(ROUND)));
  // The first part of ln 2 has nine bits, so that its multiples are exact.
  const coarse = f32x4.nmadd(n, every(0.693359375), x);
  const r = f.let(
    f32x4.nmadd(n, every(Math.LN2 - 0.693359375), coarse),
  );
  return { n: f.let(i32x4.sub(shifted, ROUND_BITS)), r };
}

/** 2 to the power of integers within the range of normal numbers. */
const powerOfTwo = (n: Vector): Vector =>
  i32x4.shl(i32x4.add(n, bits(127)), 23);

/** e^x. */
export function exponential(f: FunctionBuilder, x: Vector): Vector {
  // Beyond these bounds the result is infinity or 0. A NaN is kept.
  const held = f.let(f32x4.pmax(f32x4.pmin(x, every(89)), every(-104)));
  const { n, r } = reduce(f, held);
  const p = polynomial(f, r, exponentialSeries(0));
  // In two factors, neither of which leaves the range.
  const half = f.let(i32x4.shr_s(n, 1));
  return f32x4.mul(
    f32x4.mul(p, powerOfTwo(half)),
    powerOfTwo(i32x4.sub(n, half)),
  );
}

/** log x: of m 2^e with m in [sqrt(1/2), sqrt(2)), by the series of 2 atanh(s). */
export function logarithm(f: FunctionBuilder, x: Vector): Vector {
  const tiny = f.let(f32x4.lt(x, every(2 ** -126)));
  const scaled = f.let(
    v128.bitselect(f32x4.mul(x, every(2 ** 24)), x, tiny),
  );
  // Subtracting the bits of sqrt(1/2) first makes the exponent round there.
  const shifted = f.let(i32x4.sub(scaled, bits(0x3f3504f3)));
  const exponent = f.let(
    f32x4.convert_i32x4_s(
      i32x4.sub(i32x4.shr_s(shifted, 23), v128.and(tiny, bits(24))),
    ),
  );
  const m = i32x4.add(
    v128.and(shifted, bits(0x007fffff)),
    bits(0x3f3504f3),
  );
  const g = f.let(f32x4.sub(m, every(1)));
  const s = f.let(f32x4.div(g, f32x4.add(g, every(2))));
  const z = f.let(f32x4.mul(s, s));
  const series = polynomial(f, z, [2 / 3, 2 / 5, 2 / 7, 2 / 9]);
  const half = f.let(f32x4.mul(f32x4.mul(g, g), every(0.5)));
  // log(1 + g) = g - (g^2/2 - s (g^2/2 + R)): what is small is added first.
  const correction = f32x4.madd(
    s,
    f32x4.madd(z, series, half),
    f32x4.mul(exponent, every(Math.LN2 - 0.693359375)),
  );
  const result = f.let(f32x4.madd(
    exponent,
    every(0.693359375),
    f32x4.sub(g, f32x4.sub(half, correction)),
  ));
  const infinite = f32x4.eq(x, every(Infinity));
  const zero = f32x4.eq(x, every(0));
  const positive = f.let(
    v128.bitselect(
      every(-Infinity),
      v128.bitselect(every(Infinity), result, infinite),
      zero,
    ),
  );
  return v128.bitselect(positive, every(NaN), f32x4.ge(x, every(0)));
}

/** tanh x = E / (E + 2) with E = e^2x - 1, which loses nothing near 0. */
export function tangent(f: FunctionBuilder, x: Vector): Vector {
  const twice = f.let(
    f32x4.pmin(f32x4.mul(f32x4.abs(x), every(2)), every(20)),
  );
  const { n, r } = reduce(f, twice);
  const small = f32x4.madd(
    f32x4.mul(r, r),
    polynomial(f, r, exponentialSeries(2)),
    r,
  );
  const power = f.let(powerOfTwo(n));
  const e = f.let(
    f32x4.madd(power, small, f32x4.sub(power, every(1))),
  );
  const size = f32x4.div(e, f32x4.add(e, every(2)));
  return v128.or(size, v128.and(x, SIGN));
}

/**
 * Coefficients of erf x = 2 x / sqrt(pi) * sum of (-1)^n x^2n / (n! (2n + 1)), with
 * x itself left out.
 */
const ERF_SERIES: readonly number[] = (() => {
  const series: number[] = [];
  for (let n = 0, term = 2 / Math.sqrt(Math.PI); n < 11; n++) {
    series.push(term / (2 * n + 1) - (n === 0 ? 1 : 0));
    term /= -(n + 1);
  }
  return series;
})();

/** log(1 - erf x) on [0.9, 4], a least-squares fit with an error of 2e-8. */
const LOG_ERFC = [
  ...[8.07562064e-5, -1.12908624, -0.634160532, -0.107448797],
  ...[0.0246261456, -0.00400119887, 4.03049543e-4, -1.86892447e-5],
];

/** The error function: near 0 its series, further out by its complement. */
export function errorFunction(f: FunctionBuilder, x: Vector): Vector {
  const size = f.let(f32x4.abs(x));
  const square = f.let(f32x4.mul(x, x));
  const near = f.let(
    f32x4.madd(polynomial(f, square, ERF_SERIES), x, x),
  );
  const held = f.let(f32x4.pmin(size, every(4)));
  const complement = exponential(f, polynomial(f, held, LOG_ERFC));
  const far = v128.or(
    f32x4.sub(every(1), complement),
    v128.and(x, SIGN),
  );
  return v128.bitselect(near, far, f32x4.lt(size, every(0.9)));
}

/** The function of a vector's four lanes that computes each for itself. */
function laneByLane(
  f: FunctionBuilder,
  operands: readonly Vector[],
  compute: (lanes: Expression<"f64">[]) => Expression<"f64">,
): void {
  const result = f.local("v128");
  for (let lane = 0; lane < 4; lane++) {
    const lanes = operands.map((x) =>
      f.let(f64.promote_f32(f32x4.extract_lane(x, lane)))
    );
    f.set(
      result,
      f32x4.replace_lane(result, lane, f32.demote_f64(compute(lanes))),
    );
  }
  f.return(result);
}

/** ln |a| in 64 bits; +-1e30 for infinity and 0. */
function wideLogarithm(
  f: FunctionBuilder,
  a: Expression<"f64">,
): Expression<"f64"> {
  const size = f.let(f64.abs(a));
  // As in `logarithm`, with the bits of sqrt(1/2) in 64 bits.
  const rootBits = i64.reinterpret_f64(f64.const(Math.SQRT1_2));
  const shifted = f.let(i64.sub(i64.reinterpret_f64(size), rootBits));
  const exponent = f.let(
    f64.convert_i32_s(i32.wrap_i64(i64.shr_s(shifted, i64.const(52)))),
  );
  const fraction = i64.and(shifted, i64.const(2 ** 52 - 1));
  const m = f.let(f64.reinterpret_i64(i64.add(fraction, rootBits)));
  const s = f.let(f64.div(f64.sub(m, 1), f64.add(m, 1)));
  const z = f.let(f64.mul(s, s));
  let series: Expression<"f64"> = f64.const(2 / 13);
  for (const n of [11, 9, 7, 5, 3, 1]) {
    series = f64.add(f64.mul(series, z), 2 / n);
  }
  const result = f64.add(f64.mul(exponent, Math.LN2), f64.mul(s, series));
  return f.let(
    select(
      f64.const(-1e30),
      select(f64.const(1e30), result, f64.eq(size, Infinity)),
      f64.eq(size, 0),
    ),
  );
}

/** e^y in 64 bits, for y that is held within +-200. */
function wideExponential(
  f: FunctionBuilder,
  y: Expression<"f64">,
): Expression<"f64"> {
  const n = f.let(f64.nearest(f64.mul(y, Math.LOG2E)));
  const r = f.let(f64.sub(y, f64.mul(n, Math.LN2)));
  let series: Expression<"f64"> = f64.const(1);
  for (let k = 10; k >= 1; k--) {
    series = f64.add(f64.mul(series, f64.mul(r, 1 / k)), 1);
  }
  const exponent = i64.add(
    i64.extend_i32_s(i32.trunc_sat_f64_s(n)),
    i64.const(1023),
  );
  return f64.mul(
    series,
    f64.reinterpret_i64(i64.shl(exponent, i64.const(52))),
  );
}

const power: FunctionSource = {
  name: "power",
  parameters: ["v128", "v128"],
  result: "v128",
  emit: (f) => {
    const operands: Vector[] = [0, 1].map((i) => ({
      type: "v128",
      code: [0x20, i],
    }));
    laneByLane(f, operands, ([a, b]) => {
      const y = f64.mul(b, wideLogarithm(f, a));
      const size = f.let(
        wideExponential(f, f.let(f64.max(f64.min(y, 200), -200))),
      );
      const half = f64.mul(b, 0.5);
      const odd = f64.ne(f64.floor(half), half);
      const whole = f.let(f64.eq(f64.floor(b), b));
      const negative = f64.lt(f64.div(1, a), 0);
      const signed = select(
        f64.mul(size, -1),
        size,
        i32.and(negative, i32.and(whole, odd)),
      );
      // A negative number has no root; infinity and 0 have.
      const rootless = i32.and(
        i32.and(f64.lt(a, 0), f64.ne(a, -Infinity)),
        i32.eqz(whole),
      );
      const value = select(f64.const(NaN), signed, rootless);
      const missing = i32.or(f64.ne(a, a), f64.ne(b, b));
      return f.let(
        select(
          f64.const(1),
          select(f64.const(NaN), value, missing),
          f64.eq(b, 0),
        ),
      );
    });
  },
};

/** Philox4x32-10, as in src/tensor/random.ts: the four words at a counter. */
function philox(
  f: FunctionBuilder,
  key: readonly Local<"i32">[],
  stream: Local<"i32">,
  counter: Expression<"i32">,
): readonly Local<"i32">[] {
  const [k0, k1] = key.map((word) => f.let(word));
  const c = [f.let(counter), f.let(stream)];
  c.push(f.local("i32"), f.local("i32"));
  const product = (x: Expression<"i32">, by: number) =>
    f.let(i64.mul(i64.extend_i32_u(x), i64.const(by)));
  const high = (x: Expression<"i64">) =>
    i32.wrap_i64(i64.shr_u(x, i64.const(32)));
  for (let round = 0; round < 10; round++) {
    const p0 = product(c[0], 0xD2511F53), p1 = product(c[2], 0xCD9E8D57);
    f.set(c[0], i32.xor(i32.xor(high(p1), c[1]), k0));
    f.set(c[1], i32.wrap_i64(p1));
    f.set(c[2], i32.xor(i32.xor(high(p0), c[3]), k1));
    f.set(c[3], i32.wrap_i64(p0));
    f.set(k0, i32.add(k0, 0x9E3779B9 | 0));
    f.set(k1, i32.add(k1, 0xBB67AE85 | 0));
  }
  return c;
}

/** The upper 24 bits of word i % 4 at the counter i / 4. */
const random: FunctionSource = {
  name: "random_bits",
  parameters: ["i32", "i32", "i32", "i32"],
  result: "i32",
  emit: (f) => {
    const [k0, k1, stream, i] = [0, 1, 2, 3].map((n) => f.parameter(n));
    const c = philox(f, [k0, k1], stream, i32.div_u(i, 4));
    const word = f.let(i32.and(i, 3));
    const chosen = select(
      select(c[0], c[1], i32.eqz(word)),
      select(c[2], c[3], i32.eq(word, 2)),
      i32.lt_u(word, 2),
    );
    f.return(i32.shr_u(chosen, 8));
  },
};

/** What `random_bits` gives for i, i + 1, i + 2 and i + 3: at once, if 4 divides i. */
const randomFour: FunctionSource = {
  name: "random_four",
  parameters: ["i32", "i32", "i32", "i32"],
  result: "v128",
  emit: (f) => {
    const [k0, k1, stream, i] = [0, 1, 2, 3].map((n) => f.parameter(n));
    const vectorOf = (words: readonly Expression<"i32">[]) =>
      words.reduce<Expression<"v128">>(
        (vector, word, lane) => i32x4.replace_lane(vector, lane, word),
        i32x4.const([0, 0, 0, 0]),
      );
    f.if(i32.eqz(i32.and(i, 3)), () => {
      const words = philox(f, [k0, k1], stream, i32.div_u(i, 4));
      f.return(i32x4.shr_u(vectorOf(words), 8));
    });
    const each = [0, 1, 2, 3].map((lane) =>
      f.call("random_bits", k0, k1, stream, i32.add(i, lane)) as Expression<
        "i32"
      >
    );
    f.return(vectorOf(each));
  },
};

/** The functions that kernels call; a module has them all. */
export const helperFunctions: readonly FunctionSource[] = [
  power,
  random,
  randomFour,
];
