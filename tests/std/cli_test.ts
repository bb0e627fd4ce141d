import { parseArgs } from "@std/cli";
import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";

Deno.test("parseArgs() takes a value after an equals sign or as the next argument", () => {
  assertEquals(parseArgs(["--lr=0.1", "--model", "mlp", "--fast", "x"]), {
    _: [],
    lr: 0.1,
    model: "mlp",
    fast: "x",
  });
  assertEquals(parseArgs(["--fast", "--lr", "1e-3"]), {
    _: [],
    fast: true,
    lr: 1e-3,
  });
  assertEquals(parseArgs(["--name=a=b", "--empty="]), {
    _: [],
    name: "a=b",
    empty: "",
  });
});

Deno.test("parseArgs() reads as numbers what Number reads, unless declared string", () => {
  const args = ["--a=0x10", "--b=0b11", "--c=-5", "--d=1e", "--e= "];
  assertEquals(parseArgs(args), {
    _: [],
    a: 16,
    b: 3,
    c: -5,
    d: "1e",
    e: " ",
  });
  assertEquals(parseArgs(["--seed", "007", "8"], { string: ["seed"] }), {
    _: [8],
    seed: "007",
  });
  assertEquals(parseArgs(["007"], { string: "_" })._, ["007"]);
  assertEquals(parseArgs(["--seed"], { string: "seed" }).seed, "");
  assertStrictEquals(parseArgs([], { string: "seed" }).seed, undefined);
});

Deno.test("parseArgs() has declared booleans false unless given", () => {
  const options = { boolean: ["help", "quiet"] } as const;
  assertEquals(parseArgs([], options), { _: [], help: false, quiet: false });
  assertEquals(parseArgs(["--help", "train"], options), {
    _: ["train"],
    help: true,
    quiet: false,
  });
  assertEquals(parseArgs(["--help=true", "--quiet=false"], options), {
    _: [],
    help: true,
    quiet: false,
  });
  assertEquals(parseArgs(["--help", "true"], options)._, []);
  assertEquals(parseArgs(["--x=true"]).x, "true");
});

Deno.test("parseArgs() has every option boolean with boolean: true", () => {
  assertEquals(parseArgs(["--fast", "x", "--lr=1"], { boolean: true }), {
    _: ["x"],
    fast: true,
    lr: 1,
  });
});

Deno.test("parseArgs() negates only what is negatable", () => {
  const options = { boolean: ["bias"], negatable: ["bias"] } as const;
  assertEquals(parseArgs(["--no-bias"], options).bias, false);
  assertEquals(parseArgs(["--no-bias", "--bias"], options).bias, true);
  assertEquals(parseArgs(["--bias", "--no-bias"], options).bias, false);
  assertEquals(
    parseArgs(["--no-bias"], { ...options, default: { bias: true } }).bias,
    false,
  );
  assertEquals(parseArgs(["--no-bias"]), { _: [], "no-bias": true });
  assertEquals(parseArgs(["--no-bias", "3"]), { _: [], "no-bias": 3 });
  assertEquals(parseArgs(["--no-bias", "x"], { boolean: "no-bias" }), {
    _: ["x"],
    "no-bias": true,
  });
  assertEquals(
    parseArgs(["--out", "x", "--no-out"], { string: "out", negatable: "out" })
      .out,
    false,
  );
});

Deno.test("parseArgs() collects what is declared so and lets the last value win elsewhere", () => {
  assertEquals(parseArgs(["--w=1", "--w=2"]).w, 2);
  const options = { collect: ["w"] } as const;
  assertEquals(parseArgs(["--w=1", "--w", "2"], options).w, [1, 2]);
  assertEquals(parseArgs(["--w=1"], options).w, [1]);
  assertEquals(parseArgs([], { ...options, string: "w" }).w, []);
  assertEquals(
    parseArgs(["--w=1", "-v", "2"], {
      collect: "w",
      string: "w",
      alias: { w: "v" },
    }).w,
    ["1", "2"],
  );
  assertEquals(
    parseArgs(["--w=1", "--no-w", "--w=2"], { ...options, negatable: "w" }).w,
    [2],
  );
  assertEquals(
    parseArgs(["--w=1", "--no-w"], { ...options, negatable: "w" }).w,
    false,
  );
});

Deno.test("parseArgs() gives an option's value to all its names", () => {
  const options = {
    alias: { help: ["h", "usage"] },
    boolean: ["help"],
  } as const;
  for (const arg of ["-h", "--help", "--usage=true"]) {
    assertEquals(parseArgs([arg, "x"], options), {
      _: ["x"],
      help: true,
      h: true,
      usage: true,
    });
  }
  assertEquals(
    parseArgs(["-s", "01"], { alias: { s: "seed" }, string: "seed" }),
    {
      _: [],
      s: "01",
      seed: "01",
    },
  );
  assertEquals(
    parseArgs(["--quiet"], {
      alias: { q: "quiet" },
      boolean: "quiet",
      default: { q: null },
    }).quiet,
    true,
  );
});

Deno.test("parseArgs() leaves defaults as they are", () => {
  const betas = [0.9, 0.999];
  const args = parseArgs(["--lr=2"], {
    alias: { b: "betas" },
    default: { lr: 1, seed: "7", betas, on: true, "a.b": 1 },
    boolean: "on",
  });
  assertEquals(args.lr, 2);
  assertEquals(args.seed, "7");
  assertStrictEquals(args.betas, betas);
  assertStrictEquals(args.b, betas);
  assertEquals(args.on, true);
  assertEquals(args.a, { b: 1 });
});

Deno.test("parseArgs() reads letters one by one and nests at dots", () => {
  assertEquals(parseArgs(["-n5", "-f=x", "-w/a"]), {
    _: [],
    n: 5,
    f: "x",
    w: "/a",
  });
  assertEquals(parseArgs(["-xyz"]), { _: [], x: true, y: true, z: true });
  assertEquals(parseArgs(["-f", "x", "-n5"]), { _: [], f: "x", n: 5 });
  assertEquals(parseArgs(["--a.b", "1", "--a.c=d"]).a, { b: 1, c: "d" });
  assertEquals(parseArgs(["--a.b=01"], { string: "a.b" }), {
    _: [],
    a: { b: "01" },
  });
});

Deno.test("parseArgs() stops at a double dash, and early if asked to", () => {
  const args = ["--a=1", "x", "--", "--b", "2", "--no-c"];
  assertEquals(parseArgs(args), { _: ["x", "--b", "2", "--no-c"], a: 1 });
  assertEquals(parseArgs(args, { "--": true }), {
    _: ["x"],
    a: 1,
    "--": ["--b", "2", "--no-c"],
  });
  assertEquals(parseArgs(["x", "--no-c"], { stopEarly: true }), {
    _: ["x", "--no-c"],
  });
});

Deno.test("parseArgs() shows what is not declared and drops it on false", () => {
  const seen: unknown[] = [];
  const args = parseArgs(["--lr=1", "--w=2", "x", "--no-up=3", "--no-bias"], {
    string: ["lr"],
    collect: ["w"],
    unknown: (...given) => {
      seen.push(given);
      return false;
    },
  });
  assertEquals(args, { _: [], lr: "1", w: [2] });
  assertEquals(seen, [
    ["x", undefined, undefined],
    ["--no-up=3", "no-up", "3"],
    ["--no-bias", "no-bias", undefined],
  ]);
});

Deno.test("parseArgs() leaves prototypes alone", () => {
  assertEquals(parseArgs(["--__proto__.x=1", "--constructor.prototype.x=1"]), {
    _: [],
  });
  assertEquals(Object.hasOwn(Object.prototype, "x"), false);
});

Deno.test("parseArgs() throws on an alias without a name", () => {
  assertThrows(
    () => parseArgs([], { alias: { h: undefined as unknown as string } }),
    TypeError,
    "Alias value must be defined",
  );
});

Deno.test("parseArgs() types what is declared", () => {
  const args = parseArgs(["--lr=1"], {
    boolean: ["help"],
    string: ["lr", "out"],
    collect: ["tag"],
    alias: { help: "h" },
    default: { out: "runs" },
  });
  const help: boolean = args.help;
  const h: boolean = args.h;
  const lr: string | undefined = args.lr;
  const out: string = args.out;
  const tag: unknown[] | undefined = args.tag;
  // @ts-expect-error An option that may be missing is no string.
  const wrong: string = args.lr;
  // @ts-expect-error The type of an option that is not declared is unknown.
  const undeclared: string = args.other;
  assertEquals([help, h, lr, out, tag, wrong, undeclared], [
    false,
    false,
    "1",
    "runs",
    undefined,
    "1",
    undefined,
  ]);
});
