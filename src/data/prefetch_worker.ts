/**
 * The worker of `prefetchBatches`: for each message it makes the next batch.
 *
 * @module
 */

import { parentPort, workerData } from "node:worker_threads";
import { type Batch, type BatchOptions, epochBatches } from "./batches.ts";
import type { Dataset } from "./dataset.ts";

/** What the worker is given when it is started. */
export interface Assignment {
  /** The data set, its arrays in shared memory. */
  readonly examples: Dataset;
  /** How batches are made. */
  readonly options: BatchOptions;
  /** The first batch wanted, counted from the first epoch's first. */
  readonly start: number;
  /** How many epochs. */
  readonly epochs: number;
}

/** The next batch, or none where there are no more, or why it cannot be made. */
export type Reply = { readonly batch?: Batch } | { readonly error: unknown };

const { examples, options, start, epochs } = workerData as Assignment;
const source = epochBatches(examples, options, start, epochs);

function reply(): [reply: Reply, transferred: ArrayBuffer[]] {
  try {
    const { value: batch } = source.next();
    if (!batch) return [{}, []];
    const { inputs, labels, rows } = batch;
    const arrays = [inputs.data, labels.data, rows];
    return [{ batch }, arrays.map(({ buffer }) => buffer as ArrayBuffer)];
  } catch (error) {
    return [{ error }, []];
  }
}

parentPort!.on("message", () => parentPort!.postMessage(...reply()));
