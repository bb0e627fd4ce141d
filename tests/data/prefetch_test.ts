import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { Worker } from "node:worker_threads";
import {
  type Batch,
  batches,
  type BatchOptions,
  cifarNormalization,
  type Dataset,
  dataset,
  iris,
  irisNormalization,
  paperAugmentation,
  prefetchBatches,
  type PrefetchOptions,
} from "../../src/data/mod.ts";

/** 21 images `[3, 32, 32]` of bytes. */
const images = dataset({
  name: "images",
  classes: ["even", "odd"],
  shape: [3, 32, 32],
  inputs: Uint8Array.from({ length: 21 * 3072 }, (_, i) => (i * i + i) % 251),
  labels: Int32Array.from({ length: 21 }, (_, row) => row % 2),
});

const training: BatchOptions = {
  batchSize: 4,
  seed: 11,
  epoch: 2,
  shuffle: true,
  normalization: cifarNormalization.cifar10,
  augmentation: paperAugmentation,
};

/** A hundred examples of one number, the example's own, where a worker reads them too. */
function numbers(): Dataset {
  const inputs = new Float32Array(new SharedArrayBuffer(400));
  inputs.forEach((_, i) => inputs[i] = i);
  return dataset({
    name: "numbers",
    classes: ["any"],
    shape: [1],
    inputs,
    labels: new Int32Array(100),
  });
}

/** The batches of some epochs as `batches` makes them. */
function plain(
  examples: Dataset,
  options: BatchOptions,
  start: number,
  epochs: number,
): Batch[] {
  const { epoch = 0 } = options;
  return Array.from({ length: epochs }, (_, i) => [
    ...batches(
      examples,
      { ...options, epoch: epoch + i },
      i === 0 ? start : 0,
    ),
  ]).flat();
}

const cases: [title: string, Dataset, BatchOptions, number, PrefetchOptions][] =
  [
    ["an epoch of augmented images", images, training, 0, {}],
    ["the rest of an epoch", images, training, 3, { ahead: 1 }],
    ["several epochs from the middle of one", images, training, 5, {
      epochs: 3,
      ahead: 2,
    }],
    ["an epoch that is over, and the next", images, training, 6, { epochs: 2 }],
    ["more ahead than there are", images, training, 2, { ahead: 50 }],
    [
      "measurements without a smaller last batch",
      iris(),
      {
        batchSize: 40,
        dropLast: true,
        normalization: irisNormalization,
      },
      0,
      { epochs: 2 },
    ],
    ["no epoch", images, training, 0, { epochs: 0 }],
    ["nothing ahead, and no worker", images, training, 1, { ahead: 0 }],
  ];

for (const [title, examples, options, start, prefetch] of cases) {
  Deno.test(`prefetchBatches gives the batches of batches: ${title}`, async () => {
    const made = await Array.fromAsync(
      prefetchBatches(examples, options, start, prefetch),
    );
    assertEquals(
      made,
      plain(examples, options, start, prefetch.epochs ?? 1),
    );
  });
}

Deno.test("prefetchBatches makes as many batches ahead as it was told, and no more", async () => {
  // A number that is set to -1 after a wait is in no batch that was made before.
  const ahead = async (wait: number) => {
    const examples = numbers();
    const options = { batchSize: 1 };
    const stream = prefetchBatches(examples, options, 0, { ahead: 3 });
    await stream.next();
    await new Promise((resolve) => setTimeout(resolve, wait));
    examples.inputs.fill(-1);
    const rest = await Array.fromAsync(stream);
    assertEquals(rest.length, 99);
    return rest.filter(({ inputs }) => inputs.data[0] >= 0).length;
  };
  // A worker on a busy machine may need longer.
  let made = 0;
  for (let wait = 20; made < 3 && wait < 10_000; wait *= 4) {
    made = await ahead(wait);
    assert(made <= 3, `${made} batches were made ahead`);
  }
  assertEquals(made, 3);
});

Deno.test("prefetchBatches hands the data set to its worker once, and leaves it to the caller", async () => {
  const examples = iris();
  const expected = [...batches(examples, { batchSize: 50 })];
  const stream = prefetchBatches(examples, { batchSize: 50 }, 0, { ahead: 1 });
  const first = await stream.next();
  assertEquals(examples.inputs, iris().inputs);
  examples.inputs.fill(-1);
  examples.labels.fill(0);
  assertEquals([first.value, ...await Array.fromAsync(stream)], expected);
});

Deno.test("prefetchBatches throws at once what batches throws at once", () => {
  const refused = (options: BatchOptions, start = 0) => {
    const { message } = assertThrows(
      () => batches(iris(), options, start),
      RangeError,
    );
    assertThrows(
      () => prefetchBatches(iris(), options, start),
      RangeError,
      message,
    );
  };
  refused({ batchSize: 151 });
  refused({ batchSize: 50 }, 4);
  refused({ batchSize: 50, augmentation: paperAugmentation });
  for (const name of ["epochs", "ahead"]) {
    assertThrows(
      () => prefetchBatches(iris(), { batchSize: 50 }, 0, { [name]: -1 }),
      RangeError,
      `${name} must be an integer of at least 0, got -1`,
    );
  }
});

Deno.test("prefetchBatches throws its worker's error where the batch is asked for", async () => {
  const mean = [0.5, 0.5];
  const normalization = { unit: 255, mean, deviation: [1, 1, 1] };
  const options = { batchSize: 4, normalization };
  const { message } = assertThrows(
    () => [...batches(images, options)],
    RangeError,
  );
  const stream = prefetchBatches(images, options);
  const first = stream.next();
  mean.push(0.5); // Too late for the worker, which has a copy.
  await assertRejects(() => first, RangeError, message);
  assertEquals(await stream.next(), { done: true, value: undefined });
});

Deno.test("prefetchBatches makes batches itself where the worker cannot be given the data set", async () => {
  const examples = { ...images, more: () => 0 };
  assertEquals(
    await Array.fromAsync(prefetchBatches(examples, training, 0)),
    plain(images, training, 0, 1),
  );
});

/** A worker that is started by a loop, caught with the first message sent to it. */
async function workerOf(
  stream: AsyncGenerator<Batch, void, void>,
): Promise<Worker> {
  const { postMessage } = Worker.prototype;
  let found: Worker | undefined;
  Worker.prototype.postMessage = function (this: Worker, message: unknown) {
    found = this;
    return postMessage.call(this, message);
  };
  try {
    await stream.next();
  } finally {
    Worker.prototype.postMessage = postMessage;
  }
  assert(found, "there is no worker");
  return found;
}

for (const way of ["left", "over", "broken by an error"]) {
  Deno.test(`prefetchBatches ends its worker when the loop is ${way}`, async () => {
    const stream = prefetchBatches(iris(), { batchSize: 50 });
    const worker = await workerOf(stream);
    const exit = new Promise((resolve) => worker.once("exit", resolve));
    if (way === "over") assertEquals((await Array.fromAsync(stream)).length, 2);
    else {
      const error = new Error("mine");
      const loop = async () => {
        for await (const { index } of stream) {
          if (way === "left" && index === 1) break;
          if (way !== "left") throw error;
        }
      };
      if (way === "left") await loop();
      else await assertRejects(loop, Error, "mine");
    }
    await exit;
    assertEquals(await stream.next(), { done: true, value: undefined });
  });
}

Deno.test("prefetchBatches goes on by itself where its worker is gone", async () => {
  const options = { ...training, batchSize: 1 };
  const stream = prefetchBatches(images, options, 5, { epochs: 2, ahead: 2 });
  await (await workerOf(stream)).terminate();
  assertEquals(
    await Array.fromAsync(stream),
    plain(images, options, 5, 2).slice(1),
  );
});

/** Leaves one loop open and one early, and has nothing more to do. */
const PROGRAM = `
  import { digits, prefetchBatches } from "./src/data/mod.ts";
  const examples = digits();
  const open = prefetchBatches(examples, { batchSize: 32 });
  const { value } = await open.next();
  examples.inputs.fill(0);
  const { value: next } = await open.next();
  for await (const batch of prefetchBatches(examples, { batchSize: 32 })) break;
  const made = next.inputs.data.some((pixel) => pixel > 0) ? "worker" : "caller";
  console.log(value.index, next.index, made);
`;

async function runProgram(...permissions: string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--ext=ts", ...permissions, "-"],
    cwd: fromFileUrl(new URL("../..", import.meta.url)),
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(PROGRAM));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("prefetchBatches keeps no program from ending", async () => {
  assertEquals(await runProgram("--allow-read"), "0 1 worker");
});

Deno.test("prefetchBatches makes batches itself where no worker is allowed, and says nothing", async () => {
  assertEquals(await runProgram(), "0 1 caller");
});
