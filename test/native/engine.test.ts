// Threads, barriers, atomics, constants, dispatches: what the engine does beside simdgroup operations.

import { describe, expect, it } from 'vitest';

import { createHostDevice } from '../../generator/native/host.js';
import { CHECKS } from '../../generator/native/types.js';
import { bytesOf, device, launch, load, output, range } from './support.js';

it('says what it runs on', async () => {
  expect(await createHostDevice({ env: process.env, threads: 1 }).describe()).toMatch(/, 1 thread$/u);
});

it('gives each thread its positions', async () => {
  const library =
    await load(`kernel void test(device uint* out [[buffer(0)]], uint3 p [[thread_position_in_grid]],
      uint3 t [[thread_position_in_threadgroup]], uint3 g [[threadgroup_position_in_grid]],
      uint3 n [[threads_per_grid]], uint i [[thread_index_in_threadgroup]], uint s [[simdgroups_per_threadgroup]]) {
    uint at = (p.z * n.y + p.y) * n.x + p.x;
    out[at] = i + 100 * (t.x + 10 * t.y + 100 * t.z) + 100000 * (g.x + 10 * g.y + 100 * g.z) + 100000000 * s;
  }`);
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [480 * 4],
    threads: [5, 4, 2],
    groups: [3, 2, 2],
  });
  const found = new Uint32Array(output(result));
  const expected = range(480).map((at) => {
    const [x, y, z] = [at % 15, Math.floor(at / 15) % 8, Math.floor(at / 120)];
    const [tx, ty, tz] = [x % 5, y % 4, z % 2];
    const group = Math.floor(x / 5) + 10 * Math.floor(y / 4) + 100 * Math.floor(z / 2);
    return tx + 5 * ty + 20 * tz + 100 * (tx + 10 * ty + 100 * tz) + 100000 * group + 200000000;
  });
  expect([...found]).toEqual(expected);
  expect(result.dispatches[0]?.threadgroups).toBe(12);
});

describe.each([0, 4])('in order %i', (seed) => {
  it.each([1, 31, 32, 33, 256, 1024])('keeps %i threads in step at barriers', async (threads) => {
    const library =
      await load(`kernel void test(device uint* out [[buffer(0)]], threadgroup uint* tile [[threadgroup(0)]],
        uint t [[thread_index_in_threadgroup]], uint n [[threads_per_threadgroup]]) {
      uint v = t;
      for (uint i = 0; i < 7; i++) {
        tile[t] = v; threadgroup_barrier(mem_flags::mem_threadgroup);
        v = tile[(t + 1) % n] + (simd_is_first() ? 1 : 0);
        threadgroup_barrier(mem_flags::mem_threadgroup);
      }
      out[t] = v;
    }`);
    const threadgroupMemory = { 0: 4096 };
    const buffers = [threads * 4];
    const result = await launch({
      library,
      kernel: 'test',
      buffers,
      threads,
      threadgroupMemory,
      options: { seed },
    });
    let expected = range(threads);
    for (let i = 0; i < 7; i += 1) {
      expected = range(threads).map((t) => (expected[(t + 1) % threads] ?? 0) + (t % 32 === 0 ? 1 : 0));
    }
    expect([...new Uint32Array(output(result))]).toEqual(expected);
  });

  it('goes on without threads that have returned', async () => {
    const library =
      await load(`kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
      threadgroup uint tile[128]; tile[t] = t;
      if (t % 3 == 1) return;
      threadgroup_barrier(mem_flags::mem_threadgroup);
      out[t] = tile[127 - t] + simd_sum(1u);
    }`);
    const result = await launch({ library, kernel: 'test', buffers: [512], threads: 128, options: { seed } });
    const found = new Uint32Array(output(result));
    const alive = (t: number): boolean => t % 3 !== 1;
    for (const t of range(128).filter(alive)) {
      const lanes = range(32).filter((lane) => alive(t - (t % 32) + lane)).length;
      expect(found[t], `thread ${t}`).toBe(127 - t + lanes);
    }
  });
});

it('updates atomics of every type', async () => {
  const library =
    await load(`kernel void test(device atomic_int* i [[buffer(0)]], device atomic_uint* u [[buffer(1)]],
      device atomic_float* f [[buffer(2)]], device atomic_ulong* l [[buffer(3)]], device uint* out [[buffer(4)]],
      uint t [[thread_position_in_grid]]) {
    auto r = memory_order_relaxed;
    atomic_fetch_add_explicit(&i[0], 1 - 2 * int(t & 1), r); atomic_fetch_sub_explicit(&i[1], int(t), r);
    atomic_fetch_max_explicit(&i[2], int(t) - 50, r); atomic_fetch_min_explicit(&i[3], 20 - int(t), r);
    atomic_fetch_and_explicit(&u[0], ~(1u << (t % 31)), r); atomic_fetch_or_explicit(&u[1], 1u << (t % 31), r);
    atomic_fetch_xor_explicit(&u[2], t, r); atomic_fetch_max_explicit(&u[3], t * 0x1000000u, r);
    atomic_fetch_add_explicit(&f[0], 0.5f, r); atomic_max_explicit(&l[0], ulong(t) << 40, r);
    uint old = atomic_load_explicit(&u[4], r);
    while (!atomic_compare_exchange_weak_explicit(&u[4], &old, old + t, r, r)) {}
    out[atomic_fetch_add_explicit(&u[5], 1u, r)] = 1;
    if (t == 7) { atomic_store_explicit(&f[1], 2.5f, r); out[256] = atomic_exchange_explicit(&i[4], 9, r); }
  }`);
  for (const instrument of [false, true]) {
    const used = instrument ? await loadAgain(library) : library;
    const result = await device.run({
      buffers: [
        new Int32Array(5),
        new Uint32Array(6).fill(~0, 0, 1),
        new Float32Array(2),
        new Uint32Array(2),
        new Uint32Array(257),
      ].map((data) => ({ byteLength: data.byteLength, data: bytesOf(data) })),
      dispatches: [
        {
          library: used,
          kernel: 'test',
          buffers: Object.fromEntries(range(5).map((i) => [i, { buffer: i }])),
          threadgroups: [4, 1, 1],
          threadsPerThreadgroup: [64, 1, 1],
        },
      ],
      outputs: [0, 1, 2, 3, 4],
    });
    const total = (255 * 256) / 2;
    const xor = range(256).reduce((a, b) => a ^ b, 0);
    expect([...new Int32Array(output(result))]).toEqual([0, -total, 205, -235, 9]);
    expect([...new Uint32Array(output(result, 1))]).toEqual([
      2 ** 31,
      2 ** 31 - 1,
      xor,
      0xff000000,
      total,
      256,
    ]);
    expect([...new Float32Array(output(result, 2))]).toEqual([128, 2.5]);
    expect(new BigUint64Array(output(result, 3))[0]).toBe(255n << 40n);
    expect([...new Uint32Array(output(result, 4))]).toEqual([...new Uint32Array(256).fill(1), 0]);
  }

  async function loadAgain(plain: { kernels: readonly string[] }) {
    expect(plain.kernels).toEqual(['test']);
    const text = `kernel void test(device atomic_int* i [[buffer(0)]], device atomic_uint* u [[buffer(1)]],
      device atomic_float* f [[buffer(2)]], device atomic_ulong* l [[buffer(3)]], device uint* out [[buffer(4)]],
      uint t [[thread_position_in_grid]]) {
    auto r = memory_order_relaxed;
    atomic_fetch_add_explicit(&i[0], 1 - 2 * int(t & 1), r); atomic_fetch_sub_explicit(&i[1], int(t), r);
    atomic_fetch_max_explicit(&i[2], int(t) - 50, r); atomic_fetch_min_explicit(&i[3], 20 - int(t), r);
    atomic_fetch_and_explicit(&u[0], ~(1u << (t % 31)), r); atomic_fetch_or_explicit(&u[1], 1u << (t % 31), r);
    atomic_fetch_xor_explicit(&u[2], t, r); atomic_fetch_max_explicit(&u[3], t * 0x1000000u, r);
    atomic_fetch_add_explicit(&f[0], 0.5f, r); atomic_max_explicit(&l[0], ulong(t) << 40, r);
    uint old = atomic_load_explicit(&u[4], r);
    while (!atomic_compare_exchange_weak_explicit(&u[4], &old, old + t, r, r)) {}
    out[atomic_fetch_add_explicit(&u[5], 1u, r)] = 1;
    if (t == 7) { atomic_store_explicit(&f[1], 2.5f, r); out[256] = atomic_exchange_explicit(&i[4], 9, r); }
  }`;
    return load(text, true);
  }
});

it('rounds half and bfloat after every operation', async () => {
  const library = await load(`kernel void test(device float* out [[buffer(0)]]) {
    half h = half(2048.0f); h = h + half(1.0f); h = h + half(1.0f); out[0] = h;
    bfloat b = bfloat(256.0f); b = b + bfloat(1.0f); b = b + bfloat(1.0f); out[1] = b;
    out[2] = bfloat(1.00390625f); out[3] = bfloat(1.01171875f); out[4] = half(65520.0f); out[5] = half(1e-8f);
  }`);
  const result = await launch({ library, kernel: 'test', buffers: [24], threads: 1 });
  expect([...new Float32Array(output(result))]).toEqual([2048, 256, 1, 1.015625, Infinity, 0]);
});

it('sets function constants anew for each dispatch', async () => {
  const library = await load(`constant uint count [[function_constant(0)]];
    constant bool flag [[function_constant(1)]];
    constant float scale [[function_constant(7)]];
    constant int other [[function_constant(9)]];
    kernel void test(device float* out [[buffer(0)]], uint t [[thread_position_in_grid]]) {
      out[t] = float(count) * (is_function_constant_defined(scale) ? scale : 1.0f) + (is_function_constant_defined(flag) && flag ? 0.5f : 0.0f)
        + (is_function_constant_defined(other) ? float(other) : 0.25f);
    }`);
  const dispatch = (index: number, constants: Record<number, number | boolean>) => ({
    library,
    kernel: 'test',
    constants,
    buffers: { 0: { buffer: 0, offset: index * 4 } },
    threadgroups: [1, 1, 1] as const,
    threadsPerThreadgroup: [1, 1, 1] as const,
  });
  const result = await device.run({
    buffers: [{ byteLength: 12 }],
    dispatches: [
      dispatch(0, { 0: 3, 7: 2.5 }),
      dispatch(1, { 0: 4, 1: true, 9: -8 }),
      dispatch(2, { 0: 5, 1: false }),
    ],
    outputs: [0],
  });
  expect([...new Float32Array(output(result))]).toEqual([7.75, -3.5, 5.25]);
});

it('reads indirect threadgroup counts when the dispatch starts', async () => {
  const library =
    await load(`kernel void plan(device uint* counts [[buffer(0)]], uint t [[thread_position_in_grid]]) {
      if (t < 3) counts[1 + t] = t + 1; }
    kernel void work(device atomic_uint* out [[buffer(0)]]) { atomic_fetch_add_explicit(out, 1u, memory_order_relaxed); }`);
  const result = await device.run({
    buffers: [{ byteLength: 16 }, { byteLength: 4, data: new Uint8Array(4) }],
    dispatches: [
      {
        library,
        kernel: 'plan',
        buffers: { 0: { buffer: 0 } },
        threadgroups: [1, 1, 1],
        threadsPerThreadgroup: [4, 1, 1],
      },
      {
        library,
        kernel: 'work',
        buffers: { 0: { buffer: 1 } },
        threadgroups: { indirect: { buffer: 0, offset: 4 } },
        threadsPerThreadgroup: [10, 1, 1],
      },
      {
        library,
        kernel: 'work',
        buffers: { 0: { buffer: 1 } },
        threadgroups: [5, 0, 1],
        threadsPerThreadgroup: [1, 1, 1],
      },
    ],
    outputs: [1],
  });
  expect(new Uint32Array(output(result))[0]).toBe(60);
  expect(result.dispatches.map(({ threadgroups }) => threadgroups)).toEqual([1, 6, 0]);
});

it('fills what is not given with 0xA5', async () => {
  const library = await load('kernel void test(device uint* out [[buffer(0)]]) { out[1] = 1; }');
  const result = await launch({ library, kernel: 'test', buffers: [12], threads: 1 });
  expect([...new Uint32Array(output(result))]).toEqual([0xa5a5a5a5, 1, 0xa5a5a5a5]);
});

it('gives the same bits with any number of threads', async () => {
  const library =
    await load(`kernel void test(device float* out [[buffer(0)]], uint t [[thread_position_in_grid]]) {
    float v = t; for (int i = 0; i < 50; i++) v = simd_sum(sin(v)) + t; out[t] = v; }`);
  const run = async (threads: number) =>
    createHostDevice({ env: process.env, threads }).run({
      buffers: [{ byteLength: 64 * 128 * 4 }],
      dispatches: [
        {
          library,
          kernel: 'test',
          buffers: { 0: { buffer: 0 } },
          threadgroups: [64, 1, 1],
          threadsPerThreadgroup: [128, 1, 1],
        },
      ],
      outputs: [0],
    });
  const [one, four] = [await run(1), await run(4)];
  expect(Buffer.compare(one.outputs[0] ?? new Uint8Array(), four.outputs[0] ?? new Uint8Array(1))).toBe(0);
});

describe('random orders', () => {
  it('put every simdgroup and every lane in every place', async () => {
    const library =
      await load(`kernel void test(device uint* out [[buffer(0)]], device uint* next [[buffer(1)]],
        uint t [[thread_index_in_threadgroup]]) {
      threadgroup_barrier(mem_flags::mem_none);
      out[atomic_fetch_add_explicit((device atomic_uint*)next, 1u, memory_order_relaxed)] = t;
    }`);
    const first = new Set<number>();
    const last = new Set<number>();
    for (let seed = 1; seed <= 60; seed += 1) {
      const result = await launch({
        library,
        kernel: 'test',
        buffers: [512, new Uint32Array(1)],
        threads: 128,
        options: { seed },
      });
      const order = [...new Uint32Array(output(result))];
      expect([...order].sort((a, b) => a - b)).toEqual(range(128));
      first.add(Math.floor((order[0] ?? 0) / 32));
      last.add((order[127] ?? 0) % 32);
    }
    expect([...first].sort()).toEqual([0, 1, 2, 3]);
    // 60 draws of 32 lanes leave out few.
    expect(last.size).toBeGreaterThan(20);
  });
});

describe('an argument that a function constant switches off', () => {
  it('may be read where its value does not matter', async () => {
    const library = await load(
      `constant bool scaled [[function_constant(0)]];
      struct Arguments { float factor; };
      kernel void test(device float* out [[buffer(0)]],
          const constant Arguments& arguments [[buffer(1), function_constant(scaled)]],
          device const float* bias [[buffer(2), function_constant(scaled)]],
          uint t [[thread_position_in_grid]]) {
        const float factor = arguments.factor + bias[t];
        threadgroup_barrier(mem_flags::mem_none);
        out[t] = scaled ? float(t) * factor : float(t);
      }`,
      true,
    );
    const result = await device.run({
      buffers: [{ byteLength: 128 }],
      dispatches: [
        {
          library,
          kernel: 'test',
          constants: { 0: false },
          buffers: { 0: { buffer: 0 } },
          threadgroups: [1, 1, 1],
          threadsPerThreadgroup: [32, 1, 1],
        },
      ],
      outputs: [0],
      checks: CHECKS,
    });
    expect(result.reports).toEqual([]);
    expect([...new Float32Array(output(result))]).toEqual(range(32));
  });
});

describe.each([false, true])(
  'vectors that lie where only their components may, watched: %s',
  (instrument) => {
    it('are loaded, stored and copied', async () => {
      const library = await load(
        `struct Four { float4 values; };
      kernel void test(device float* out [[buffer(0)]], device const float* in [[buffer(1)]],
          threadgroup float* tile [[threadgroup(0)]], uint t [[thread_index_in_threadgroup]]) {
        device const float4* from = (device const float4*)(in + 5 * t);
        threadgroup float4* through = (threadgroup float4*)(tile + 5 * t + 1);
        *through = *from * 2.0f;
        threadgroup_barrier(mem_flags::mem_threadgroup);
        device Four* to = (device Four*)(out + 5 * t + 1);
        to->values = *through;
        *(device Four*)(out + 5 * t) = *to;
        out[5 * t + 4] = 1.0f;
      }`,
        instrument,
      );
      const result = await launch({
        library,
        kernel: 'test',
        buffers: [4 * 161, new Float32Array(range(160))],
        threads: 32,
        threadgroupMemory: { 0: 656 },
      });
      const expected = range(160).map((i) => (i % 5 === 4 ? 1 : 2 * i));
      expect([...new Float32Array(output(result)).slice(0, 160)]).toEqual(expected);
    });
  },
);
