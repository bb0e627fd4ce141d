/**
 * `deno task bench`: this library and its peers at the same work, in turn.
 *
 * Exit status: 0 if all was measured that can be; 1 if this library cannot do a
 * work, or a peer's numbers are not ours; 2 if the command line is wrong.
 *
 * @module
 */

import { runCommand } from "../cli/arguments.ts";
import { openDevice } from "../cli/device.ts";
import type { Gpu } from "../src/gpu/mod.ts";
import type { Case, Work } from "./cases.ts";
import { DifferenceError, requireSameResults, stepsToCheck } from "./check.ts";
import type { Job, Library, Results } from "./library.ts";
import { measure, type MeasureOptions } from "./measure.ts";
import { type DeviceName, HELP, readOptions } from "./options.ts";
import { ours } from "./ours.ts";
import {
  caseRatio,
  describeOutcome,
  type Entry,
  type Outcome,
  tables,
} from "./table.ts";

/** A library that is loaded only where it is asked for. */
interface Peer {
  readonly title: string;
  open(): Promise<Library>;
}

/** The peers, on the backend that stands for a device. */
const peers: Readonly<
  Record<DeviceName, readonly Peer[]>
> = {
  gpu: [
    {
      title: "jax-js",
      open: async () => (await import("./jax.ts")).jaxLibrary("webgpu"),
    },
    {
      title: "TensorFlow.js",
      open: async () => (await import("./tfjs.ts")).tfjsLibrary("webgpu"),
    },
  ],
  cpu: [
    {
      title: "jax-js",
      open: async () => (await import("./jax.ts")).jaxLibrary("wasm"),
    },
    {
      title: "TensorFlow.js",
      open: async () => (await import("./tfjs.ts")).tfjsLibrary("wasm"),
    },
  ],
};

/** A peer's library; one that does not open says why in every case. */
async function openPeer({ title, open }: Peer): Promise<Library> {
  try {
    return await open();
  } catch (error) {
    return { title, prepare: () => Promise.reject(error) };
  }
}

/** Whoever takes part in a case. */
interface Contender {
  readonly title: string;
  readonly library: Library;
  readonly work: Work;
}

function contendersOf(
  { work, against }: Case,
  own: Library,
  others: readonly Library[],
): Contender[] {
  if (against === undefined) {
    return [own, ...others].map((library) => ({
      title: library.title,
      library,
      work,
    }));
  }
  return [
    { title: "Adam", library: own, work: against },
    { title: "AdaFisher", library: own, work },
  ];
}

/** Checks and measures a case. What goes wrong becomes a reason in its outcome. */
async function run(
  it: Case,
  contenders: readonly Contender[],
  options: MeasureOptions,
): Promise<Outcome> {
  const started: (Job | Error)[] = [];
  let expected: Results | undefined;
  for (const { library, work } of contenders) {
    try {
      const job = await library.prepare(work);
      for (let i = 0; i < stepsToCheck(work); i++) await job.step();
      const results = await job.results();
      if (expected && !it.against) requireSameResults(work, expected, results);
      expected ??= results;
      started.push(job);
    } catch (error) {
      started.push(error as Error);
    }
  }
  const jobs = started.filter((job): job is Job => !(job instanceof Error));
  const found = await measure(jobs, options);
  for (const job of jobs) job.close();
  const entries = contenders.map(({ title }, i): Entry => {
    const job = started[i];
    const measured = job instanceof Error ? job : found[jobs.indexOf(job)];
    return measured instanceof Error
      ? { title, failure: measured }
      : { title, measurement: measured };
  });
  return { case: it, entries };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const { device, title: deviceTitle } = await openDevice(options.device);
  const own = ours(device);
  const software = !("adapter" in device) || (device as Gpu).adapter.software;
  const others = options.peers
    ? await Promise.all(peers[options.device].map(openPeer))
    : [];
  const { rounds } = options;
  const roundSeconds = options.seconds / rounds;
  const outcomes: Outcome[] = [];
  for (const it of options.cases) {
    console.error(`${it.name}: ${it.title}`);
    const contenders = contendersOf(it, own, others);
    const outcome = await run(it, contenders, { rounds, roundSeconds });
    // Whoever stops a long run has seen what was measured so far.
    console.error(describeOutcome(outcome));
    outcomes.push(outcome);
  }
  const failed = outcomes.some(({ entries }) =>
    entries.some(({ failure }, i) =>
      failure && (i === 0 || failure instanceof DifferenceError)
    )
  );
  const about = {
    date: new Date().toISOString().slice(0, 10),
    device: deviceTitle,
    runtime: `Deno ${Deno.version.deno}`,
    processors: navigator.hardwareConcurrency,
    rounds,
    roundSeconds,
  };
  if (options.json) {
    const results = outcomes.map((outcome) => ({
      ...outcome.case,
      entries: outcome.entries.map(({ failure, ...entry }) =>
        failure ? { ...entry, failure: failure.message } : entry
      ),
      ratio: caseRatio(outcome, "seconds"),
      processorRatio: caseRatio(outcome, "processor"),
    }));
    console.log(JSON.stringify({ ...about, cases: results }, null, 2));
    return Number(failed);
  }
  if (options.markdown) console.log(`## ${deviceTitle}, ${about.date}\n`);
  console.log(tables(outcomes, software, options.device));
  console.log(
    `\n${deviceTitle}; ${about.runtime}, ${about.processors} processors; ${about.date}. ` +
      `${rounds} rounds in turn of about ${roundSeconds} s each: medians, ± half the range. ` +
      "Ratios are medians over the rounds.",
  );
  return Number(failed);
}

if (import.meta.main) await runCommand(() => main(Deno.args));
