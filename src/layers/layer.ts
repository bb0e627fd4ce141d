/**
 * What a layer is: a pure function of parameters, buffers and input, and, for
 * the layers that AdaFisher knows, the Kronecker factors of its Fisher block.
 *
 * @module
 */

import { constant, input } from "../tensor/operations.ts";
import type { RandomKey } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Shape, Value } from "../tensor/value.ts";

/** Trained tensors by full name, such as `layer1.0.conv1.weight`. */
export type Parameters = Readonly<Record<string, Tensor>>;

/** Tensors that a layer carries along untrained, such as running statistics. */
export type Buffers = Readonly<Record<string, Tensor>>;

/** A parameter or buffer before it has numbers. */
export interface ParameterSpec {
  /** Extent of each axis. */
  readonly shape: Shape;
  /** The first numbers, a function of the seed and the parameter's name alone. */
  readonly initial: (key: RandomKey) => Value;
  /** True for a parameter that no optimizer moves. */
  readonly frozen?: boolean;
}

/** What a forward pass needs besides its input. */
export interface Context {
  /** Parameters of the whole model, by full name. */
  readonly parameters: Parameters;
  /** Buffers of the whole model, by full name. */
  readonly buffers: Buffers;
  /** Training mode: batch statistics, and dropout where there is a key. */
  readonly training: boolean;
  /** Key of this step's random draws, int [2]; none: no dropout. */
  readonly key?: Tensor;
}

/** One use of a layer with Kronecker factors in a forward pass. */
export interface LayerUse {
  /** The layer. */
  readonly layer: KroneckerLayer;
  /** What went in: h. */
  readonly input: Tensor;
  /** What came out, the pre-activation: z. */
  readonly output: Tensor;
}

/** Result of a forward pass. */
export interface LayerResult {
  /** What the layer computes. */
  readonly output: Tensor;
  /** Uses of layers with Kronecker factors, in the order of the pass. */
  readonly uses: readonly LayerUse[];
  /** New values of the buffers that changed, by full name. */
  readonly buffers: Buffers;
}

/** A layer, or a whole model: layers composed. */
export interface Layer {
  /** Full name; empty for layers without one. */
  readonly name: string;
  /** One line of what it is, as `linear(64 -> 10)`. */
  readonly description: string;
  /** Its parameters by full name, those of inner layers included. */
  readonly parameters: Readonly<Record<string, ParameterSpec>>;
  /** Its buffers by full name, those of inner layers included. */
  readonly buffers: Readonly<Record<string, ParameterSpec>>;
  /** Its layers with Kronecker factors, in order, each once. */
  readonly kronecker: readonly KroneckerLayer[];
  /** The layers it is composed of, in order; none for a single layer. */
  readonly layers?: readonly Layer[];
  /**
   * The forward pass.
   *
   * @param x The input.
   * @param context Parameters, buffers, mode, random key.
   * @returns Output, uses of layers with factors, new buffers.
   * @throws {RangeError} If the input does not fit, with the layer's name and both shapes.
   */
  forward(x: Tensor, context: Context): LayerResult;
}

/**
 * Which reading of the factors: the paper's final version, or what the official
 * code computes (`docs/adafisher.md` lists every difference).
 */
export type FactorForm = "paper" | "official";

/** The two Kronecker factors of a layer, or their diagonals. */
export interface Factors {
  /** Of the layer's input. */
  readonly h: Tensor;
  /** Of the loss's derivative at the layer's output. */
  readonly s: Tensor;
}

/** Input and pre-activation derivative of one use of a layer. */
export interface Statistics {
  /** h: the layer's input. */
  readonly input: Tensor;
  /** s: derivative of the mean loss with respect to the layer's output. */
  readonly derivative: Tensor;
}

/** A layer whose Fisher block has a Kronecker approximation F = H (x) S. */
export interface KroneckerLayer extends Layer {
  /**
   * Shapes of the diagonals H_D and S_D: [n] each. The full factors are [n, n].
   *
   * @param form The paper's reading, or the official code's.
   * @returns The two shapes.
   */
  factorShapes(form: FactorForm): { readonly h: Shape; readonly s: Shape };
  /**
   * The diagonals H_D and S_D of one use, computed without the full factors.
   *
   * @param statistics Input h and derivative s of the mean loss at the output.
   * @param form The paper's reading, or the official code's.
   * @returns Two vectors of the shapes that `factorShapes` names.
   * @throws {RangeError} If a shape does not fit the layer, or the batch is empty.
   */
  diagonals(statistics: Statistics, form: FactorForm): Factors;
  /**
   * The full factors H and S of one use.
   *
   * @param statistics Input h and derivative s of the mean loss at the output.
   * @param form The paper's reading, or the official code's.
   * @returns Two square matrices, whose diagonals are what `diagonals` gives.
   * @throws {RangeError} If a shape does not fit the layer, or the batch is empty.
   */
  factors(statistics: Statistics, form: FactorForm): Factors;
  /**
   * The diagonal of H (x) S, laid out as the layer's parameters.
   *
   * @param diagonals H_D and S_D, after whatever normalization.
   * @param form The reading that the diagonals are of.
   * @returns One tensor for each parameter of the layer, by full name.
   * @throws {RangeError} If a diagonal has not the shape that `factorShapes` names.
   */
  kroneckerDiagonal(diagonals: Factors, form: FactorForm): Parameters;
}

/**
 * Tensors, one for each spec, as inputs named `prefix/name`: for tracing by hand.
 *
 * @example
 * ```ts
 * import { linear, symbolic } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const { "fc.weight": weight } = symbolic(linear("fc", 3, 2).parameters, "p");
 * assertEquals(weight.shape, [2, 3]);
 * ```
 *
 * @param specs The specs by full name.
 * @param prefix What the names of the inputs begin with.
 * @returns The inputs by full name.
 */
export function symbolic(
  specs: Readonly<Record<string, ParameterSpec>>,
  prefix: string,
): Parameters {
  return Object.fromEntries(
    Object.entries(specs).map(([name, spec]) => [
      name,
      input(`${prefix}/${name}`, spec.shape),
    ]),
  );
}

/**
 * First values of parameters or buffers.
 *
 * @example
 * ```ts
 * import { initialize, layerNorm } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const values = initialize(layerNorm("norm", [2]).parameters, 7);
 * assertEquals([...values["norm.weight"].data], [1, 1]);
 * ```
 *
 * @param specs The specs by full name.
 * @param seed Same seed, same numbers.
 * @returns The values by full name.
 */
export function initialize(
  specs: Readonly<Record<string, ParameterSpec>>,
  seed: number,
): Record<string, Value> {
  return Object.fromEntries(
    Object.entries(specs).map((
      [name, spec],
    ) => [name, spec.initial([seed, 0])]),
  );
}

/**
 * Host values as constants by the same names: to run a layer at once.
 *
 * @example
 * ```ts
 * import { constants, initialize, linear } from "@adafisher/adafisher/layers";
 * import { assertEquals } from "@std/assert";
 *
 * const fc = linear("fc", 3, 2);
 * const parameters = constants(initialize(fc.parameters, 1));
 * assertEquals(parameters["fc.bias"].shape, [2]);
 * ```
 *
 * @param values The values by full name; their arrays must not change afterwards.
 * @returns The constants by full name.
 */
export function constants(
  values: Readonly<Record<string, Value>>,
): Parameters {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, constant(value)]),
  );
}
