/**
 * Where `deno task analyze-factors` has its factors from: a run's folder, or one of
 * another program's files.
 *
 * @module
 */

import { join } from "@std/path";
import {
  type FactorAverages,
  readFactorAverages,
  readFactorFile,
  readFactorFolder,
  type StoredFactor,
} from "../src/analysis/mod.ts";
import { digits, iris } from "../src/data/mod.ts";
import type { KroneckerLayer, Layer } from "../src/layers/mod.ts";
import { modelByName } from "../src/models/mod.ts";
import type { Value } from "../src/tensor/mod.ts";
import { FACTORS } from "./factors.ts";
import { Failure, outside } from "./failure.ts";
import { exists, readJson } from "./files.ts";
import type { RunOptions } from "./recipe.ts";

/** A factor to be studied. */
export interface Factor {
  /** Its layer; the tensor's name where another program made it. */
  readonly layer: string;
  /** Which averages; null for another program's. */
  readonly form: "paper" | "official" | null;
  /** Of the layer's input, or of the derivative at its output; null if not known. */
  readonly factor: "H" | "S" | null;
  /** The training step, where it is known. */
  readonly step: number | null;
  /** The file that has it. */
  readonly file: string;
  /** [n, n]. */
  readonly matrix: Value;
}

/** A run of `deno task train`. */
export interface FactorRun {
  readonly options: RunOptions;
  readonly model: Layer;
  /** The averages of a step. */
  averages(step: number): Promise<FactorAverages>;
}

/** A folder with factors in it. */
export interface FactorSource {
  /** The folder, as it was named. */
  readonly folder: string;
  /** The steps that are there, ascending. */
  readonly steps: readonly number[];
  /** The run; none if another program made the files. */
  readonly run?: FactorRun;
  /** Layers whose factors are kept, in the model's order or that of the files. */
  readonly layers: readonly string[];
  /** The factors of some steps; those without a step are always among them. */
  factors(steps: readonly number[]): Promise<Factor[]>;
}

const STEP_FILE = /^step-(\d+)\.safetensors$/;

/**
 * Looks for factors: in `factors/` of a run's folder, or in the files of any other.
 *
 * @param folder The folder.
 * @returns What is there.
 * @throws {Failure} If there is no such folder, there are no factors in it, or a file
 * cannot be read.
 */
export async function openFactors(folder: string): Promise<FactorSource> {
  const within = join(folder, FACTORS);
  const options = await readJson(join(folder, "options.json"));
  if (
    options !== undefined ||
    await exists(join(folder, "checkpoint.safetensors"))
  ) {
    if (options === undefined || !await exists(within)) {
      throw new Failure(
        `Cannot read factors from the run in ${folder}: it must have options.json and factors, got no ${
          options === undefined ? "options.json" : FACTORS
        }; deno task train --factors every:50 keeps some`,
      );
    }
    return await openRun(folder, options as unknown as RunOptions);
  }
  return await openFiles(await exists(within) ? within : folder);
}

async function openRun(
  folder: string,
  options: RunOptions,
): Promise<FactorSource> {
  const path = (step: number) =>
    join(folder, FACTORS, `step-${step}.safetensors`);
  const steps = await outside(async () => {
    const found: number[] = [];
    for await (const { name } of Deno.readDir(join(folder, FACTORS))) {
      const [, step] = STEP_FILE.exec(name) ?? [];
      if (step !== undefined) found.push(Number(step));
    }
    return found.sort((a, b) => a - b);
  });
  if (steps.length === 0) {
    throw new Failure(
      `Cannot read factors from the run in ${folder}: ${FACTORS} must have files step-<k>.safetensors, got none; deno task train --factors every:50 keeps some`,
    );
  }
  const model = await outside(() => modelOf(options));
  const found = await outside(() => readFactorFile(path(steps[0])));
  const kept = new Set(found.map((stored) => factorOf(stored).layer));
  const layers = model.kronecker.map(({ name }) => name)
    .filter((name) => kept.has(name));
  return {
    folder,
    steps,
    layers,
    run: {
      options,
      model,
      averages: (step) => outside(() => readFactorAverages(path(step), layers)),
    },
    factors: (chosen) =>
      outside(async () => {
        const factors: Factor[] = [];
        for (const step of chosen) {
          factors.push(...(await readFactorFile(path(step))).map(factorOf));
        }
        return inOrder(factors, layers);
      }),
  };
}

/** The model of a run; its data set need not be there. */
function modelOf({ dataset, model }: RunOptions): Layer {
  const bundled = { digits, iris } as const;
  if (dataset === "digits" || dataset === "iris") {
    const { shape, classes } = bundled[dataset]();
    return modelByName(model, { inputShape: shape, classes: classes.length });
  }
  return modelByName(model, {
    inputShape: [3, 32, 32],
    classes: dataset === "cifar10" ? 10 : 100,
  });
}

async function openFiles(folder: string): Promise<FactorSource> {
  const all = (await outside(() => readFactorFolder(folder))).map(factorOf);
  const layers = [...new Set(all.map(({ layer }) => layer))];
  const known = all.flatMap(({ step }) => step === null ? [] : [step]);
  return {
    folder,
    layers,
    steps: [...new Set(known)].sort((a, b) => a - b),
    factors: (chosen) =>
      Promise.resolve(inOrder(
        all.filter(({ step }) => step === null || chosen.includes(step)),
        layers,
      )),
  };
}

/** What the name of a stored factor says. */
function factorOf({ file, step, name, matrix }: StoredFactor): Factor {
  const [, layer, form, factor] =
    /^(.+)\/(paper|official)\/([hs])$/.exec(name) ?? [];
  return {
    layer: layer ?? name,
    form: form as Factor["form"] ?? null,
    factor: factor === undefined ? null : factor === "h" ? "H" : "S",
    step: step ?? null,
    file,
    matrix,
  };
}

/** By layer, H before S, the paper's average before the official one, step. */
function inOrder(factors: Factor[], layers: readonly string[]): Factor[] {
  const place = new Map(layers.map((layer, i) => [layer, i]));
  const after = (one: boolean, other: boolean) => Number(one) - Number(other);
  return factors.sort((a, b) =>
    place.get(a.layer)! - place.get(b.layer)! ||
    after(a.factor === "S", b.factor === "S") ||
    after(a.form === "official", b.form === "official") ||
    (a.step ?? 0) - (b.step ?? 0)
  );
}

/**
 * The layers that get figures where none are named: the middle one of the convolutions
 * and the last linear layer of a model; the middle and the last one of what another
 * program made.
 *
 * @param source Where the factors are.
 * @returns Names of layers, one or two.
 */
export function usualLayers(
  { layers, run }: Pick<FactorSource, "layers" | "run">,
): string[] {
  const kept = run?.model.kronecker.filter(({ name }) => layers.includes(name));
  const ofRank = (rank: number): string[] =>
    kept?.filter((layer) => weightRank(layer) === rank)
      .map(({ name }) => name) ?? [];
  const convolutions = ofRank(4), linear = ofRank(2);
  const middle = convolutions[convolutions.length >> 1] ??
    layers[(layers.length - 1) >> 1];
  return [...new Set([middle, linear.at(-1) ?? layers.at(-1)!])];
}

const weightRank = ({ name, parameters }: KroneckerLayer): number =>
  parameters[`${name}.weight`]?.shape.length ?? 0;
