/**
 * Discrete Fourier transforms of one line of any length.
 *
 * A length of small primes is taken apart prime by prime (mixed radix), each pass
 * leaving its results in order (Stockham). Any other length becomes a convolution
 * (Bluestein: j k = (j^2 + k^2 - (k - j)^2) / 2), which is done at a power of two.
 * Both cost O(n log n).
 *
 * @module
 */

/** A transform of two arrays, real and imaginary parts, in place. */
export type Transform = (real: Float64Array, imaginary: Float64Array) => void;

/** Real and imaginary parts. */
type Pair = readonly [Float64Array, Float64Array];

/** A prime above this costs less by Bluestein's way than by its own direct sum. */
const LARGEST_RADIX = 31;

/**
 * Prepares X_k = sum over j of x_j e^(-2 pi i j k / n).
 *
 * @param n The length, at least 1.
 * @returns The transform, which has its tables and its scratch memory.
 */
export function transformOf(n: number): Transform {
  const radices = radicesOf(n);
  return radices.every((radix) => radix <= LARGEST_RADIX)
    ? mixedRadix(n, radices)
    : bluestein(n);
}

/** Factors of n: fours, then primes. */
function radicesOf(n: number): number[] {
  const radices: number[] = [];
  let rest = n;
  for (; rest % 4 === 0; rest /= 4) radices.push(4);
  for (let prime = 2; prime * prime <= rest; prime++) {
    for (; rest % prime === 0; rest /= prime) radices.push(prime);
  }
  if (rest > 1) radices.push(rest);
  return radices;
}

/**
 * e^(-2 pi i k / n) for the k of a table, exact at the quarter turns.
 *
 * @param size Number of entries.
 * @param n What a whole turn is divided into.
 * @param at k of an entry: a whole number; the entry's index by default.
 */
function roots(
  size: number,
  n: number,
  at: (index: number) => number = (index) => index,
): Pair {
  const cosines = new Float64Array(size), sines = new Float64Array(size);
  for (let index = 0; index < size; index++) {
    const k = at(index);
    // An eighth of a turn at most beyond a quarter: whole numbers up to the division.
    const quarters = Math.round(4 * k / n);
    const angle = Math.PI / 2 * ((4 * k - quarters * n) / n);
    const c = Math.cos(angle), s = Math.sin(angle);
    const [cosine, sine] = [[c, -s], [-s, -c], [-c, s], [s, c]][quarters % 4];
    cosines[index] = cosine;
    sines[index] = sine;
  }
  return [cosines, sines];
}

/** One pass for each radix, to and fro between the arrays and their scratch. */
function mixedRadix(n: number, radices: readonly number[]): Transform {
  const table = roots(n, n);
  const scratchReal = new Float64Array(n),
    scratchImaginary = new Float64Array(n);
  return (real, imaginary) => {
    let from: Pair = [real, imaginary];
    let to: Pair = [scratchReal, scratchImaginary];
    let stride = 1;
    for (const radix of radices) {
      const pass = radix === 4 ? passOfFour : passOf;
      pass(from, to, table, radix, stride);
      [from, to] = [to, from];
      stride *= radix;
    }
    if (from[0] !== real) {
      real.set(from[0]);
      imaginary.set(from[1]);
    }
  };
}

/**
 * One pass: lines of length l = n / stride, of which there are `stride` side by side,
 * become r times as many of length l / r. With w = e^(-2 pi i / l),
 *
 *     y_k[p] = w^(p k) sum over j of x[p + j l / r] e^(-2 pi i j k / r).
 *
 * @param from x; entry p of line q is at q + stride p.
 * @param to y; entry p of line q's k-th part is at q + stride (r p + k).
 * @param roots e^(-2 pi i k / n): [n].
 * @param r The radix.
 * @param stride Number of lines.
 */
function passOf(
  [fromReal, fromImaginary]: Pair,
  [toReal, toImaginary]: Pair,
  [cosines, sines]: Pair,
  r: number,
  stride: number,
): void {
  const n = fromReal.length, apart = n / r, count = apart / stride;
  for (let p = 0; p < count; p++) {
    for (let k = 0; k < r; k++) {
      // The sum's roots and the one before it are entries of one table.
      const step = (apart * k) % n, twiddle = stride * p * k;
      const c = cosines[twiddle], s = sines[twiddle];
      for (let q = 0; q < stride; q++) {
        let a = 0, b = 0;
        for (let j = 0, root = 0, at = q + stride * p; j < r; j++) {
          const x = fromReal[at], y = fromImaginary[at];
          a += x * cosines[root] - y * sines[root];
          b += x * sines[root] + y * cosines[root];
          at += apart;
          root += step;
          if (root >= n) root -= n;
        }
        const at = q + stride * (r * p + k);
        toReal[at] = a * c - b * s;
        toImaginary[at] = a * s + b * c;
      }
    }
  }
}

/** {@linkcode passOf} of radix 4, whose roots are 1, -i, -1 and i. */
function passOfFour(
  [fromReal, fromImaginary]: Pair,
  [toReal, toImaginary]: Pair,
  [cosines, sines]: Pair,
  _r: number,
  stride: number,
): void {
  const apart = fromReal.length / 4, count = apart / stride;
  for (let p = 0; p < count; p++) {
    const t = stride * p;
    const c1 = cosines[t], c2 = cosines[2 * t], c3 = cosines[3 * t];
    const s1 = sines[t], s2 = sines[2 * t], s3 = sines[3 * t];
    for (let q = 0; q < stride; q++) {
      const i0 = q + t, i1 = i0 + apart, i2 = i1 + apart, i3 = i2 + apart;
      const evenReal = fromReal[i0] + fromReal[i2];
      const evenImaginary = fromImaginary[i0] + fromImaginary[i2];
      const oddReal = fromReal[i1] + fromReal[i3];
      const oddImaginary = fromImaginary[i1] + fromImaginary[i3];
      const a = fromReal[i0] - fromReal[i2];
      const b = fromImaginary[i0] - fromImaginary[i2];
      // -i times the difference of the odd ones.
      const c = fromImaginary[i1] - fromImaginary[i3];
      const d = fromReal[i3] - fromReal[i1];
      const o0 = q + 4 * t,
        o1 = o0 + stride,
        o2 = o1 + stride,
        o3 = o2 + stride;
      toReal[o0] = evenReal + oddReal;
      toImaginary[o0] = evenImaginary + oddImaginary;
      toReal[o1] = (a + c) * c1 - (b + d) * s1;
      toImaginary[o1] = (a + c) * s1 + (b + d) * c1;
      toReal[o2] = (evenReal - oddReal) * c2 -
        (evenImaginary - oddImaginary) * s2;
      toImaginary[o2] = (evenReal - oddReal) * s2 +
        (evenImaginary - oddImaginary) * c2;
      toReal[o3] = (a - c) * c3 - (b - d) * s3;
      toImaginary[o3] = (a - c) * s3 + (b - d) * c3;
    }
  }
}

/** X_k = w_k sum over j of (x_j w_j) / w_(k - j), with the chirp w_k = e^(-pi i k^2 / n). */
function bluestein(n: number): Transform {
  const size = 2 ** Math.ceil(Math.log2(2 * n - 1));
  const forward = mixedRadix(size, radicesOf(size));
  // k^2 modulo 2 n is exact; k^2 / n would lose the angle's digits.
  const [cosines, sines] = roots(n, 2 * n, (k) => (k * k) % (2 * n));
  // The transform of 1 / w, both ways round, over the size that the way back divides by.
  const kernelReal = new Float64Array(size),
    kernelImaginary = new Float64Array(size);
  for (let k = 0; k < n; k++) {
    for (const at of [k, (size - k) % size]) {
      kernelReal[at] = cosines[k] / size;
      kernelImaginary[at] = -sines[k] / size;
    }
  }
  forward(kernelReal, kernelImaginary);
  const a = new Float64Array(size), b = new Float64Array(size);
  return (real, imaginary) => {
    for (let j = 0; j < n; j++) {
      a[j] = real[j] * cosines[j] - imaginary[j] * sines[j];
      b[j] = real[j] * sines[j] + imaginary[j] * cosines[j];
    }
    a.fill(0, n);
    b.fill(0, n);
    forward(a, b);
    for (let k = 0; k < size; k++) {
      const x = a[k], y = b[k];
      a[k] = x * kernelReal[k] - y * kernelImaginary[k];
      b[k] = x * kernelImaginary[k] + y * kernelReal[k];
    }
    // With the parts exchanged before and after, the transform is its inverse.
    forward(b, a);
    for (let k = 0; k < n; k++) {
      real[k] = a[k] * cosines[k] - b[k] * sines[k];
      imaginary[k] = a[k] * sines[k] + b[k] * cosines[k];
    }
  };
}
