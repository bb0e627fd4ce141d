/**
 * Numbers as commands print them.
 *
 * @module
 */

/** A share of 1 in percent, two digits after the point. */
export const percent = (share: number): string =>
  `${(100 * share).toFixed(2)} %`;

/** Bytes in millions. */
export const megabytes = (bytes: number): string =>
  `${(bytes / 1e6).toFixed(1)} MB`;

/** A whole number, its thousands apart. */
export const whole = (count: number): string => count.toLocaleString("en-US");

/** A number of any size, in four digits. */
export const short = (x: number): string => String(Number(x.toPrecision(4)));
