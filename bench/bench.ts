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
import { cpuDevice } from "../src/cpu/mod.ts";
import type { Gpu } from "../src/gpu/mod.ts";
import type { Case, DeviceName, Work } from "./cases.ts";
import { DifferenceError, requireSameResults, stepsToCheck } from "./check.ts";
import type { Job, Library, Results } from "./library.ts";
import { measure, type MeasureOptions } from "./measure.ts";
import { HELP, type PeerName, readOptions } from "./options.ts";
import { ours } from "./ours.ts";
import { measureRates, RATES, type Rates, ratesTables } from "./rates.ts";
import {
  caseRatio,
  describeOutcome,
  type Entry,
  type Outcome,
  tables,
} from "./table.ts";

/** A contender has no more turns when it has had so many times the seconds of a case. */
const SLOW = 3;

/** Seconds that a peer's second choice may take for the steps of a case, about. */
const MOST_SECONDS = 60;

/** A step that takes longer, in seconds, is told of before its turns. */
const PATIENCE = 2;

/** A library that is loaded only where it is asked for. */
interface Peer {
  readonly title: string;
  readonly native?: boolean;
  open(): Promise<Library>;
}

/**
 * A peer on a device. Of its backends the first that can do a work does it:
 * its WebAssembly is faster than its plain JavaScript.
 */
function backendsOf(
  peer: PeerName,
  device: DeviceName,
  threads: number,
): readonly Peer[] {
  const jax = (backend: "webgpu" | "wasm" | "cpu"): Peer => ({
    title: `jax-js ${backend}`,
    open: async () => (await import("./jax.ts")).jaxLibrary(backend),
  });
  const tfjs = (backend: "webgpu" | "wasm" | "cpu"): Peer => ({
    title: `TensorFlow.js ${backend}`,
    open: async () => (await import("./tfjs.ts")).tfjsLibrary(backend),
  });
  const backends = device === "gpu"
    ? ["webgpu"] as const
    : ["wasm", "cpu"] as const;
  switch (peer) {
    case "jax":
      return backends.map(jax);
    case "tfjs":
      return backends.map(tfjs);
    case "pytorch":
      return [{
        title: "PyTorch",
        native: true,
        open: async () =>
          (await import("./pytorch.ts")).pytorchLibrary(threads),
      }];
  }
}

/** A peer's library; one that does not open says why in every case. */
async function openPeer({ title, native, open }: Peer): Promise<Library> {
  try {
    return await open();
  } catch (error) {
    return { title, native, prepare: () => Promise.reject(error) };
  }
}

/** Whoever takes part in a case: a library, or the first of several that can. */
interface Contender {
  /** What it is called here; the library's title by default. */
  readonly title?: string;
  readonly libraries: readonly Library[];
  readonly work: Work;
}

function contendersOf(
  { work, against }: Case,
  own: Library,
  single: { library: Library; threads: number } | undefined,
  others: readonly (readonly Library[])[],
): Contender[] {
  const libraries = [own];
  if (against === undefined) {
    return [libraries, ...others].map((libraries) => ({ libraries, work }));
  }
  if (against === "one thread") {
    const { library, threads } = single!;
    return [
      { title: `${threads} threads`, libraries, work },
      { title: "1 thread", libraries: [library], work },
    ];
  }
  return [
    { title: "Adam", libraries, work: against },
    { title: "AdaFisher", libraries, work },
  ];
}

/** A job whose numbers have been looked at, and about what a step of it takes. */
interface Checked {
  readonly job: Job;
  readonly results: Results;
  readonly stepSeconds: number;
}

/** Makes the first steps of a work, and holds their numbers against the expected. */
async function checked(
  library: Library,
  work: Work,
  expected: Results | undefined,
): Promise<Checked> {
  const job = await library.prepare(work);
  try {
    let stepSeconds = 0;
    for (let i = 0; i < stepsToCheck(work); i++) {
      const start = performance.now();
      await job.step();
      await job.finish();
      stepSeconds = (performance.now() - start) / 1e3;
    }
    const results = await job.results();
    if (expected) requireSameResults(work, expected, results);
    return { job, results, stepSeconds };
  } catch (error) {
    job.close();
    throw error;
  }
}

/** What has become of a contender. */
type Started =
  & Pick<Entry, "insteadOf">
  & { readonly library: Library }
  & (Checked | { readonly failure: Error });

/**
 * Throws if a step would take too long, by one of a single sample: no step that has
 * begun can be broken off.
 */
async function requireQuick(library: Library, work: Work): Promise<void> {
  if (work.kind === "matmul") return;
  const job = await library.prepare({ ...work, batch: 1 });
  const start = performance.now();
  try {
    await job.step();
    await job.finish();
  } finally {
    job.close();
  }
  const sample = (performance.now() - start) / 1e3;
  const seconds = work.batch * sample;
  if (seconds * (stepsToCheck(work) + 1) <= MOST_SECONDS) return;
  throw new Error(
    `too slow to wait for: a step of one sample takes ${
      sample.toFixed(1)
    } s, one of ${work.batch} some ${seconds.toFixed(0)} s`,
  );
}

/** The first of a contender's libraries that can do its work; else why none can. */
async function start(
  { libraries, work }: Contender,
  expected: Results | undefined,
): Promise<Started> {
  const failed: { library: Library; failure: Error }[] = [];
  for (const library of libraries) {
    try {
      if (failed.length > 0) await requireQuick(library, work);
      const found = await checked(library, work, expected);
      const { stepSeconds } = found;
      if (stepSeconds > PATIENCE) {
        // Whoever waits knows for whom.
        console.error(`  ${library.title}: ${stepSeconds.toFixed(0)} s a step`);
      }
      const [first] = failed;
      const insteadOf = first &&
        { title: first.library.title, failure: first.failure };
      return { library, insteadOf, ...found };
    } catch (error) {
      const failure = error as Error;
      // Other numbers are no want of ability, which another backend might have.
      if (failure instanceof DifferenceError) return { library, failure };
      failed.push({ library, failure });
    }
  }
  const [{ library, failure }, ...others] = failed;
  const [line] = failure.message.split("\n");
  const rest = others.map(({ library, failure }) =>
    `; ${library.title}: ${failure.message.split("\n")[0]}`
  );
  return { library, failure: new Error(line + rest.join("")) };
}

/** Checks and measures a case. What goes wrong becomes a reason in its outcome. */
async function run(
  it: Case,
  contenders: readonly Contender[],
  options: MeasureOptions,
): Promise<Outcome> {
  const started: Started[] = [];
  let expected: Results | undefined;
  for (const contender of contenders) {
    const found = await start(contender, expected);
    if ("results" in found && !it.against) expected ??= found.results;
    started.push(found);
  }
  const ready = started.filter((it) => "job" in it);
  const known = new Map(ready.map((it) => [it.job, it.stepSeconds]));
  const jobs = ready.map(({ job }) => job);
  const measured = await measure(jobs, { ...options, known });
  for (const job of jobs) job.close();
  const entries = started.map((found, i): Entry => {
    const { library, insteadOf } = found;
    const { title = library.title } = contenders[i];
    const { native } = library;
    const result = "failure" in found
      ? found.failure
      : measured[jobs.indexOf(found.job)];
    if (result instanceof Error) return { title, native, failure: result };
    return { title, native, measurement: result, insteadOf };
  });
  return { case: it, entries };
}

async function main(args: readonly string[]): Promise<number> {
  const options = readOptions(args);
  if (options === "help") {
    console.log(HELP);
    return 0;
  }
  const { device, title: deviceTitle } = await openDevice(options.device, {
    threads: options.device === "cpu" ? options.threads : undefined,
  });
  const own = ours(device);
  const single = options.threads > 1
    ? { library: ours(cpuDevice({ threads: 1 })), threads: options.threads }
    : undefined;
  const software = !("adapter" in device) || (device as Gpu).adapter.software;
  const others: Library[][] = [];
  for (const peer of options.peers) {
    const backends = backendsOf(peer, options.device, options.threads);
    others.push(await Promise.all(backends.map(openPeer)));
  }
  const { rounds } = options;
  const roundSeconds = options.seconds / rounds;
  const measuring = {
    rounds,
    roundSeconds,
    mostSeconds: SLOW * options.seconds,
  };
  const outcomes: Outcome[] = [];
  for (const it of options.cases) {
    if (it.against === "one thread" && !single) {
      console.error(`${it.name}: left out, since there is one thread`);
      continue;
    }
    console.error(`${it.name}: ${it.title}`);
    const contenders = contendersOf(it, own, single, others);
    const outcome = await run(it, contenders, measuring);
    // Whoever stops a long run has seen what was measured so far.
    console.error(describeOutcome(outcome));
    outcomes.push(outcome);
  }
  let rates: Rates | undefined;
  if (options.rates) {
    console.error(`${RATES.name}: ${RATES.title}`);
    rates = await measureRates(device, measuring);
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
      nativeRatio: caseRatio(outcome, "seconds", true),
    }));
    console.log(
      JSON.stringify({ ...about, cases: results, ...rates }, null, 2),
    );
    return Number(failed);
  }
  if (options.markdown) console.log(`## ${deviceTitle}, ${about.date}\n`);
  if (outcomes.length > 0) console.log(tables(outcomes, software));
  if (rates) console.log(`\n${ratesTables(rates)}`);
  console.log(
    `\n${deviceTitle}; ${about.runtime}, ${about.processors} processors; ${about.date}. ` +
      `${rounds} ${rounds === 1 ? "round" : "rounds"} in turn of about ${
        roundSeconds.toPrecision(2)
      } s each: medians, ± half the range. ` +
      "Ratios are medians over the rounds.",
  );
  return Number(failed);
}

if (import.meta.main) await runCommand(() => main(Deno.args));
