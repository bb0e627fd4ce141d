/**
 * How much of a matrix product's rate the convolutions and a whole step of ResNet-20
 * have, and which kinds of kernel the step's time goes to.
 *
 * @module
 */

import { type Device, type KernelTotal, Profile } from "../src/program/mod.ts";
import { type Case, casesOf, flopsOf } from "./cases.ts";
import {
  measure,
  type Measurement,
  type MeasureOptions,
  median,
  ratioOf,
} from "./measure.ts";
import { ours } from "./ours.ts";
import { digits, table } from "./table.ts";

/** What `--only` calls it. */
export const RATES = {
  name: "kernels",
  title:
    "GFLOP/s of convolutions and of ResNet-20 against those of matmul-1024",
} as const;

/** What is wanted: shares of the product's rate. */
const WANTED_CONVOLUTION = 0.7, WANTED_STEP = 0.6;

/** The rate of a work. */
export interface Rate {
  /** Which case. */
  readonly name: string;
  /** Operations a second, in the median round. */
  readonly rate: number;
  /** Share of the product's rate: the median over the rounds. */
  readonly share: number;
  /** What the share should be at least. */
  readonly wanted?: number;
}

/** Kernels of one kind in a step. */
export interface KernelShare {
  /** Which kind. */
  readonly kind: string;
  /** How many there are. */
  readonly count: number;
  /** Milliseconds a step. */
  readonly milliseconds: number;
  /** Arithmetic of a step. */
  readonly flops: number;
}

/** Rates, and the kernels of a step of ResNet-20. */
export interface Rates {
  readonly rates: readonly Rate[];
  readonly kernels: readonly KernelShare[];
}

/** Kinds of kernels, by the operation that says most of what a kernel does. */
const kinds:
  readonly (readonly [kind: string, operations: readonly string[]])[] = [
    ["convolution, kernel gradient", ["conv-kernel-gradient"]],
    ["convolution, input gradient", ["conv-input-gradient"]],
    ["convolution, forward", ["conv"]],
    ["matrix product", ["matmul"]],
    ["sum, maximum", ["sum", "reduce-max", "argmax"]],
    ["pooling, lookup", ["fold-windows", "scatter-add-rows"]],
  ];

/**
 * The kind of a kernel. What only packs operands or joins parts has no operations of
 * its own, but is called after the one that it is for.
 */
export function kindOf(
  { name, operations }: Pick<KernelTotal, "name" | "operations">,
): string {
  const words = operations.length > 0 ? operations : [name.split(" ")[0]];
  const found = kinds.find(([, names]) =>
    names.some((operation) => words.includes(operation))
  );
  if (found) return found[0];
  return operations.length > 0 ? "element-wise" : "copies";
}

/**
 * Adds up kernels by kind.
 *
 * @param totals The totals of a profile.
 * @param steps How many steps they are of, the first left out.
 * @returns The kinds, what takes longest first.
 */
export function sharesOf(
  totals: readonly KernelTotal[],
  steps: number,
): KernelShare[] {
  const groups = Map.groupBy(totals, kindOf);
  return [...groups].map(([kind, group]) => {
    const sum = (of: (total: KernelTotal) => number): number =>
      group.reduce((total, it) => total + of(it), 0) / steps;
    return {
      kind,
      count: sum(({ later }) => later.count),
      milliseconds: sum(({ later }) => later.milliseconds),
      flops: sum(({ later, flops }) => later.count * flops),
    };
  }).sort((a, b) => b.milliseconds - a.milliseconds);
}

/**
 * Measures a product, the convolutions and a step of ResNet-20 in turn, and last in
 * each round the step with a time for each kernel.
 *
 * @param device The device; it can time kernels.
 * @param options Rounds and their length.
 * @returns The rates.
 */
export async function measureRates(
  device: Device,
  options: MeasureOptions,
): Promise<Rates> {
  const all = casesOf("cpu");
  const chosen: Case[] = [
    all.find(({ name }) => name === "matmul-1024")!,
    ...all.filter(({ name }) => name.startsWith("conv-")),
    all.find(({ name }) => name === "resnet20")!,
  ];
  const own = ours(device);
  const profile = new Profile(0);
  const timed = ours(device.profiled!((times) => profile.record(times)));
  const jobs = [];
  for (const { work } of chosen) jobs.push(await own.prepare(work));
  jobs.push(await timed.prepare(chosen.at(-1)!.work));
  // The first run of each kernel is not counted.
  await jobs.at(-1)!.step();
  const found = await measure(jobs, options);
  for (const job of jobs) job.close();
  for (const it of found) if (it instanceof Error) throw it;
  const measurements = found as Measurement[];
  const kernels = sharesOf(profile.totals(), profile.runs - 1);
  const stepFlops = kernels.reduce((sum, { flops }) => sum + flops, 0);
  const flops = chosen.map(({ work }) => flopsOf(work) ?? stepFlops);
  const [product] = measurements;
  const rates = chosen.map(({ name }, i): Rate => ({
    name,
    rate: flops[i] / median(measurements[i].seconds),
    share: ratioOf(product.seconds, measurements[i].seconds) * flops[i] /
      flops[0],
    ...(name === "resnet20"
      ? { wanted: WANTED_STEP }
      : name.startsWith("conv-")
      ? { wanted: WANTED_CONVOLUTION }
      : {}),
  }));
  return { rates, kernels };
}

/** Two tables: rates, and kernels. */
export function ratesTables({ rates, kernels }: Rates): string {
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const gigaflops = (rate: number): string => digits(rate / 1e9);
  const [product] = rates;
  const reference = `of ${product.name}'s`;
  const total = (of: (it: KernelShare) => number, among = kernels): number =>
    among.reduce((sum, it) => sum + of(it), 0);
  const milliseconds = total((it) => it.milliseconds);
  const row = (title: string, among: readonly KernelShare[]): string[] => {
    const time = total((it) => it.milliseconds, [...among]);
    const rate = total((it) => it.flops, [...among]) / time * 1e3;
    return [
      title,
      total((it) => it.count, [...among]).toFixed(0),
      `${digits(time)} ms`,
      percent(time / milliseconds),
      ...(hasRate(title)
        ? [gigaflops(rate), percent(rate / product.rate)]
        : ["", ""]),
    ];
  };
  // The others are as quick as the memory, whatever they compute.
  const hasRate = (title: string): boolean => /conv|product|^all/.test(title);
  const convolutions = kernels.filter(({ kind }) => kind.startsWith("conv"));
  return [
    table([
      ["work", "GFLOP/s", reference, "wanted"],
      ...rates.map(({ name, rate, share, wanted }) => [
        name,
        gigaflops(rate),
        percent(share),
        wanted === undefined ? "" : `at least ${percent(wanted)}`,
      ]),
    ]),
    table([
      ["kernels of resnet20", "number", "time", "share", "GFLOP/s", reference],
      ...kernels.map((it) => row(it.kind, [it])),
      row("all convolutions", convolutions),
      row("all", kernels),
    ]),
  ].join("\n\n");
}
