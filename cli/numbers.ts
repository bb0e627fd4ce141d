/**
 * Numbers as commands read and print them.
 *
 * @module
 */

const DECIMAL = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

/** The number that a text writes in decimals, such as `1e-3`; NaN where it writes none. */
export const decimal = (text: string): number =>
  DECIMAL.test(text) ? Number(text) : NaN;

/** A share of 1 in percent, two digits after the point. */
export const percent = (share: number): string =>
  `${(100 * share).toFixed(2)} %`;

/** Bytes in millions. */
export const megabytes = (bytes: number): string =>
  `${(bytes / 1e6).toFixed(1)} MB`;

/** A whole number, its thousands apart. */
export const whole = (count: number): string => count.toLocaleString("en-US");

/** Seconds: of one and more a digit after the point, of less two that count. */
export const secondsOf = (seconds: number): string =>
  `${seconds < 1 ? Number(seconds.toPrecision(2)) : seconds.toFixed(1)} s`;

/** A number of any size, in four digits. */
export const short = (x: number): string => String(Number(x.toPrecision(4)));
