// Subnormal numbers on the host device: floats and bfloats count as zeros unless a job keeps them, halves never do.

import { describe, expect, test } from 'vitest';

import type { JobResult, Subnormals } from '../../generator/native/types.js';
import { fromBits, toBits, type FloatType } from './floats.js';
import { launch, load, output, range } from './support.js';

const TINY = 2 ** -126;

/** What arithmetic sees of a float, and what it gives. */
const flushed = (value: number): number => (Math.abs(value) < TINY ? Math.sign(value) * 0 : value);

const OPERANDS = [
  2 ** -149,
  -(2 ** -130),
  2 ** -127,
  TINY,
  -TINY,
  2 ** -126 + 2 ** -149,
  2 ** -100,
  0,
  -0,
  1.5,
];

/** Operations on a pair of floats as a program writes them, and in double precision. */
const OPERATIONS: readonly (readonly [string, (a: number, b: number) => number])[] = [
  ['a + b', (a, b) => a + b],
  ['a - b', (a, b) => a - b],
  ['a * b', (a, b) => a * b],
  ['a * 0.5f', (a) => a / 2],
  ['a * 0x1.0p30f', (a) => a * 2 ** 30],
  ['a / 4.0f', (a) => a / 4],
  ['fma(a, 0x1.0p-30f, b)', (a, b) => a * 2 ** -30 + b],
  ['a < b ? 1.0f : 0.0f', (a, b) => (a < b ? 1 : 0)],
  ['a == 0.0f ? 1.0f : 0.0f', (a) => (a === 0 ? 1 : 0)],
  ['precise::sqrt(abs(a))', (a) => Math.sqrt(Math.abs(a))],
  ['ldexp(a, 3)', (a) => a * 8],
  ['ldexp(a, -2)', (a) => a / 4],
  ['floor(a)', Math.floor],
  ['sign(a)', Math.sign],
  ['precise::exp2(-140.0f + (a > 1.0f ? 30.0f : 0.0f))', (a) => 2 ** (a > 1 ? -110 : -140)],
  ['precise::sin(a) * 1.0f', (a) => Math.fround(Math.sin(a))],
  ['precise::asinh(a)', (a) => Math.fround(Math.asinh(a))],
  ['fmod(a, 1.0f)', (a) => a % 1],
];

function expected(mode: Subnormals, compute: (a: number, b: number) => number, a: number, b: number): number {
  if (mode === 'keep') return Math.fround(compute(a, b));
  return flushed(Math.fround(compute(flushed(a), flushed(b))));
}

const shown = (values: readonly number[]) =>
  values.map((value) => (Object.is(value, -0) ? '-0' : String(value)));

const MODES = ['flush', 'keep'] as const;

async function floats(result: Promise<JobResult>, type: FloatType = 'f32'): Promise<string[]> {
  return shown(fromBits(type, output(await result)));
}

describe.each(MODES)('%s', (mode) => {
  const options = { subnormals: mode };
  const seen = mode === 'flush' ? flushed : (value: number) => value;

  test.each([false, true])('operations on floats, instrumented: %s', async (instrument) => {
    const library = await load(
      `kernel void operate(device const float* x, device float* y, constant uint& count,
                           uint i [[thread_position_in_grid]]) {
         const float a = x[2 * i];
         const float b = x[2 * i + 1];
         ${OPERATIONS.map(([text], k) => `y[${k} * count + i] = ${text};`).join('\n')}
       }`,
      instrument,
    );
    const pairs = OPERANDS.flatMap((a) => OPERANDS.map((b) => [a, b] as const));
    const count = pairs.length;
    const result = await launch({
      library,
      kernel: 'operate',
      buffers: [Float32Array.from(pairs.flat()), 4 * OPERATIONS.length * count, Uint32Array.of(count)],
      threads: count,
      options,
    });
    const got = fromBits('f32', output(result));
    for (const [k, [text, compute]] of OPERATIONS.entries()) {
      const want = pairs.map(([a, b]) => expected(mode, compute, a, b));
      expect(shown(got.slice(k * count, (k + 1) * count)), text).toEqual(shown(want));
    }
  });

  test('every thread of every threadgroup, before and after waiting', async () => {
    const library = await load(
      `kernel void wait(device const float* x, device float* y, uint i [[thread_position_in_grid]],
                        uint t [[thread_position_in_threadgroup]]) {
         threadgroup float shared_values[512];
         shared_values[t] = x[0] * 0.5f;
         threadgroup_barrier(mem_flags::mem_threadgroup);
         const float sum = shared_values[(t + 77) % 512] + x[0];
         y[i] = simd_shuffle_xor(sum, ushort(1)) * 0x1.0p20f;
       }`,
    );
    const result = launch({
      library,
      kernel: 'wait',
      buffers: [Float32Array.of(2 ** -126), 4 * 512 * 16],
      groups: [16, 1, 1],
      threads: 512,
      options,
    });
    const want = mode === 'flush' ? 2 ** -106 : 1.5 * 2 ** -106;
    expect(new Set(await floats(result))).toEqual(new Set(shown([want])));
  });

  test('loads, stores and bit casts keep every bit', async () => {
    const library = await load(
      `kernel void move(device const float* x, device float* y, device const bfloat* u, device bfloat* v,
                        uint i [[thread_position_in_grid]]) {
         threadgroup float shared_values[8];
         shared_values[i] = x[i];
         threadgroup_barrier(mem_flags::mem_threadgroup);
         y[i] = as_type<float>(as_type<uint>(simd_broadcast(shared_values[i], ushort(0))));
         v[i] = u[i];
       }`,
    );
    const result = await launch({
      library,
      kernel: 'move',
      buffers: [Float32Array.of(2 ** -149), 4, Uint16Array.of(0x8001), 2],
      threads: 1,
      options,
    });
    expect(new Uint32Array(output(result))).toEqual(Uint32Array.of(1));
    expect(new Uint16Array(output(result, 1))).toEqual(Uint16Array.of(0x8001));
  });

  test('half keeps its subnormals', async () => {
    const library = await load(
      `kernel void narrow(device const float* x, device const half* h, device half* y, device float* z,
                          uint i [[thread_position_in_grid]]) {
         y[3 * i] = half(x[i]);
         y[3 * i + 1] = h[i] * 0.5h;
         y[3 * i + 2] = h[i] + h[i];
         z[i] = float(h[i]) * 0x1.0p-100f;
       }`,
    );
    const small = [2 ** -24, -3 * 2 ** -24, 2 ** -15, 2 ** -14 - 2 ** -24, 2 ** -14, 1];
    const result = await launch({
      library,
      kernel: 'narrow',
      buffers: [Float32Array.from(small), toBits('f16', small), 6 * small.length, 4 * small.length],
      threads: small.length,
      options,
    });
    const halves = small.flatMap((value) => [value, value / 2, value * 2]);
    expect(fromBits('f16', output(result))).toEqual(fromBits('f16', toBits('f16', halves).slice().buffer));
    expect(fromBits('f32', output(result, 1))).toEqual(small.map((value) => value * 2 ** -100));
  });

  test('conversions and arithmetic of bfloat', async () => {
    const library = await load(
      `kernel void convert(device const bfloat* b, device const float* x, device float* y, device bfloat* z,
                           uint i [[thread_position_in_grid]]) {
         y[i] = float(b[i]);
         z[2 * i] = bfloat(x[i]);
         z[2 * i + 1] = b[i] + b[i];
       }
       kernel void convert4(device const bfloat4* b, device const float4* x, device float4* y, device bfloat4* z) {
         y[0] = float4(b[0]);
         z[0] = bfloat4(x[0]);
       }`,
    );
    const small = [2 ** -133, -(2 ** -127), 2 ** -126, 2 ** -126 + 2 ** -133];
    const bits = toBits('bf16', small);
    const x = Float32Array.from([2 ** -127 + 2 ** -149, -(2 ** -126) + 2 ** -149, 2 ** -126, 0]);
    const scalars = await launch({
      library,
      kernel: 'convert',
      buffers: [bits, x, 16, 16],
      threads: 4,
      options,
    });
    expect(shown(fromBits('f32', output(scalars)))).toEqual(shown(small.map(seen)));
    // The sum of two subnormal operands is normal for some of them.
    const sums = small.map((value) => seen(2 * seen(value)));
    const narrow = [...x].map((value) => seen(value));
    const want = narrow.flatMap((value, i) => [value, sums[i] ?? NaN]);
    const stored = toBits('bf16', want).slice().buffer;
    expect(new Uint16Array(output(scalars, 1))).toEqual(new Uint16Array(stored));
    const vectors = await launch({
      library,
      kernel: 'convert4',
      buffers: [bits, x, 16, 8],
      threads: 1,
      options,
    });
    expect(shown(fromBits('f32', output(vectors)))).toEqual(shown(small.map(seen)));
    expect(new Uint16Array(output(vectors, 1))).toEqual(
      new Uint16Array(toBits('bf16', narrow).slice().buffer),
    );
  });

  test('reductions, scans and atomics', async () => {
    const library = await load(
      `kernel void reduce(device const float* x, device float* y, device atomic_float* total,
                          uint lane [[thread_position_in_grid]]) {
         y[lane] = simd_sum(x[lane]);
         y[32 + lane] = simd_prefix_inclusive_sum(x[lane]);
         if (lane == 0) atomic_fetch_add_explicit(total, x[0], memory_order_relaxed);
       }`,
    );
    const x = Float32Array.from({ length: 32 }, () => 2 ** -129);
    const result = await launch({
      library,
      kernel: 'reduce',
      buffers: [x, 256, Float32Array.of(2 ** -127)],
      threads: 32,
      options,
    });
    const got = fromBits('f32', output(result));
    expect(got[0]).toBe(mode === 'flush' ? 0 : 2 ** -124);
    expect(got.slice(32)).toEqual(
      range(32).map((lane) => (mode === 'flush' ? scan(lane) : (lane + 1) * 2 ** -129)),
    );
  });

  /** The first value is taken as it is; sums flush. */
  function scan(lane: number): number {
    return lane === 0 ? 2 ** -129 : 0;
  }

  test.each(['float', 'half', 'bfloat'] as const)('matrices of %s', async (type) => {
    const library = await load(
      `kernel void multiply(device const ${type}* a, device const ${type}* b, device float* c) {
         simdgroup_matrix<${type}, 8, 8> left, right;
         simdgroup_matrix<float, 8, 8> sum = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
         simdgroup_load(left, a, 8);
         simdgroup_load(right, b, 8);
         simdgroup_multiply_accumulate(sum, left, right, sum);
         simdgroup_store(sum, c, 8);
       }`,
    );
    const format = type === 'float' ? 'f32' : type === 'half' ? 'f16' : 'bf16';
    const factor = type === 'half' ? 2 ** -24 : 2 ** -130;
    const left = range(64).map((i) => (i % 9 === 0 ? 1 + Math.floor(i / 9) : 0) * (i % 2 === 0 ? factor : 1));
    const right = range(64).map((i) => (i % 9 === 0 ? 2 : 0));
    const result = launch({
      library,
      kernel: 'multiply',
      buffers: [toBits(format, left), toBits(format, right), 256],
      threads: 32,
      options,
    });
    const keeps = type === 'half' ? (value: number) => value : seen;
    const want = left.map((value) => keeps(2 * keeps(value)));
    expect((await floats(result)).map(Number)).toEqual(want.map(Math.abs));
  });

  test('products of tensors take subnormal halves for what they are', async () => {
    const library = await load(
      `#include <metal_tensor>
       #include <MetalPerformancePrimitives/MetalPerformancePrimitives.h>
       kernel void multiply(device half* a, device half* b, device float* c) {
         auto left = tensor(a, dextents<int, 2>(16, 16));
         auto right = tensor(b, dextents<int, 2>(16, 16));
         auto product = tensor(c, dextents<int, 2>(16, 16));
         constexpr auto shape = mpp::tensor_ops::matmul2d_descriptor(16, 16, 16);
         mpp::tensor_ops::matmul2d<shape, execution_simdgroup> operation;
         operation.run(left, right, product);
       }`,
    );
    const left = range(256).map((i) => (i % 17 === 0 ? (1 + i / 17) * 2 ** -24 : 0));
    const right = range(256).map((i) => (i % 17 === 0 ? 2 : 0));
    const result = await launch({
      library,
      kernel: 'multiply',
      buffers: [toBits('f16', left), toBits('f16', right), 1024],
      threads: 32,
      options,
    });
    expect(fromBits('f32', output(result))).toEqual(left.map((value) => 2 * value));
  });
});

test('a job flushes unless it says otherwise', async () => {
  const library = await load(
    `kernel void halve(device const float* x, device float* y) { y[0] = x[0] * 0.5f; }`,
  );
  const result = launch({ library, kernel: 'halve', buffers: [Float32Array.of(TINY), 4], threads: 1 });
  expect(await floats(result)).toEqual(['0']);
});
