/**
 * Programs: steps traced once, compiled once, run many times.
 *
 * @module
 */

export * from "./compile.ts";
export * from "./costs.ts";
export * from "./device.ts";
export * from "./memory_plan.ts";
export * from "./profile.ts";
export * from "./program.ts";
export { computeScalar, scalarFunction } from "./scalar.ts";
export * from "./tree.ts";
