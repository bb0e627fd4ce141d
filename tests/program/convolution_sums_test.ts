import { assertEquals } from "@std/assert";
import { fuse } from "../../src/program/fusion.ts";
import { flopsOf, lower } from "../../src/program/mod.ts";
import { sumConvolutions } from "../../src/program/convolution_sums.ts";
import {
  add,
  conv,
  convInputGradient,
  convKernelGradient,
  type ConvolutionGeometry,
  exp,
  input,
  type Tensor,
} from "../../src/tensor/mod.ts";

const geometry = (padding: number): ConvolutionGeometry => ({
  stride: [1, 1],
  padding: [padding, padding],
  dilation: [1, 1],
  groups: 1,
});
const same = geometry(1);
const images = ["x", "dx"].map((name) => input(name, [2, 4, 8, 8]));
const kernels = ["w", "dw"].map((name) => input(name, [4, 4, 3, 3]));
const [[x, dx], [w, dw]] = [images, kernels];

/** Names of the operands of each convolution that is left, and how many adds are. */
function sumsOf(outputs: Readonly<Record<string, Tensor>>) {
  const program = sumConvolutions(lower(new Map(Object.entries(outputs))));
  const { instructions } = program;
  return {
    convolutions: instructions.filter(({ operation }) =>
      operation.kind.startsWith("conv")
    ).map(({ operands }) =>
      operands.map((operand) => {
        const { operation } = instructions[operand];
        return operation.kind === "input" ? operation.name : operation.kind;
      }).join(" ")
    ),
    adds: instructions.filter(({ operation }) => operation.kind === "add")
      .length,
  };
}

/** Results of the groups that compute convolutions. */
function groupsOf(outputs: Readonly<Record<string, Tensor>>): number[] {
  const program = lower(new Map(Object.entries(outputs)));
  const { instructions, groups } = fuse(program, 60, new Map(), {
    convolutionSums: true,
  });
  return groups.filter(({ results: [first] }) =>
    instructions[first].operation.kind.startsWith("conv")
  ).map(({ results }) => results.length);
}

const y = conv(x, w, same);
const dy = add(conv(dx, w, same), conv(x, dw, same));

Deno.test("sumConvolutions() makes one of a sum of two convolutions", () => {
  assertEquals(sumsOf({ dy }), { convolutions: ["dx w x dw"], adds: 0 });
  const dBack = add(
    convInputGradient(dx, w, x.shape, same),
    convInputGradient(x, dw, x.shape, same),
  );
  assertEquals(sumsOf({ dBack }).convolutions, ["dx w x dw"]);
  const dKernel = add(
    convKernelGradient(x, dx, w.shape, same),
    convKernelGradient(dx, x, w.shape, same),
  );
  assertEquals(sumsOf({ dKernel }).convolutions, ["x dx dx x"]);
  // What reads the sum, and other adds, stay.
  assertEquals(sumsOf({ y, z: add(exp(dy), y) }), {
    convolutions: ["x w", "dx w x dw"],
    adds: 1,
  });
});

Deno.test("sumConvolutions() leaves what is needed elsewhere, and what differs", () => {
  const first = conv(dx, w, same), second = conv(x, dw, same);
  const left = { convolutions: ["dx w", "x dw"], adds: 1 };
  assertEquals(sumsOf({ first, sum: add(first, second) }), left);
  assertEquals(sumsOf({ r: exp(second), sum: add(first, second) }), left);
  assertEquals(sumsOf({ twice: add(first, first) }).adds, 1);
  assertEquals(sumsOf({ bias: add(first, x) }).adds, 1);
  // Another geometry, other shapes, another kind.
  const unpadded = conv(input("large", [2, 4, 10, 10]), dw, geometry(0));
  assertEquals(sumsOf({ sum: add(first, unpadded) }).adds, 1);
  const more = conv(
    input("more", [2, 5, 8, 8]),
    input("v", [4, 5, 3, 3]),
    same,
  );
  assertEquals(sumsOf({ sum: add(first, more) }).adds, 1);
  const back = convInputGradient(x, dw, x.shape, same);
  assertEquals(sumsOf({ sum: add(first, back) }).adds, 1);
  // Something is added in between: it is added to the sum of the two.
  const middle = { convolutions: ["dx w x dw"], adds: 1 };
  assertEquals(sumsOf({ sum: add(add(first, x), second) }), middle);
  assertEquals(sumsOf({ sum: add(second, add(x, first)) }).adds, 1);
  const between = add(first, x);
  assertEquals(sumsOf({ between, sum: add(between, second) }), {
    convolutions: ["dx w", "x dw"],
    adds: 2,
  });
  // Three terms: the first two are one, the third is added.
  const three = add(add(first, second), conv(dx, dw, same));
  assertEquals(sumsOf({ three }), {
    convolutions: ["dx w x dw", "dx dw"],
    adds: 1,
  });
});

Deno.test("a sum of convolutions counts the operations of both", () => {
  const program = lower(new Map([["dy", dy]]));
  const { instructions } = sumConvolutions(program);
  const all = (list: typeof instructions) =>
    list.reduce(
      (sum, { operation }, i) =>
        operation.kind === "add" ? sum : sum + flopsOf(list, i),
      0,
    );
  assertEquals(all(instructions), all(program.instructions));
  assertEquals(all(instructions), 2 * 2 * 2 * 4 * 64 * 4 * 9);
});

Deno.test("fuse() computes a convolution with the sum that shares its operands", () => {
  assertEquals(groupsOf({ y, dy }), [2]);
  assertEquals(groupsOf({ z: conv(dx, dw, same), dy }), [2]);
  // Only one of two operands is shared.
  assertEquals(groupsOf({ z: conv(x, input("v", w.shape), same), dy }), [1, 1]);
  // By default a device cannot.
  const { instructions, groups } = fuse(lower(new Map([["dy", dy]])), 60);
  assertEquals(
    groups.map(({ results: [first] }) => instructions[first].operation.kind),
    ["conv", "conv", "add"],
  );
});

Deno.test("fuse() does not compute a convolution with a sum that waits for it", () => {
  const late = exp(y);
  const sum = add(conv(late, w, same), conv(x, dw, same));
  assertEquals(groupsOf({ y, sum }), [1, 1]);
});
