/**
 * The reference device: the float64 oracle.
 *
 * @module
 */

export * from "./device.ts";
export * from "./evaluate.ts";
