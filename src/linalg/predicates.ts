/**
 * On which side of a line or a circle a point lies, decided exactly: in floating
 * point where its error cannot change the sign (Shewchuk 1997), else in whole
 * numbers of any size.
 *
 * @module
 */

/** A point of the plane. */
export type Point = readonly [number, number];

/** Rounding of one operation. */
const HALF_ULP = 2 ** -53;
const LINE_ERROR = (3 + 16 * HALF_ULP) * HALF_ULP;
const CIRCLE_ERROR = (10 + 96 * HALF_ULP) * HALF_ULP;
/** Below this, numbers that became too small may have lost more than the error says. */
const SMALL = 1e-250;

/** Whether a sign is certain; never where something became too large or too small. */
function certain(result: number, size: number, error: number): boolean {
  return size > SMALL && Math.abs(result) > error * size;
}

/** Numbers as whole ones, all multiplied by the same power of two. */
function wholeNumbers(numbers: readonly number[]): bigint[] {
  const view = new DataView(new ArrayBuffer(8));
  const parts = numbers.map((number) => {
    view.setFloat64(0, number);
    const bits = view.getBigUint64(0);
    const exponent = Number((bits >> 52n) & 0x7ffn);
    const fraction = bits & 0xfffffffffffffn;
    const size = exponent === 0 ? fraction : fraction | 1n << 52n;
    return { whole: number < 0 ? -size : size, power: Math.max(exponent, 1) };
  });
  const least = Math.min(...parts.map(({ power }) => power));
  return parts.map(({ whole, power }) => whole << BigInt(power - least));
}

const signOf = (whole: bigint): number => whole > 0n ? 1 : whole < 0n ? -1 : 0;

/**
 * The side of the line from a to b on which c lies.
 *
 * @returns Above 0 on the left, below 0 on the right, 0 on the line.
 */
export function side(a: Point, b: Point, c: Point): number {
  const left = (a[0] - c[0]) * (b[1] - c[1]);
  const right = (a[1] - c[1]) * (b[0] - c[0]);
  const area = left - right;
  if (certain(area, Math.abs(left) + Math.abs(right), LINE_ERROR)) return area;
  const [ax, ay, bx, by, cx, cy] = wholeNumbers([...a, ...b, ...c]);
  return signOf((ax - cx) * (by - cy) - (ay - cy) * (bx - cx));
}

/**
 * Whether d lies in the circle through a, b and c, which go round counter-clockwise.
 *
 * @returns Above 0 inside, below 0 outside, 0 on the circle.
 */
export function inCircle(a: Point, b: Point, c: Point, d: Point): number {
  const ax = a[0] - d[0], ay = a[1] - d[1];
  const bx = b[0] - d[0], by = b[1] - d[1];
  const cx = c[0] - d[0], cy = c[1] - d[1];
  const a2 = ax * ax + ay * ay, b2 = bx * bx + by * by, c2 = cx * cx + cy * cy;
  const result = a2 * (bx * cy - by * cx) + b2 * (cx * ay - cy * ax) +
    c2 * (ax * by - ay * bx);
  const size = a2 * (Math.abs(bx * cy) + Math.abs(by * cx)) +
    b2 * (Math.abs(cx * ay) + Math.abs(cy * ax)) +
    c2 * (Math.abs(ax * by) + Math.abs(ay * bx));
  if (certain(result, size, CIRCLE_ERROR)) return result;
  const whole = wholeNumbers([...a, ...b, ...c, ...d]);
  const [x, y] = whole.slice(6);
  const rows = [0, 2, 4].map((i) => [whole[i] - x, whole[i + 1] - y]);
  const lengths = rows.map(([u, v]) => u * u + v * v);
  return signOf(
    [0, 1, 2].reduce((sum, i) => {
      const [u, v] = rows[(i + 1) % 3], [s, t] = rows[(i + 2) % 3];
      return sum + lengths[i] * (u * t - v * s);
    }, 0n),
  );
}
