import { assertEquals, assertThrows } from "@std/assert";
import {
  assemble,
  type FunctionBuilder,
  type FunctionSource,
} from "../../src/wasm/assembler.ts";
import {
  type Expression,
  f32,
  f32x4,
  f64,
  f64x2,
  FUSED,
  i32,
  i32x4,
  i64,
  i64x2,
  select,
  signed,
  type Type,
  unsigned,
  v128,
} from "../../src/wasm/expression.ts";
import { instantiate, sharedMemory } from "./instantiate.ts";

/** A function of i32 parameters. */
const source = (
  name: string,
  parameters: number,
  emit: (f: FunctionBuilder) => void,
  result?: Type,
): FunctionSource => ({
  name,
  parameters: Array<Type>(parameters).fill("i32"),
  result,
  emit,
});

/** Runs a function that returns a number. */
function run(
  result: Type,
  emit: (f: FunctionBuilder) => void,
  ...given: number[]
): number {
  const functions = [source("run", given.length, emit, result)];
  return instantiate({ functions }).run(...given);
}

/** The lanes of a vector. */
function lanes(
  vector: Expression<"v128">,
  kind: "float" | "int" = "float",
): number[] {
  const memory = sharedMemory(1);
  const functions = [source("run", 0, (f) => f.store(16, vector))];
  instantiate({ functions }, memory).run();
  const { buffer } = memory;
  return kind === "float"
    ? [...new Float32Array(buffer, 16, 4)]
    : [...new Int32Array(buffer, 16, 4)];
}

Deno.test("unsigned and signed write LEB128", () => {
  assertEquals(unsigned(0), [0]);
  assertEquals(unsigned(624485), [0xe5, 0x8e, 0x26]);
  assertEquals(unsigned(2 ** 32 - 1), [0xff, 0xff, 0xff, 0xff, 0x0f]);
  assertEquals(signed(63), [63]);
  assertEquals(signed(64), [0xc0, 0]);
  assertEquals(signed(-64), [0x40]);
  assertEquals(signed(-123456), [0xc0, 0xbb, 0x78]);
});

Deno.test("assemble: constants come back as they were given", () => {
  for (const n of [0, 1, -1, 63, 64, -65, 2 ** 31 - 1, -(2 ** 31)]) {
    assertEquals(run("i32", (f) => f.return(i32.const(n))), n);
  }
  // An address above 2 GiB is the negative number of the same bits.
  assertEquals(run("i32", (f) => f.return(i32.const(2 ** 32 - 16))), -16);
  for (const n of [0, -0, 1.5, Infinity, NaN, 2 ** -149]) {
    assertEquals(run("f32", (f) => f.return(f32.const(n))), n);
  }
  for (const n of [0.1, -1e300]) {
    assertEquals(run("f64", (f) => f.return(f64.const(n))), n);
  }
});

Deno.test("i32, i64, f32 and f64 compute", () => {
  const two = (
    operation: (a: Expression<"i32">, b: Expression<"i32">) => Expression,
    a: number,
    b: number,
  ): number =>
    run(
      "i32",
      (f) => f.return(operation(f.parameter(0), f.parameter(1))),
      a,
      b,
    );
  assertEquals(two(i32.add, 7, -9), -2);
  assertEquals(two(i32.sub, 7, -9), 16);
  assertEquals(two(i32.mul, 7, -9), -63);
  assertEquals(two(i32.div_u, -1, 2), 2 ** 31 - 1);
  assertEquals(two(i32.div_s, -7, 2), -3);
  assertEquals(two(i32.rem_u, 17, 5), 2);
  assertEquals(two(i32.shl, 3, 4), 48);
  assertEquals(two(i32.lt_s, -1, 1), 1);
  assertEquals(two(i32.lt_u, -1, 1), 0);
  // The upper half of a product of 32 bits.
  const high = (a: Expression<"i32">, b: Expression<"i32">) =>
    i32.wrap_i64(
      i64.shr_u(i64.mul(i64.extend_i32_u(a), i64.extend_i32_u(b)), 32),
    );
  assertEquals(two(high, -1, -1), -2);
  const fourth = run(
    "f32",
    (f) => f.return(f32.sqrt(f32.div(1, f32.convert_i32_s(f.parameter(0))))),
    16,
  );
  assertEquals(fourth, 0.25);
  const sum = f64.add(f64.promote_f32(f32.const(0.1)), 1);
  assertEquals(run("f64", (f) => f.return(sum)), 1 + Math.fround(0.1));
});

Deno.test("i32.add and i32.mul of known numbers are constants", () => {
  assertEquals(i32.add(i32.mul(3, 4), 5).literal, 17);
  assertEquals(i32.mul(i32.add(1, -1), 4).literal, 0);
  // A product wraps round at 32 bits, as it does when it runs.
  assertEquals(i32.mul(2 ** 20, 2 ** 13).literal, 0);
  assertEquals(run("i32", (f) => f.return(i32.add(f.parameter(0), 0)), 5), 5);
});

Deno.test("f32x4, i32x4, i64x2 and f64x2 compute in all lanes", () => {
  const a = f32x4.const([1, 2, 3, 4]);
  const b = f32x4.const([10, -20, 30, 0.5]);
  assertEquals(lanes(f32x4.add(a, b)), [11, -18, 33, 4.5]);
  assertEquals(lanes(f32x4.madd(a, b, f32x4.splat(1))), [11, -39, 91, 3]);
  assertEquals(lanes(f32x4.nmadd(a, b, f32x4.splat(1))), [-9, 41, -89, -1]);
  assertEquals(lanes(f32x4.splat(f32.const(3))), [3, 3, 3, 3]);
  assertEquals(lanes(f32x4.replace_lane(a, 2, 9)), [1, 2, 9, 4]);
  assertEquals(
    lanes(v128.bitselect(a, b, f32x4.lt(a, b))),
    [1, -20, 3, 0.5],
  );
  assertEquals(lanes(i32x4.shuffle(a, b, [0, 4, 1, 5])), [1, 10, 2, -20]);
  const n = i32x4.const([1, -2, 3, 100000]);
  assertEquals(lanes(i32x4.mul(n, n), "int"), [1, 4, 9, 1410065408]);
  assertEquals(lanes(i32x4.shl(n, 2), "int"), [4, -8, 12, 400000]);
  assertEquals(lanes(f32x4.convert_i32x4_s(n)), [1, -2, 3, 100000]);
  assertEquals(lanes(i32x4.trunc_sat_f32x4_s(b), "int"), [10, -20, 30, 0]);
  const wide = i64x2.extmul_high_i32x4_u(n, i32x4.splat(-1));
  assertEquals(lanes(i64x2.shr_u(wide, 32), "int"), [2, 0, 99999, 0]);
  const doubles = f64x2.mul(f64x2.promote_low_f32x4(b), f64x2.splat(0.5));
  assertEquals(lanes(f32x4.demote_f64x2_zero(doubles)), [5, -10, 0, 0]);
  const third = run("f32", (f) => f.return(f32x4.extract_lane(b, 2)));
  assertEquals(third, 30);
});

Deno.test("FUSED says whether madd rounds once", () => {
  // (1 + e)(1 - e) - 1 is -e^2 if rounded once, and 0 if the product is rounded.
  const e = 2 ** -13;
  const [result] = lanes(f32x4.madd(
    f32x4.splat(1 + e),
    f32x4.splat(1 - e),
    f32x4.splat(-1),
  ));
  // A machine without such an instruction may know the operation all the same.
  assertEquals([0, -e * e].includes(result), true);
  if (!FUSED) assertEquals(result, 0);
  const zero = f32x4.splat(0).code;
  const code = [zero, zero, zero, [0xfd, 0x85, 0x02]];
  const functions = [
    source("run", 0, (f) => f.drop({ type: "v128", code })),
  ];
  assertEquals(FUSED, WebAssembly.validate(assemble({ functions })));
});

Deno.test("loads and stores reach the address and their offset", () => {
  const memory = sharedMemory(1);
  const floats = new Float32Array(memory.buffer);
  floats.set([1, 2, 3, 4, 5], 4);
  const functions = [source("run", 1, (f) => {
    const at = f.parameter(0);
    f.store(at, v128.load(at, 4), 64);
    f.store(at, v128.load32_splat(at, 8), 80);
    f.store(at, f32.load(at, 12), 96);
    f.storeLane(at, v128.load(at), 3, 100);
    f.store(at, v128.load32_zero(at, 4), 112);
    f.storeHalf(at, v128.load(at, 8), 0, 128);
    f.storeHalf(at, v128.load(at), 1, 192);
    f.store(at, v128.load64_lane(at, f32x4.splat(7), 1, 8), 208);
    f.store(at, v128.load32_lane(at, f32x4.splat(7), 2, 16), 144);
    f.copy(i32.add(at, 160), at, 8);
    f.fill(i32.add(at, 176), 0, 4);
    f.store8(at, i32.const(1), 180);
    f.store(at, v128.load64_splat(at, 4), 224);
  })];
  floats[(16 + 176) / 4] = 5;
  instantiate({ functions }, memory).run(16);
  const after = (bytes: number, count: number) => [
    ...floats.subarray((16 + bytes) / 4, (16 + bytes) / 4 + count),
  ];
  assertEquals(after(64, 4), [2, 3, 4, 5]);
  assertEquals(after(80, 4), [3, 3, 3, 3]);
  assertEquals(after(96, 2), [4, 4]);
  assertEquals(after(112, 4), [2, 0, 0, 0]);
  assertEquals(after(128, 4), [3, 4, 0, 0]);
  assertEquals(after(192, 2), [3, 4]);
  assertEquals(after(208, 4), [7, 7, 3, 4]);
  assertEquals(after(144, 4), [7, 7, 5, 7]);
  assertEquals(after(160, 2), [1, 2]);
  assertEquals(after(176, 1), [0]);
  assertEquals(new Uint8Array(memory.buffer)[16 + 180], 1);
  assertEquals(after(224, 4), [2, 3, 2, 3]);
});

Deno.test("assemble: a memory that no threads share need not be a shared one", () => {
  const memory = new WebAssembly.Memory({ initial: 1 });
  const functions = [source("run", 0, (f) => f.store(16, i32.const(7)))];
  instantiate({ shared: false, functions }, memory).run();
  assertEquals(new Int32Array(memory.buffer)[4], 7);
  assertThrows(() => instantiate({ functions }, memory), WebAssembly.LinkError);
});

Deno.test("FunctionBuilder.loop, if, block and repeat run as often as they say", () => {
  const squares = (from: number, to: number) =>
    run(
      "i32",
      (f) => {
        const [i, total] = [f.local("i32"), f.local("i32")];
        f.loop(i, f.parameter(0), f.parameter(1), 1, () => {
          f.increase(total, i32.mul(i, i));
        });
        f.return(total);
      },
      from,
      to,
    );
  assertEquals(squares(1, 4), 14);
  assertEquals(squares(4, 4), 0);
  assertEquals(squares(5, 4), 0);
  for (const [to, rounds] of [[0, 0], [3, 1], [4, 2], [7, 3]]) {
    const counted = run("i32", (f) => {
      const [i, total] = [f.local("i32"), f.local("i32")];
      f.loop(i, 0, to, 3, () => f.increase(total, 1));
      f.return(total);
    });
    assertEquals(counted, rounds);
  }
  // Every second number up to the first multiple of 7, in three kinds of blocks.
  const emit = (f: FunctionBuilder) => {
    const [i, total] = [f.local("i32"), f.local("i32")];
    f.block((leave) => {
      f.repeat((again) => {
        f.increase(i, 1);
        f.if(i32.eqz(i32.rem_u(i, 7)), () => leave());
        f.if(
          i32.rem_u(i, 2),
          () => f.increase(total, 1),
          () => f.increase(total, i),
        );
        again();
      });
    });
    f.return(total);
  };
  assertEquals(run("i32", emit), 3 + 2 + 4 + 6);
  const lowered = (n: number, to: number) =>
    run(
      "i32",
      (f) => {
        const local = f.let(f.parameter(0));
        f.lower(local, f.parameter(1));
        f.return(local);
      },
      n,
      to,
    );
  assertEquals([lowered(3, 2), lowered(2, 3), lowered(-1, 5)], [2, 2, 5]);
  const chosen = (n: number) =>
    run(
      "i32",
      (f) => f.return(select(i32.const(5), i32.const(6), f.parameter(0))),
      n,
    );
  assertEquals([chosen(1), chosen(0)], [5, 6]);
});

Deno.test("FunctionBuilder.call reaches functions of the module and imports", () => {
  const said: number[] = [];
  const { run } = instantiate(
    {
      imports: [{ name: "say", parameters: ["i32"] }],
      functions: [
        source("run", 1, (f) => {
          f.call("say", f.parameter(0));
          f.call("say", f.call("twice", f.parameter(0)) as Expression<"i32">);
        }),
        source("twice", 1, (f) => f.return(i32.mul(f.parameter(0), 2)), "i32"),
      ],
    },
    undefined,
    { say: (n) => void said.push(n) },
  );
  run(21);
  assertEquals(said, [21, 42]);
  assertThrows(
    () =>
      instantiate({ functions: [source("run", 0, (f) => f.call("missing"))] }),
    RangeError,
    "Cannot emit run: the module has no function missing",
  );
});

Deno.test("i32.atomic changes shared memory and gives what was there", () => {
  const memory = sharedMemory(1);
  const numbers = new Int32Array(memory.buffer);
  numbers[4] = 5;
  const { run } = instantiate({
    functions: [source("run", 0, (f) => {
      f.store(32, i32.atomic.add(16, 3));
      f.store(36, i32.atomic.load(16));
      f.store(40, i32.atomic.exchange(16, 1));
      f.store(44, i32.atomic.compareExchange(16, 1, 9));
      f.store(48, i32.atomic.compareExchange(16, 1, 2));
      f.store(52, i32.atomic.notify(16, 1));
      f.atomicStore(16, 4);
      // The value differs: it does not sleep.
      f.store(56, i32.atomic.wait(16, 5, -1));
      f.store(60, i32.atomic.wait(16, 4, 1));
    })],
  }, memory);
  run();
  assertEquals([...numbers.subarray(8, 16)], [5, 8, 8, 1, 9, 0, 1, 2]);
  assertEquals(numbers[4], 4);
});
