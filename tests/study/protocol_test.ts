import { assert, assertEquals, assertThrows } from "@std/assert";
import { mlp } from "../../src/models/mod.ts";
import { adafisher, adam, kfacAsdl } from "../../src/optim/mod.ts";
import {
  epochsWithin,
  medianCosts,
  secondsOfSteps,
  type StepCost,
  stepKinds,
} from "../../src/study/mod.ts";

const model = mlp([2, 2]);
const cost = (
  seconds: number,
  statistics = false,
  prepares = false,
): StepCost => ({ statistics, prepares, seconds });

Deno.test("stepKinds has what an optimizer does, and no more", () => {
  assertEquals(stepKinds(adam()), [{ statistics: false, prepares: false }]);
  assertEquals(stepKinds(adafisher(model, { preset: "paper" })), [
    { statistics: true, prepares: false },
  ]);
  assertEquals(stepKinds(kfacAsdl(model)), [
    { statistics: true, prepares: true },
    { statistics: false, prepares: false },
  ]);
});

Deno.test("secondsOfSteps counts each kind at the steps it is made at", () => {
  // Statistics at 1, 101, 201 of 250 steps.
  const costs = [cost(1), cost(7, true)];
  assertEquals(secondsOfSteps(adafisher(model), costs, 250), 247 + 3 * 7);
  // Statistics and host at 1, 11, 21 of 25 steps.
  const both = [cost(2), cost(20, true, true)];
  assertEquals(secondsOfSteps(kfacAsdl(model), both, 25), 22 * 2 + 3 * 20);
  assertEquals(secondsOfSteps(adam(), [cost(1)], 0), 0);
});

Deno.test("epochsWithin gives AdaFisher the epochs that its own time is of, whatever a step costs", () => {
  const optimizer = adafisher(model);
  for (const seconds of [0.1, 1 / 3, 0.0123, 7]) {
    const costs = [cost(seconds), cost(1.7 * seconds, true)];
    for (const epochs of [1, 2, 7, 50]) {
      const budget = secondsOfSteps(optimizer, costs, epochs * 45);
      assertEquals(epochsWithin(optimizer, costs, 45, budget), epochs);
    }
  }
});

Deno.test("epochsWithin gives the most epochs that fit", () => {
  const optimizer = kfacAsdl(model);
  for (const [plain, full] of [[1, 1], [1, 9], [3, 40], [2, 500]]) {
    const costs = [cost(plain), cost(full, true, true)];
    for (const stepsPerEpoch of [1, 7, 10, 45]) {
      for (const budget of [600, 1000, 9999]) {
        const within = epochsWithin(optimizer, costs, stepsPerEpoch, budget);
        const time = (epochs: number) =>
          secondsOfSteps(optimizer, costs, epochs * stepsPerEpoch);
        const where = `${plain} ${full} ${stepsPerEpoch} ${budget}`;
        assert(time(within + 1) > budget, where);
        assert(time(within) <= budget || within === 1, where);
      }
    }
  }
});

Deno.test("epochsWithin gives one epoch where none fits", () => {
  assertEquals(epochsWithin(adam(), [cost(1)], 100, 0), 1);
  assertEquals(epochsWithin(adam(), [cost(1)], 100, 99), 1);
  assertEquals(epochsWithin(adam(), [cost(1)], 100, 199), 1);
  assertEquals(epochsWithin(adam(), [cost(1)], 100, 200), 2);
});

Deno.test("epochsWithin refuses costs and budgets that cannot be", () => {
  const refused: [readonly StepCost[], number, number, string][] = [
    [[cost(1)], 10, 5, "without work on the host, got none"],
    [[cost(0), cost(1, true)], 10, 5, "above 0, got 0"],
    [[cost(NaN), cost(1, true)], 10, 5, "above 0, got NaN"],
    [[cost(1), cost(2, true)], 10, Infinity, "budget must be finite"],
    [[cost(1), cost(2, true)], 10, -1, "at least 0, got -1"],
    [[cost(1), cost(2, true)], 0, 5, "steps per epoch must be"],
  ];
  for (const [costs, steps, budget, message] of refused) {
    assertThrows(
      () => epochsWithin(adafisher(model), costs, steps, budget),
      RangeError,
      message,
    );
  }
});

Deno.test("epochsWithin refuses steps that cost next to nothing", () => {
  const least = 2 ** -20;
  assertEquals(epochsWithin(adam(), [cost(least)], 1, 90_000 * least), 90_000);
  for (const seconds of [1e-300, 9e-7]) {
    assertThrows(
      () => epochsWithin(adam(), [cost(seconds)], 1, 0.1),
      RangeError,
      "Cannot plan adam: at most 100000 epochs may fit into 0.1 s, got more, at",
    );
  }
});

Deno.test("medianCosts takes the median of each kind, and refuses others", () => {
  const measured = [[1, 9], [5, 7], [3, 80]].map(([plain, full]) => [
    cost(plain),
    cost(full, true),
  ]);
  assertEquals(medianCosts(measured), [cost(3), cost(9, true)]);
  assertThrows(() => medianCosts([]), RangeError, "got none");
  assertThrows(
    () => medianCosts([[cost(1)], [cost(1, true)]]),
    RangeError,
    "same steps",
  );
});
