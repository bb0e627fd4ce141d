import {
  assert,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { loadCheckpoint, saveCheckpoint } from "../../src/io/mod.ts";
import {
  activation,
  crossEntropy,
  flatten,
  type Layer,
  linear,
  sequential,
} from "../../src/layers/mod.ts";
import { mlp } from "../../src/models/mod.ts";
import { PreconditionerError } from "../../src/optim/mod.ts";
import { type Dataset, digitsNormalization } from "../../src/data/mod.ts";
import { div, mul, value } from "../../src/tensor/mod.ts";
import {
  type EpochEvent,
  NonFiniteError,
  Trainer,
  type TrainingEvent,
} from "../../src/train/mod.ts";
import { fortyDigits, frozen, optimizers, runOf, smallNet } from "./helpers.ts";

/** The events of a run from where it is, until one is the last wanted. */
async function eventsOf(
  trainer: Trainer,
  last: (event: TrainingEvent) => boolean = () => false,
): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of trainer.train()) {
    events.push(event);
    if (last(event)) break;
  }
  return events;
}

/** What must be the same in two runs: all but the time. */
function timeless(events: readonly TrainingEvent[]): unknown[] {
  return events.map((event) => ({ ...event, seconds: 0 }));
}

async function failureOf(trainer: Trainer): Promise<NonFiniteError> {
  return await assertRejects(() => eventsOf(trainer), NonFiniteError);
}

for (const { title, name, options, rate } of optimizers) {
  Deno.test(`Trainer resumes in the middle of an epoch bit for bit: ${title}`, async () => {
    const start = () =>
      runOf(smallNet(), name, options, { learningRate: (k) => rate / k });
    const whole = await Trainer.start(start());
    const events = await eventsOf(whole);

    // Step 5 is the second of an epoch, and no step with statistics.
    const stopped = await Trainer.start(start());
    const before = await eventsOf(stopped, ({ step }) => step === 5);
    const folder = await Deno.makeTempDir();
    const path = `${folder}/run.safetensors`;
    await saveCheckpoint(path, await stopped.checkpoint());
    const checkpoint = await loadCheckpoint(path);
    await Deno.remove(folder, { recursive: true });
    assertEquals(checkpoint.description.step, 5);
    assertEquals(checkpoint.description.epoch, 1);

    const resumed = await Trainer.start(start(), { checkpoint, path });
    const after = await eventsOf(resumed);
    assertEquals(await resumed.state.read(), await whole.state.read());
    assertEquals(timeless([...before, ...after]), timeless(events));
    assertNotEquals(await stopped.state.read(), await whole.state.read());

    // What ran before is planned for, also where nothing is left to be run.
    assertEquals(resumed.planBytes, whole.planBytes);
    const over = await Trainer.start(start(), {
      checkpoint: await whole.checkpoint(),
      path,
    });
    assertEquals(await eventsOf(over), []);
    assertEquals(over.planBytes, whole.planBytes);
  });

  Deno.test(`Trainer lowers the loss: ${title}`, async () => {
    const model = mlp([64, 16, 10]);
    const trainer = await Trainer.start(
      runOf(model, name, options, { learningRate: () => rate, epochs: 12 }),
    );
    const epochs = (await eventsOf(trainer)).filter((event) =>
      event.kind === "epoch"
    );
    assertEquals(epochs.length, 12);
    assertLess(epochs[11].loss, 0.7 * epochs[0].loss);
    assertLess(epochs[0].accuracy, epochs[11].accuracy);
  });
}

Deno.test("Trainer resumes between an epoch's last step and its end", async () => {
  const start = () => runOf(smallNet(), "adam", {});
  const whole = await Trainer.start(start());
  const events = await eventsOf(whole);
  const stopped = await Trainer.start(start());
  const before = await eventsOf(stopped, ({ step }) => step === 6);
  const checkpoint = await stopped.checkpoint();
  const resumed = await Trainer.start(start(), { checkpoint, path: "memory" });
  const after = await eventsOf(resumed);
  assertEquals(timeless([...before, ...after]), timeless(events));
  assertEquals((after[0] as EpochEvent).epoch, 2);
  assertEquals(await resumed.state.read(), await whole.state.read());
});

Deno.test("Trainer gives the same numbers however often it looks at the metrics", async () => {
  const often = await Trainer.start(runOf(smallNet(), "adam", {}));
  const seldom = await Trainer.start(
    runOf(smallNet(), "adam", {}, { readEvery: 4 }),
  );
  const events = await eventsOf(often);
  const few = await eventsOf(seldom);
  assertEquals(
    timeless(few),
    timeless(events.filter((e) => e.kind === "epoch" || e.step % 4 === 0)),
  );
  assertEquals(await seldom.state.read(), await often.state.read());
});

Deno.test("Trainer gives the same numbers with batches made ahead, resumed ones too", async () => {
  const batches = {
    batchSize: 16,
    shuffle: true,
    normalization: digitsNormalization,
    augmentation: { crop: { padding: 1 }, flip: { probability: 0.5 } },
  };
  const plain = await Trainer.start(runOf(smallNet(), "adam", {}, { batches }));
  const events = await eventsOf(plain);

  const examples = { ...fortyDigits, inputs: fortyDigits.inputs.slice() };
  const start = (examples: Dataset) =>
    runOf(smallNet(), "adam", {}, { examples, batches, prefetch: 2 });
  const stopped = await Trainer.start(start(examples));
  const before = await eventsOf(stopped, ({ step }) => {
    examples.inputs.fill(0); // The worker has its own since the first step.
    return step === 5;
  });
  const checkpoint = await stopped.checkpoint();
  const resumed = await Trainer.start(start(fortyDigits), {
    checkpoint,
    path: "memory",
  });
  const after = await eventsOf(resumed);
  assertEquals(timeless([...before, ...after]), timeless(events));
  assertEquals(await resumed.state.read(), await plain.state.read());
});

Deno.test("Trainer counts every example once in an epoch's loss", async () => {
  const trainer = await Trainer.start(
    runOf(mlp([64, 10]), "sgd", {}, { learningRate: () => 0, epochs: 1 }),
  );
  const [epoch] = (await eventsOf(trainer)).filter(({ kind }) =>
    kind === "epoch"
  );
  const score = await trainer.evaluate(fortyDigits, {
    normalization: digitsNormalization,
  });
  assertEquals(score.count, 40);
  assertEquals(epoch.accuracy, score.accuracy);
  // One sums in batches of 16, 16 and 8, the other all at once.
  assertLess(Math.abs(epoch.loss - score.loss), 1e-12);
});

Deno.test("Trainer takes statistics at steps 1, interval + 1, ... alone", async () => {
  const trainer = await Trainer.start(
    runOf(smallNet(), "adafisher", { interval: 3 }),
  );
  const factors: string[] = [];
  for await (const event of trainer.train()) {
    if (event.kind !== "step") continue;
    const { optimizer } = await trainer.state.read() as unknown as {
      optimizer: { factors: object };
    };
    factors.push(JSON.stringify(optimizer.factors));
  }
  const changed = factors.map((text, i) => i === 0 || text !== factors[i - 1]);
  const steps = changed.flatMap((yes, i) => yes ? [i + 1] : []);
  assertEquals(steps, [1, 4, 7]);
});

Deno.test("Trainer draws dropout and order from the seed", async () => {
  const train = async (seed: number) => {
    const trainer = await Trainer.start(runOf(smallNet(), "sgd", {}, { seed }));
    return timeless(await eventsOf(trainer));
  };
  assertEquals(await train(1), await train(1));
  assertNotEquals(await train(1), await train(2));
});

Deno.test("Trainer stops at a number that is not finite, and names step and layer", async () => {
  const trainer = await Trainer.start(runOf(mlp([64, 8, 8, 10]), "adam", {}));
  await eventsOf(trainer, ({ step }) => step === 4);
  const weight = value(new Float64Array(64).fill(0.1), [8, 8]);
  weight.data[3] = NaN;
  trainer.state.memory.write(new Map([["parameters/fc2.weight", weight]]));
  const before = await trainer.state.read();
  const error = await failureOf(trainer);
  assertEquals([error.step, error.diagnosis.layer], [5, "fc2"]);
  assertStringIncludes(error.message, "parameter fc2.weight");
  assertStringIncludes(error.message, "smaller than 0.001");
  assertEquals(trainer.step, 4);
  assertEquals(await trainer.state.read(), before);
});

for (const readEvery of [1, 100]) {
  Deno.test(`Trainer keeps the last good numbers, looking every ${readEvery} steps`, async () => {
    const options = runOf(smallNet(), "adafisher", { interval: 2 }, {
      learningRate: (k) => k === 5 ? 1e200 : 1e-3,
      readEvery,
    });
    const good = await Trainer.start({ ...options, readEvery: 1 });
    await eventsOf(good, ({ step }) => step === 5);
    const trainer = await Trainer.start(options);
    const error = await failureOf(trainer);
    // The step at the huge rate has finite results; the one after it does not.
    assertEquals(error.step, 6);
    assert(["conv", "bn", "fc"].includes(error.diagnosis.layer), error.message);
    assertEquals(trainer.step, 5);
    assertEquals(await trainer.state.read(), await good.state.read());
    const { values, description } = await trainer.checkpoint();
    assertEquals(description.step, 5);
    assert(Object.values(values).every(({ data }) => data.every(isFinite)));
  });
}

Deno.test("Trainer names the parameter that an update made infinite", async () => {
  const trainer = await Trainer.start(
    runOf(mlp([64, 10]), "sgd", {}, {
      loss: (output, labels) => mul(crossEntropy(output, labels), 1e6),
      // Times a gradient above 1, that is infinite.
      learningRate: (k) => k === 2 ? Number.MAX_VALUE : 1e-7,
    }),
  );
  const error = await failureOf(trainer);
  assertEquals([error.step, error.diagnosis.layer], [2, "fc1"]);
  assertStringIncludes(error.message, "new value of fc1.");
});

Deno.test("Trainer says when it is the loss alone that is not finite", async () => {
  const trainer = await Trainer.start(
    runOf(mlp([64, 10]), "sgd", {}, {
      loss: (output, labels) => div(crossEntropy(output, labels), 0),
    }),
  );
  const error = await failureOf(trainer);
  assertEquals([error.step, error.diagnosis], [1, { layer: "", what: "loss" }]);
});

Deno.test("Trainer stops where the optimizer gives up on the host, with the state as it was", async () => {
  const trainer = await Trainer.start(
    runOf(mlp([64, 8, 10]), "kfac-asdl", {
      emaDecay: 0.5,
      curvatureInterval: 2,
      mostFailures: 0,
    }),
  );
  await eventsOf(trainer, ({ step }) => step === 4);
  const negative = value(new Float64Array(64 * 64), [64, 64]);
  for (let i = 0; i < 64; i++) negative.data[65 * i] = -1e6;
  trainer.state.memory.write(new Map([["optimizer/factors/fc1/a", negative]]));
  const before = await trainer.state.read();
  const error = await assertRejects(
    () => eventsOf(trainer),
    PreconditionerError,
    "Cannot precondition fc1: its damped factor A is not positive definite, once",
  );
  assertEquals([error.owner, trainer.step], ["fc1", 4]);
  assertEquals(await trainer.state.read(), before);
  assertEquals((await trainer.checkpoint()).description.step, 4);
});

for (const readEvery of [1, 100]) {
  Deno.test(`Trainer keeps the last good numbers of a step with work on the host, looking every ${readEvery} steps`, async () => {
    const options = runOf(
      smallNet(),
      "shampoo-asdl",
      { curvatureInterval: 2 },
      {
        learningRate: (k) => k === 4 ? 1e200 : 1e-3,
        readEvery,
      },
    );
    const good = await Trainer.start({ ...options, readEvery: 1 });
    await eventsOf(good, ({ step }) => step === 4);
    const trainer = await Trainer.start(options);
    const error = await failureOf(trainer);
    // The step at the huge rate has finite results; the one after it, in which the
    // roots are renewed, does not.
    assertEquals(error.step, 5);
    assert(["conv", "bn", "fc"].includes(error.diagnosis.layer), error.message);
    assertEquals(await trainer.state.read(), await good.state.read());
  });
}

Deno.test("Trainer refuses a checkpoint of another model, side by side", async () => {
  const checkpoint = await (await Trainer.start(
    runOf(mlp([64, 8, 10]), "adam", {}),
  )).checkpoint();
  const error = await assertRejects(
    () =>
      Trainer.start(runOf(mlp([64, 9, 10]), "adam", {}), {
        checkpoint,
        path: "old.safetensors",
      }),
    RangeError,
  );
  for (
    const part of [
      "old.safetensors",
      "linear fc1(64 -> 8)",
      "linear fc1(64 -> 9)",
    ]
  ) assertStringIncludes(error.message, part);
});

Deno.test("Trainer refuses a checkpoint of another optimizer, seed or batch size", async () => {
  const model = mlp([64, 10]);
  const from = {
    checkpoint: await (await Trainer.start(runOf(model, "adam", {})))
      .checkpoint(),
    path: "old",
  };
  const refusal = async (options: Parameters<typeof Trainer.start>[0]) =>
    (await assertRejects(() => Trainer.start(options, from), RangeError))
      .message;
  assertStringIncludes(await refusal(runOf(model, "amsgrad", {})), "optimizer");
  const clipped = { clip: <T>(g: T) => g, clipDescription: "norm 1" };
  assertStringIncludes(
    await refusal(runOf(model, "adam", {}, clipped)),
    "clipped: norm 1",
  );
  assertStringIncludes(
    await refusal(runOf(model, "adam", {}, { seed: 8 })),
    "seed must be 8, got 7",
  );
  assertStringIncludes(
    await refusal(runOf(model, "adam", {}, { batches: { batchSize: 20 } })),
    "stepsPerEpoch must be 2, got 3",
  );
});

Deno.test("Trainer leaves frozen parameters alone", async () => {
  const model = sequential([
    flatten(),
    frozen(linear("fc1", 64, 8)),
    activation("relu"),
    linear("fc2", 8, 10),
  ]);
  for (const { name, options, rate } of optimizers) {
    const trainer = await Trainer.start(
      runOf(model, name, { ...options, weightDecay: 0.1 }, {
        learningRate: () => rate,
      }),
    );
    const before = await trainer.state.read();
    await eventsOf(trainer);
    const after = await trainer.state.read();
    assertEquals(
      after.parameters["fc1.weight"],
      before.parameters["fc1.weight"],
    );
    assertNotEquals(
      after.parameters["fc2.weight"],
      before.parameters["fc2.weight"],
    );
    const { momentum } = after.optimizer as { momentum?: object };
    if (momentum) assertEquals("fc1.weight" in momentum, false);
  }
});

/** Parameters after one step from given ones. */
async function oneStep(
  model: Layer,
  names: Readonly<Record<string, string>>,
  source: Readonly<Record<string, ReturnType<typeof value>>>,
): Promise<Record<string, ReturnType<typeof value>>> {
  const trainer = await Trainer.start(
    runOf(model, "sgd", {}, { learningRate: () => 0.1, epochs: 1 }),
  );
  trainer.state.memory.write(
    new Map(
      Object.entries(names).map((
        [name, from],
      ) => [`parameters/${name}`, source[from]]),
    ),
  );
  await eventsOf(trainer, ({ step }) => step === 1);
  const state = await trainer.state.read();
  return state.parameters as Record<string, ReturnType<typeof value>>;
}

Deno.test("Trainer moves a shared layer by the sum of what its uses ask for", async () => {
  const shared = linear("mid", 64, 64);
  const between = activation("tanh"), head = linear("head", 64, 10);
  const tied = sequential([flatten(), shared, between, shared, head]);
  const untied = sequential([
    flatten(),
    linear("a", 64, 64),
    between,
    linear("b", 64, 64),
    head,
  ]);
  const random = Float64Array.from(
    { length: 64 * 64 },
    (_, i) => Math.sin(3 * i) / 16,
  );
  const source = {
    weight: value(random, [64, 64]),
    bias: value(new Float64Array(64)),
  };
  const both = await oneStep(untied, {
    "a.weight": "weight",
    "b.weight": "weight",
    "a.bias": "bias",
    "b.bias": "bias",
  }, source);
  const one = await oneStep(
    tied,
    { "mid.weight": "weight", "mid.bias": "bias" },
    source,
  );
  assertNotEquals(one["mid.weight"], source.weight);
  let largest = 0;
  random.forEach((from, i) => {
    const sum = both["a.weight"].data[i] + both["b.weight"].data[i] - from;
    const moved = one["mid.weight"].data[i];
    largest = Math.max(largest, Math.abs(sum - moved));
  });
  // Additions in another order.
  assertLess(largest, 1e-14);
});

for (const { title, name, options, rate } of optimizers) {
  Deno.test(`Trainer trains shared layers without a bias: ${title}`, async () => {
    const shared = linear("mid", 16, 16, { bias: false });
    const model = sequential([
      flatten(),
      linear("in", 64, 16, { bias: false }),
      shared,
      activation("tanh"),
      shared,
      linear("head", 16, 10),
    ]);
    const trainer = await Trainer.start(
      // Two uses have twice the gradient, and AdaFisher a small F.
      runOf(model, name, options, { epochs: 30, learningRate: () => rate / 5 }),
    );
    const epochs = (await eventsOf(trainer))
      .filter(({ kind }) => kind === "epoch");
    assertLess(epochs[29].loss, 0.9 * epochs[0].loss);
  });
}

Deno.test("Trainer trains a shared layer by its factors of both uses", async () => {
  const shared = linear("mid", 64, 64);
  const model = sequential([
    flatten(),
    shared,
    activation("tanh"),
    shared,
    linear("head", 64, 10),
  ]);
  const trainer = await Trainer.start(
    runOf(model, "adafisher", { interval: 2 }, { epochs: 8 }),
  );
  const epochs = (await eventsOf(trainer)).filter(({ kind }) =>
    kind === "epoch"
  );
  assertLess(epochs[7].loss, 0.7 * epochs[0].loss);
  const { factors } = (await trainer.state.read()).optimizer as unknown as {
    factors: object;
  };
  assertEquals(Object.keys(factors), ["mid", "head"]);
});

Deno.test("Trainer refuses numbers of epochs, looks and batches that are none", async () => {
  const model = mlp([64, 10]);
  for (
    const changes of [
      { epochs: -1 },
      { epochs: 1.5 },
      { readEvery: 0 },
      { prefetch: -1 },
    ]
  ) {
    await assertRejects(
      () => Trainer.start(runOf(model, "sgd", {}, changes)),
      RangeError,
      "Cannot train",
    );
  }
});
