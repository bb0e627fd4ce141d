/**
 * Studies of the paper: so far the loss landscape of Figure 1.
 *
 * @example Where Adam and AdaFisher go, and the surface of the losses they met
 * ```ts
 * import {
 *   landscapeProblem,
 *   landscapeTrajectory,
 *   lossSurface,
 * } from "@adafisher/adafisher/analysis";
 * import { optimizerByName } from "@adafisher/adafisher/optim";
 * import { assertEquals } from "@std/assert";
 *
 * const problem = landscapeProblem();
 * const trajectories = [];
 * for (const name of ["adam", "adafisher"]) {
 *   trajectories.push(
 *     await landscapeTrajectory(problem, {
 *       name,
 *       optimizer: optimizerByName(name, problem.model),
 *       learningRate: 1e-3,
 *       epochs: 3,
 *     }),
 *   );
 * }
 * const { values } = lossSurface(trajectories, 20);
 * assertEquals([values.length, values[0].length], [20, 20]);
 * ```
 *
 * @module
 */

export {
  type LandscapePoint,
  type LandscapeProblem,
  landscapeProblem,
  landscapeTrajectory,
  type LossSurface,
  lossSurface,
  type Trajectory,
  type TrajectoryOptions,
} from "./landscape.ts";
export {
  type PrincipalComponents,
  principalComponents,
} from "./principal_components.ts";
