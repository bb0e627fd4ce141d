/**
 * Studies of the paper, each a pure function to a typed result: how much of a
 * Kronecker factor is on its diagonal, how far AdaFisher's F goes with the diagonals
 * that it stands for, what its convergence propositions come to in numbers, and the loss
 * landscape of Figure 1.
 *
 * @example How much of a layer's factor is on its diagonal
 * ```ts
 * import { gersgorin, snr } from "@adafisher/adafisher/analysis";
 * import { value } from "@adafisher/adafisher/tensor";
 * import { assert } from "@std/assert";
 *
 * const factor = value([5, 1, 0, 1, 4, 1, 0, 1, 3], [3, 3]);
 * assert(gersgorin(factor).dominant === 1);
 * assert(snr(factor).plain > 10);
 * ```
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
  type QuadraticConvergence,
  quadraticConvergence,
  type QuadraticOptions,
  type QuadraticStep,
} from "./convergence.ts";
export {
  type Diagonal,
  type Examples,
  type FisherDiagonalOptions,
  type FisherDiagonals,
  fisherDiagonals,
  type HessianDiagonal,
  hessianDiagonal,
  type HessianDiagonalOptions,
} from "./curvature_diagonals.ts";
export {
  adaFisherDiagonal,
  correlateDiagonals,
  type DiagonalCorrelation,
  type DiagonalCorrelations,
} from "./diagonal_correlation.ts";
export {
  averageFactors,
  type FactorAverages,
  type FactorInputs,
  type FactorObserver,
  factorObserver,
  type FactorPair,
  type FreshFactors,
} from "./factor_averages.ts";
export {
  readFactorAverages,
  readFactorFile,
  readFactorFolder,
  type StoredFactor,
  writeFactors,
} from "./factor_files.ts";
export {
  type Gersgorin,
  gersgorin,
  type GersgorinOptions,
} from "./gersgorin.ts";
export {
  type GradientDecay,
  gradientDecay,
  type GradientDecayOptions,
  type GradientDecayPoint,
} from "./gradient_decay.ts";
export {
  type BlockReduction,
  type HeatmapCells,
  heatmapCells,
} from "./heatmap.ts";
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
  type EigenvalueChanges,
  type Perturbation,
  perturbation,
  type PerturbationOptions,
} from "./perturbation.ts";
export {
  type DiagonalAverages,
  type LogHistogram,
  type Preconditioner,
  preconditioner,
  type PreconditionerOptions,
  type ValueRange,
} from "./preconditioner.ts";
export {
  type PrincipalComponents,
  principalComponents,
} from "./principal_components.ts";
export type { MemoryOptions } from "./requirements.ts";
export { type Snr, snr } from "./snr.ts";
export {
  type BandEnergy,
  inDecibels,
  inOfficialScale,
  type Spectrum,
  spectrum,
  type SpectrumOptions,
} from "./spectrum.ts";
