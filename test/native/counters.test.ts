// Counters are exact: the kernel's accesses can be counted by hand, and no scheduling changes them.

import { describe, expect, it } from 'vitest';

import { launch, load, range } from './support.js';

it('counts accesses, bytes, barriers and matrix operations', async () => {
  const library = await load(
    `kernel void test(device const float* in [[buffer(0)]], device half* out [[buffer(1)]], constant uint& n [[buffer(2)]],
      uint t [[thread_index_in_threadgroup]], uint g [[threadgroup_position_in_grid]]) {
    threadgroup float tile[64];
    tile[t] = in[g * 64 + t] + in[0];
    threadgroup_barrier(mem_flags::mem_threadgroup);
    simdgroup_float8x8 m, r;
    simdgroup_load(m, tile, 8);
    simdgroup_multiply(r, m, m);
    if (t % 2 == 0) out[g * 32 + t / 2] = half(tile[63 - t] + float(n));
    threadgroup_barrier(mem_flags::mem_threadgroup);
    if (t < 32) simdgroup_store(r, tile, 8);
  }`,
    true,
  );
  for (const seed of [0, 6]) {
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [new Float32Array(192), 192, new Uint32Array([4])],
      groups: [3, 1, 1],
      threads: 64,
      options: { count: true, seed },
    });
    expect(result.reports).toEqual([]);
    expect(result.dispatches[0]?.counters).toEqual({
      buffers: [
        { index: 0, reads: 3 * 128, bytesRead: 3 * 512, writes: 0, bytesWritten: 0 },
        { index: 1, reads: 0, bytesRead: 0, writes: 3 * 32, bytesWritten: 3 * 64 },
        { index: 2, reads: 3 * 32, bytesRead: 3 * 128, writes: 0, bytesWritten: 0 },
      ],
      // Per threadgroup: two simdgroups load 64 elements, 32 threads read one; 64 threads write one, one stores 64.
      threadgroupBytesRead: 3 * (2 * 256 + 32 * 4),
      threadgroupBytesWritten: 3 * (64 * 4 + 256),
      idleThreadgroups: 0,
      barriers: 3 * 2,
      // One addition in each of 64 threads and in each of 32; two products.
      floatingPointOperations: 3 * (64 + 32 + 2 * 1024),
      matrixOperations: 3 * 2,
    });
  }
});

it('counts the threadgroups that write no device memory', async () => {
  const library = await load(
    `kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]],
      uint g [[threadgroup_position_in_grid]]) {
    threadgroup uint own[32];
    own[t] = t;
    if (g % 3 == 1) out[g * 32 + t] = own[t];
  }`,
    true,
  );
  for (const seed of [0, 6]) {
    const options = { count: true, seed };
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [11 * 32 * 4],
      groups: [11, 1, 1],
      threads: 32,
      options,
    });
    // Of 0 to 10, all but 1, 4, 7 and 10.
    expect(result.dispatches[0]?.counters?.idleThreadgroups).toBe(7);
  }
});

// What one thread does with `x` = 2 and the count that it must give.
const OPERATIONS: readonly (readonly [statement: string, count: number])[] = [
  ['out[t] = x + 1.0f;', 1],
  ['out[t] = x * 2.0f - 1.0f;', 2],
  ['out[t] = fma(x, x, x) / x;', 3],
  ['out[t] = half(x) * half(x);', 1],
  ['out[t] = bfloat(x) + bfloat(x);', 1],
  ['float4 v = float4(x) * float4(x); out[t] = v.x;', 4],
  ['float3 v = float3(x) + float3(x); out[t] = v.y;', 3],
  ['out[t] = dot(float3(x), float3(x));', 5],
  ['half2 v = fma(half2(x), half2(x), half2(x)); out[t] = v.x;', 4],
  ['out[t] = exp(x) + sqrt(x);', 3],
  ['float2 v = sin(float2(x)); out[t] = v.x;', 2],
  ['out[t] = max(-abs(x), floor(x));', 0],
  ['out[t] = x > 1.0f ? float(t) : half(x);', 0],
  ['uint n = t * 3u + 1u; out[t] = n;', 0],
  ['float s = 0.0f; for (int i = 0; i < 5; i++) s += x; out[t] = s;', 5],
  ['if (t < 16) out[t] = x + x; else out[t] = 0.0f;', 0.5],
  ['out[t] = simd_sum(x);', 31 / 32],
  ['out[t] = simd_max(x);', 0],
  ['out[t] = quad_product(x);', 3 / 4],
  ['out[t] = simd_prefix_inclusive_sum(x);', 31 / 32],
  ['atomic_fetch_add_explicit((device atomic_float*)out, x, memory_order_relaxed);', 1],
];

describe('floating-point operations', () => {
  it.each(OPERATIONS)('of %s', async (statement, count) => {
    const text = `kernel void test(device float* out [[buffer(0)]], constant float& x [[buffer(1)]],
      uint t [[thread_index_in_threadgroup]]) { ${statement} }`;
    const result = await launch({
      library: await load(text, true),
      kernel: 'test',
      buffers: [new Float32Array(range(32)), new Float32Array([2])],
      threads: 32,
      options: { count: true },
    });
    expect(result.dispatches[0]?.counters?.floatingPointOperations).toBe(32 * count);
  });
});
