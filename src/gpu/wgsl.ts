/**
 * What all kernels share: how a shader is put together from its bindings, its
 * body and the functions it uses.
 *
 * @module
 */

import type { Spec } from "../tensor/tensor.ts";
import type { DType } from "../tensor/value.ts";

/** Invocations of a workgroup whose invocations are on their own. */
export const WORKGROUP = 64;

/** Workgroups of a dispatch along an axis: what every adapter allows. */
export const MOST_WORKGROUPS = 65535;

/** A result of a kernel. */
export interface Result {
  /** Its number. */
  readonly number: number;
  /** Its shape and type. */
  readonly spec: Spec;
}

/** One dispatch: a shader, what it reads and what it writes. */
export interface Kernel {
  /** What it computes, such as `matmul float[3, 4]`, for errors. */
  readonly name: string;
  /** The shader. */
  readonly code: string;
  /** Numbers of what is bound, in order; the flags come behind, if it has them. */
  readonly bindings: readonly number[];
  /** Numbers of the results it reads. */
  readonly inputs: readonly number[];
  /** What it writes. */
  readonly results: readonly Result[];
  /** Workgroups it needs. */
  readonly workgroups: number;
  /** Whether the results must be zero before it runs. */
  readonly clear: boolean;
  /** Whether it raises flags: for an index outside its table. */
  readonly flags: boolean;
  /** What it is to the others of its group; by default it does their arithmetic. */
  readonly role?: Role;
}

/** A kernel that only prepares what another reads, or joins what another left in parts. */
export type Role = "prepares" | "joins";

/**
 * How a kernel's work is cut up: into single invocations, numbered by `at`; or
 * into workgroups of so many lanes, numbered by `group` and `lane`. A value
 * that depends on `group` alone is the same for all lanes, and loaded once.
 */
export type Work =
  | { readonly invocations: number }
  | { readonly workgroups: number; readonly lanes: number };

/** What a kernel is made of. */
export interface KernelSource extends Body {
  /** What it writes as `result`. */
  readonly output: number;
  readonly spec: Spec;
}

/** What a kernel of several results is made of. */
export interface GroupSource extends Body {
  /**
   * What it writes, by the names of the bindings; one that is written where an
   * input lies has the input's name.
   */
  readonly results: readonly (Result & {
    readonly name: string;
    readonly type: string;
  })[];
}

/** What all kernels are made of. */
interface Body {
  readonly name: string;
  /** Numbers and types of what it reads as `in0`, `in1`, ... */
  readonly inputs: readonly {
    readonly number: number;
    readonly type: string;
  }[];
  /** The functions of `FUNCTIONS` that it calls. */
  readonly functions: Iterable<string>;
  /** Declarations of workgroup memory. */
  readonly shared?: readonly string[];
  /** How its work is cut up. */
  readonly work: Work;
  /** Statements. */
  readonly body: string;
  readonly clear?: boolean;
  readonly flags?: boolean;
  readonly role?: Role;
}

/** The WGSL type of an element; a bool is stored as 0 or 1. */
export function typeOf(dtype: DType): string {
  return dtype === "float" ? "f32" : dtype === "int" ? "i32" : "u32";
}

/** Puts a kernel of one result together. */
export function assemble(source: KernelSource): Kernel {
  const { output: number, spec } = source;
  const type = typeOf(spec.dtype);
  return assembleGroup({
    ...source,
    results: [{ number, spec, type, name: "result" }],
  });
}

/** Puts a kernel together. */
export function assembleGroup(source: GroupSource): Kernel {
  const { inputs, work, flags = false } = source;
  const names = inputs.map((_, i) => `in${i}`);
  const own = source.results.filter(({ name }) => !names.includes(name));
  const types = [...inputs, ...own].map(({ type }) => type);
  names.push(...own.map(({ name }) => name));
  if (flags) {
    types.push("atomic<u32>");
    names.push("flags");
  }
  // All results lie in one buffer, which a dispatch may use in one way only:
  // so even what is only read is bound for writing.
  const bindings = names.map((name, i) =>
    `@group(0) @binding(${i}) var<storage, read_write> ${name}: array<${
      types[i]
    }>;`
  );
  const lanes = "lanes" in work ? work.lanes : WORKGROUP;
  const workgroups = "lanes" in work
    ? work.workgroups
    : Math.ceil(work.invocations / WORKGROUP);
  const { x, y } = gridOf(workgroups);
  const start = "lanes" in work
    ? `  let group = workgroup.x + workgroup.y * ${x}u;
${x * y > workgroups ? `  if (group >= ${workgroups}u) { return; }` : ""}`
    : `  let at = (workgroup.x + workgroup.y * ${x}u) * ${WORKGROUP}u + lane;
  if (at >= ${work.invocations}u) { return; }`;
  const declarations = [...bindings, ...source.shared ?? []];
  const code = `${declarations.join("\n")}
${functionsOf(source.functions)}
@compute @workgroup_size(${lanes})
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
${start}
${source.body}
}
`;
  return {
    name: source.name,
    code,
    bindings: [...inputs, ...own].map(({ number }) => number),
    inputs: inputs.map(({ number }) => number),
    results: source.results.map(({ number, spec }) => ({ number, spec })),
    workgroups,
    clear: source.clear ?? false,
    flags,
    role: source.role,
  };
}

/** Bindings of float operands; an operand that is given twice is bound once. */
export function bindFloats(operands: readonly number[]): {
  inputs: { number: number; type: string }[];
  names: string[];
} {
  const distinct = [...new Set(operands)];
  return {
    inputs: distinct.map((number) => ({ number, type: "f32" })),
    names: operands.map((operand) => `in${distinct.indexOf(operand)}`),
  };
}

/** So many workgroups along the two axes of a dispatch. */
export function gridOf(workgroups: number): { x: number; y: number } {
  const y = Math.ceil(workgroups / MOST_WORKGROUPS);
  return { x: Math.ceil(workgroups / y), y };
}

const floats = new Float32Array(1);
const bits = new Uint32Array(floats.buffer);

/** A number as WGSL; `number` is needed where WGSL has no literal for it. */
export function literal(value: number, dtype: DType): string {
  if (dtype === "bool") return value !== 0 ? "1u" : "0u";
  if (dtype === "int") {
    // The smallest integer has no literal of its own.
    return value === -(2 ** 31) ? "(-2147483647i - 1i)" : `(${value}i)`;
  }
  floats[0] = value;
  // Bits are exact, and the only way to write infinities and NaN.
  return `number(0x${bits[0].toString(16)}u)`;
}

/**
 * Functions that kernels call, in the order of their dependence. Numbers come
 * from bits in a function, since a constant expression must be finite.
 */
const FUNCTIONS: Readonly<Record<string, string>> = {
  // The first index outside its table is kept: of which instruction, what, where.
  raise: `fn raise(instruction: u32, index: i32, place: u32) {
  if (atomicAdd(&flags[0], 1u) > 0u) { return; }
  atomicStore(&flags[1], instruction);
  atomicStore(&flags[2], bitcast<u32>(index));
  atomicStore(&flags[3], place);
}`,
  number: "fn number(bits: u32) -> f32 { return bitcast<f32>(bits); }",
  is_nan:
    "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  nan_four:
    "fn nan_four(x: vec4f) -> vec4<bool> { return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u); }",
  is_finite:
    "fn is_finite(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }",
  larger: `fn larger(a: f32, b: f32) -> f32 {
  return select(select(b, a, a > b), number(0x7fc00000u), is_nan(a) || is_nan(b));
}`,
  smaller: `fn smaller(a: f32, b: f32) -> f32 {
  return select(select(b, a, a < b), number(0x7fc00000u), is_nan(a) || is_nan(b));
}`,
  larger_four: `fn larger_four(a: vec4f, b: vec4f) -> vec4f {
  return select(select(b, a, a > b), vec4f(number(0x7fc00000u)), nan_four(a) | nan_four(b));
}`,
  smaller_four: `fn smaller_four(a: vec4f, b: vec4f) -> vec4f {
  return select(select(b, a, a < b), vec4f(number(0x7fc00000u)), nan_four(a) | nan_four(b));
}`,
  // A driver may take 1 / sqrt(x) for its estimate of it: in a batch-norm llvmpipe did, 12
  // bits. A step of Newton's method has the rest.
  inverse_root: `fn inverse_root(x: f32) -> f32 {
  let y = 1.0 / sqrt(x);
  let z = y * (1.5 - 0.5 * x * y * y);
  return select(y, z, x > 1.2e-38 && x < 3.4e38);
}`,
  inverse_root_four: `fn inverse_root_four(x: vec4f) -> vec4f {
  let y = vec4f(1.0) / sqrt(x);
  let z = y * (vec4f(1.5) - 0.5 * x * y * y);
  return select(y, z, (x > vec4f(1.2e-38)) & (x < vec4f(3.4e38)));
}`,
  sign_of:
    "fn sign_of(x: f32) -> f32 { return select(select(x, -1.0, x < 0.0), 1.0, x > 0.0); }",
  // The result is put together from a polynomial on [-ln 2 / 2, ln 2 / 2] and
  // a power of two, in two factors so that neither leaves the range.
  exponential: `fn exponential(x: f32) -> f32 {
  if (is_nan(x)) { return x; }
  if (x > 88.8) { return number(0x7f800000u); }
  if (x < -104.0) { return 0.0; }
  let n = floor(x * 1.44269504 + 0.5);
  let r = (x - n * 0.693359375) + n * 2.12194440e-4;
  let p = 1.0 + r * (1.0 + r * (0.5 + r * (0.16666667 + r * (0.041666668 + r * (0.008333334 + r * 0.0013888889)))));
  let half = i32(n) / 2;
  let rest = i32(n) - half;
  return p * bitcast<f32>(u32(half + 127) << 23u) * bitcast<f32>(u32(rest + 127) << 23u);
}`,
  // log(m 2^e) with m in [sqrt(1/2), sqrt(2)): log m by the series of
  // 2 atanh(s), s = (m - 1) / (m + 1).
  logarithm: `fn logarithm(x: f32) -> f32 {
  if (is_nan(x) || x < 0.0) { return number(0x7fc00000u); }
  if (x == 0.0) { return number(0xff800000u); }
  if (!is_finite(x)) { return x; }
  let bits = bitcast<u32>(x);
  var e = i32(bits >> 23u) - 127;
  var m = bitcast<f32>((bits & 0x007fffffu) | 0x3f800000u);
  if (m > 1.41421356) { m = m * 0.5; e = e + 1; }
  let s = (m - 1.0) / (m + 1.0);
  let t = s * s;
  let p = s * (2.0 + t * (0.66666667 + t * (0.4 + t * (0.28571429 + t * 0.22222222))));
  return f32(e) * 0.693359375 + (p - f32(e) * 2.12194440e-4);
}`,
  tangent: `fn tangent(x: f32) -> f32 {
  let a = abs(x);
  if (a < 0.3) {
    let t = x * x;
    return x * (1.0 + t * (-0.33333334 + t * (0.13333334 + t * (-0.053968254 + t * 0.021869488))));
  }
  let e = exponential(-2.0 * a);
  let y = (1.0 - e) / (1.0 + e);
  return select(y, -y, x < 0.0);
}`,
  // Below 1 the Taylor series, above Abramowitz and Stegun 7.1.26.
  error_function: `fn error_function(x: f32) -> f32 {
  let a = abs(x);
  if (a < 1.0) {
    let t = x * x;
    return 1.12837917 * x * (1.0 + t * (-0.33333334 + t * (0.1 + t * (-0.023809524 + t * (0.0046296297 + t * (-0.00075757574 + t * (0.00010683761 + t * (-1.3227513e-5 + t * (1.4589169e-6 + t * -1.4503853e-7)))))))));
  }
  if (a > 6.0) { return sign_of(x); }
  let t = 1.0 / (1.0 + 0.3275911 * a);
  let p = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  let y = 1.0 - p * exponential(-a * a);
  return select(y, -y, x < 0.0);
}`,
  power: `fn power(a: f32, b: f32) -> f32 {
  if (b == 0.0) { return 1.0; }
  if (is_nan(a) || is_nan(b)) { return number(0x7fc00000u); }
  if (b == 1.0) { return a; }
  if (b == 2.0) { return a * a; }
  if (b == 0.5 && a >= 0.0) { return sqrt(a); }
  let size = exponential(b * logarithm(abs(a)));
  if (a >= 0.0) { return size; }
  if (floor(b) != b) { return number(0x7fc00000u); }
  return select(size, -size, floor(b * 0.5) * 2.0 != b);
}`,
  multiply_high: `fn multiply_high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u);
}`,
  // Philox4x32-10, as in src/tensor/random.ts.
  random_bits: `fn random_bits(k0: i32, k1: i32, stream: u32, i: u32) -> i32 {
  var c = vec4u(i / 4u, stream, 0u, 0u);
  var key = vec2u(bitcast<u32>(k0), bitcast<u32>(k1));
  for (var round = 0; round < 10; round++) {
    c = vec4u(
      multiply_high(0xCD9E8D57u, c.z) ^ c.y ^ key.x, 0xCD9E8D57u * c.z,
      multiply_high(0xD2511F53u, c.x) ^ c.w ^ key.y, 0xD2511F53u * c.x);
    key = key + vec2u(0x9E3779B9u, 0xBB67AE85u);
  }
  return i32(c[i % 4u] >> 8u);
}`,
};

/** The functions that are called, and those that they call. */
function functionsOf(called: Iterable<string>): string {
  const needed = new Set(called);
  const names = Object.keys(FUNCTIONS);
  // A function calls only those before it.
  for (const name of names.toReversed()) {
    if (!needed.has(name)) continue;
    for (const other of names) {
      if (other !== name && FUNCTIONS[name].includes(`${other}(`)) {
        needed.add(other);
      }
    }
  }
  return names.filter((name) => needed.has(name)).map((name) => FUNCTIONS[name])
    .join("\n");
}
