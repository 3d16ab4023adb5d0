// Counters are exact: the kernel's accesses can be counted by hand, and no scheduling changes them.

import { expect, it } from 'vitest';

import { launch, load } from './support.js';

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
      barriers: 3 * 2,
      matrixOperations: 3 * 2,
    });
  }
});
