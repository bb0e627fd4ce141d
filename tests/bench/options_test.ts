import { assert, assertEquals, assertThrows } from "@std/assert";
import { casesOf } from "../../bench/cases.ts";
import { HELP, readOptions } from "../../bench/options.ts";
import { UsageError } from "../../cli/arguments.ts";

/** Names of the cases that a command line chooses. */
function namesOf(...args: string[]): string[] {
  const options = readOptions(args);
  assert(options !== "help");
  return options.cases.map(({ name }) => name);
}

Deno.test("readOptions takes all cases and peers by default", () => {
  assertEquals(namesOf().length, casesOf("gpu").length);
  const options = readOptions([]);
  assert(options !== "help");
  assertEquals([options.device, options.peers], ["gpu", ["jax", "tfjs"]]);
});

Deno.test("readOptions chooses cases by names and their first words", () => {
  assertEquals(namesOf("--only", "matmul"), ["matmul-512", "matmul-1024"]);
  // In the order of the table; the dashes of `deno task` are passed over.
  assertEquals(namesOf("--", "--only", "mlp, matmul-512"), [
    "matmul-512",
    "mlp",
  ]);
});

Deno.test("readOptions refuses what cannot be", () => {
  for (
    const [args, message] of [
      [["--only", "matmul-51"], "did you mean matmul-512?"],
      [["--only", "mat"], '--only needs names of cases, got "mat"'],
      [["--only", ""], "--only needs names, got nothing"],
      [["mlp"], 'Unexpected argument "mlp"'],
      [["--json", "--markdown"], "cannot both be given"],
      [["--device", "tpu"], "--device needs one of gpu, cpu"],
      [["--threads", "2"], "--threads needs --device cpu"],
      [
        ["--against", "pytorch"],
        '--against needs names of jax, tfjs, got "pytorch"',
      ],
      [["--only", "threads"], "--only needs names of cases"],
      [["--device", "cpu", "--threads", "0"], "at least 1"],
      [["--rounds", "0"], "--rounds needs a whole number of at least 1"],
      [["--seconds", "0"], "--seconds needs a number above 0"],
    ] as const
  ) assertThrows(() => readOptions(args), UsageError, message);
});

Deno.test("readOptions sends who asks for help to text with all cases", () => {
  assertEquals(readOptions(["--help"]), "help");
  for (const { name } of casesOf("cpu")) assert(HELP.includes(name), name);
});

Deno.test("readOptions has cases of its own for the CPU, and as many threads as cores", () => {
  const options = readOptions(["--device", "cpu"]);
  assert(options !== "help");
  assertEquals(options.threads, navigator.hardwareConcurrency);
  assert(options.rates && options.cases.some(({ name }) => name === "threads"));
  const kernels = readOptions(["--device", "cpu", "--only", "kernels"]);
  assert(kernels !== "help");
  assertEquals([kernels.rates, kernels.cases.length], [true, 0]);
  const onGpu = readOptions([]);
  assert(onGpu !== "help" && !onGpu.rates);
});

Deno.test("readOptions chooses the peers", () => {
  const peersOf = (...args: string[]) => {
    const options = readOptions(["--device", "cpu", ...args]);
    assert(options !== "help");
    return options.peers;
  };
  assertEquals(peersOf(), ["jax", "tfjs", "pytorch"]);
  assertEquals(peersOf("--no-peers"), []);
  assertEquals(peersOf("--against", "pytorch, jax"), ["jax", "pytorch"]);
});
