/**
 * Batches that a worker makes while others are trained on.
 *
 * @module
 */

import { Worker } from "node:worker_threads";
import {
  type Batch,
  batches,
  type BatchOptions,
  epochBatches,
} from "./batches.ts";
import { requireInteger } from "./checks.ts";
import type { Dataset } from "./dataset.ts";
import type { Assignment, Reply } from "./prefetch_worker.ts";

/** How far {@linkcode prefetchBatches} goes, and how far ahead. */
export interface PrefetchOptions {
  /** Epochs, one after another from that of the batch options on; 1 unless set. */
  readonly epochs?: number;
  /**
   * Batches that are made before they are asked for; 3 unless set. With 0 there is
   * no worker: a batch is made when it is asked for.
   */
  readonly ahead?: number;
}

/**
 * The batches that {@linkcode batches} gives, made in a worker and a few ahead. They
 * are the same bit for bit, in the same order, and go on over several epochs where
 * that is wanted.
 *
 * The worker is started with the first batch asked for, and gets the data set in
 * shared memory, a copy of it if it is not there already. It is ended with the last
 * batch, or when the loop is left; a loop that is left open keeps no program from
 * exiting. Where no worker can be had, as for want of the permission to read its
 * file, batches are made when they are asked for.
 *
 * A worker pays where a step leaves a core idle, as one on a GPU does, and a batch
 * takes long enough to be noticed: augmented images do.
 *
 * @example Two epochs of augmented images
 * ```ts
 * import { batches, digits, prefetchBatches } from "@adafisher/adafisher/data";
 * import { assertEquals } from "@std/assert";
 *
 * const options = {
 *   batchSize: 600,
 *   shuffle: true,
 *   augmentation: { crop: { padding: 1 } },
 * };
 * const made = [];
 * for await (const batch of prefetchBatches(digits(), options, 0, { epochs: 2 })) {
 *   made.push(batch);
 * }
 * assertEquals(made, [
 *   ...batches(digits(), { ...options, epoch: 0 }),
 *   ...batches(digits(), { ...options, epoch: 1 }),
 * ]);
 * ```
 *
 * @param examples The data set; it must not change.
 * @param options Size, order, normalization and augmentation.
 * @param start Index of the first batch wanted of the first epoch; 0 where it is not
 * given.
 * @param prefetch How many epochs, and how many batches ahead.
 * @returns The batches from `start` on. What {@linkcode batches} throws while it makes
 * a batch, this throws when that batch is asked for.
 * @throws {TypeError} As {@linkcode batches}, and if epochs or ahead is no number.
 * @throws {RangeError} As {@linkcode batches}, and if epochs or ahead is no integer of
 * at least 0.
 */
export function prefetchBatches(
  examples: Dataset,
  options: BatchOptions,
  start: number = 0,
  prefetch: PrefetchOptions = {},
): AsyncGenerator<Batch, void, void> {
  const { epochs = 1, ahead = 3 } = prefetch;
  const task = `make batches of ${examples.name}`;
  requireInteger(task, "epochs", epochs, 0);
  requireInteger(task, "ahead", ahead, 0);
  batches(examples, options, start); // Throws where they cannot be made.
  return (async function* () {
    const worker = ahead > 0
      ? open({ examples, options, start, epochs })
      : undefined;
    const taken = worker ? yield* take(worker, ahead) : 0;
    yield* epochBatches(examples, options, start + taken, epochs);
  })();
}

/** Starts a worker, if there can be one. */
function open(assignment: Assignment): Worker | undefined {
  const { examples } = assignment;
  const url = new URL("./prefetch_worker.ts", import.meta.url);
  try {
    return new Worker(reachable(url), {
      workerData: {
        ...assignment,
        examples: {
          ...examples,
          inputs: shared(examples.inputs),
          labels: shared(examples.labels),
        },
      },
    });
  } catch {
    // Not permitted, or given something that cannot be handed over.
    return undefined;
  }
}

/** A worker is started from a file; from elsewhere, by a line that imports it. */
function reachable(url: URL): URL {
  if (url.protocol === "file:") return url;
  const line = `import ${JSON.stringify(url)};`;
  return new URL(`data:text/javascript,${encodeURIComponent(line)}`);
}

/** The same numbers in shared memory. */
function shared<A extends Uint8Array | Float32Array | Int32Array>(array: A): A {
  if (array.buffer instanceof SharedArrayBuffer) return array;
  const Typed = array.constructor as new (memory: SharedArrayBuffer) => A;
  const copy = new Typed(new SharedArrayBuffer(array.byteLength));
  copy.set(array);
  return copy;
}

/**
 * Takes batches from a worker until there are no more, or it has ended; at any time
 * it has been asked for `ahead` of them.
 *
 * @returns How many were taken.
 */
async function* take(
  worker: Worker,
  ahead: number,
): AsyncGenerator<Batch, number, void> {
  const replies: Reply[] = [];
  let ended = false, wake = () => {}, taken = 0;
  worker.on("message", (reply: Reply) => {
    replies.push(reply);
    wake();
  });
  for (const event of ["error", "exit"]) {
    worker.on(event, () => {
      ended = true;
      wake();
    });
  }
  try {
    worker.unref();
    for (let i = 0; i < ahead; i++) worker.postMessage(null);
    while (true) {
      while (replies.length === 0 && !ended) {
        // Only while a batch is waited for does the worker keep the program alive.
        worker.ref();
        await new Promise<void>((resolve) => wake = resolve);
        worker.unref();
      }
      const reply = replies.shift();
      if (reply && "error" in reply) throw reply.error;
      if (!reply?.batch) return taken;
      worker.postMessage(null);
      taken++;
      yield reply.batch;
    }
  } finally {
    await worker.terminate();
  }
}
