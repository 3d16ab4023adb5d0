// Threads that never wait for each other run row by row. Nobody can tell: results are those of threads that run one by one,
// and what goes wrong is blamed on the right thread.

import { describe, expect, it } from 'vitest';

import { compileHost } from '../../generator/compile/host.js';
import { launch, load, output, range } from './support.js';

const POSITIONS = `kernel void test(device uint* out [[buffer(0)]], device const float* in [[buffer(1)]],
    uint3 at [[thread_position_in_grid]], uint3 size [[threads_per_grid]], uint t [[thread_index_in_threadgroup]],
    ushort3 local [[thread_position_in_threadgroup]], ushort lane [[thread_index_in_simdgroup]],
    uint sg [[simdgroup_index_in_threadgroup]], uint3 group [[threadgroup_position_in_grid]]) {
  const uint index = (at.z * size.y + at.y) * size.x + at.x;
  float sum = 0.0f;
  for (uint k = 0; k <= index % 5; k++) sum += in[(index + k) % 32] / float(k + 1);
  uint hash = as_type<uint>(sum);
  const uint parts[] = {at.x, at.y, at.z, t, local.x, local.y, local.z, lane, sg, group.x, group.y, group.z};
  for (uint part : parts) hash = hash * 31 + part;
  out[index] = index % 3 == 0 ? hash : hash ^ 0x5555u;
}`;

describe('rows of threads', () => {
  it.each([
    { threads: [1, 1, 1], groups: [3, 1, 1] },
    { threads: [37, 1, 1], groups: [3, 2, 1] },
    { threads: [7, 5, 3], groups: [2, 2, 2] },
    { threads: [1, 64, 2], groups: [2, 1, 1] },
  ] as const)('of $threads threads give the same as threads one by one', async ({ threads, groups }) => {
    const library = await load(POSITIONS);
    const count = [...threads, ...groups].reduce<number>((product, extent) => product * extent, 1);
    const data = new Float32Array(range(32).map((value) => Math.sin(value)));
    const run = (seed: number): Promise<Uint32Array> =>
      launch({
        library,
        kernel: 'test',
        buffers: [4 * count, data],
        threads,
        groups,
        options: { seed },
      }).then((result) => new Uint32Array(output(result)));
    const rows = await run(0);
    expect(rows).toEqual(await run(1));
    expect(new Set(rows).size).toBe(count);
  });

  it('start again thread by thread where they wait all the same', async () => {
    const library = await load(`
      uint total(uint value, uint sum = simd_sum(7u)) { return value + sum; }
      kernel void test(device uint* sums [[buffer(0)]], device uint* out [[buffer(1)]],
          uint t [[thread_position_in_grid]]) { sums[t] += t; out[t] = total(sums[t]); }`);
    const result = await launch({
      library,
      kernel: 'test',
      buffers: [new Uint32Array(64), 256],
      threads: 64,
    });
    expect([...new Uint32Array(output(result))]).toEqual(range(64).map((t) => t + 7 * 32));
  });

  it('start again where they use matrices all the same', async () => {
    const library = await load(`
      using matrix_type = simdgroup_float8x8;
      void copy(device float* to, matrix_type m = make_filled_simdgroup_matrix<float, 8, 8>(3.0f)) { m.thread_elements()[0] += 1.0f; to[0] = m.thread_elements()[0]; }
      kernel void test(device float* out [[buffer(0)]], uint t [[thread_position_in_grid]]) { copy(out + t); }`);
    const result = await launch({ library, kernel: 'test', buffers: [128], threads: 32 });
    expect([...new Float32Array(output(result))]).toEqual(new Array(32).fill(4));
  });

  it('that crash are blamed on the thread', async () => {
    const library = await load(
      `kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
         out[t == 41 ? 1ul << 40 : t] = t; }`,
    );
    const failure = launch({ library, kernel: 'test', buffers: [256], threads: 64 });
    await expect(failure).rejects.toMatchObject({
      where: "dispatches[0] ('test'), threadgroup 0, thread 41",
    });
  });
});

const PROGRAM = `#include <metal_stdlib>
using namespace metal;
struct Sum { float total; Sum(float x) : total(x) {} float add(float x) { return total + x; } };
struct Wide { float value; float all() { return simd_sum(value); } };
float twice(float x) { return x * 2.0f; }
float deep(float x) { return twice(x) + quad_max(x); }
template <typename T> T through(T x) { return T(deep(x)); }
template <typename T> kernel void typed(device T* out [[buffer(0)]]) { out[0] = T(twice(1.0f)); }
template [[host_name("typed_f32")]] kernel void typed<float>(device float*);
kernel void plain(device float* out [[buffer(0)]]) { Sum s(out[0]); out[0] = s.add(twice(out[1])); }
kernel void direct(device float* out [[buffer(0)]]) { threadgroup_barrier(mem_flags::mem_none); out[0] = 1.0f; }
kernel void indirect(device float* out [[buffer(0)]]) { out[0] = through(out[1]); }
kernel void method(device float* out [[buffer(0)]]) { Wide w; w.value = 1.0f; out[0] = w.all(); }
kernel void matrix(device float* out [[buffer(0)]]) { simdgroup_float8x8 m(1.0f); simdgroup_store(m, out, 8); }`;

it('knows which kernels wait', async () => {
  const { library, diagnostics } = await compileHost({ path: 'program.metal', text: PROGRAM });
  expect(diagnostics).toEqual([]);
  const rows = library?.kernels.filter((kernel) => kernel.rowSymbol !== undefined).map(({ name }) => name);
  expect(rows?.sort()).toEqual(['plain', 'typed_f32']);
});

it('takes no chances with operators and constructors', async () => {
  const text = `#include <metal_stdlib>
using namespace metal;
struct Total { float value; Total(float x) : value(simd_sum(x)) {} };
using Alias = Total;
kernel void test(device float* out [[buffer(0)]]) { out[0] = Alias(1.0f).value; }`;
  const { library } = await compileHost({ path: 'program.metal', text });
  expect(library?.kernels.map((kernel) => kernel.rowSymbol)).toEqual([undefined]);
});
