// Grids given in threads: threadgroups at their edges have fewer, as Metal's dispatchThreads makes them.

import { expect, it } from 'vitest';

import type { Dispatch, Size3 } from '../../generator/native/types.js';
import { device, load } from './support.js';

const PROGRAM = `kernel void places(device uint* out [[buffer(0)]], uint3 position [[thread_position_in_grid]],
    uint3 grid [[threads_per_grid]], uint3 here [[threads_per_threadgroup]],
    uint3 full [[dispatch_threads_per_threadgroup]], uint3 groups [[threadgroups_per_grid]],
    uint index [[thread_index_in_threadgroup]], uint simdgroups [[simdgroups_per_threadgroup]],
    uint all [[dispatch_simdgroups_per_threadgroup]]) {
  device uint* to = out + ((position.z * grid.y + position.y) * grid.x + position.x) * 8;
  to[0] = here.x * 100 + here.y * 10 + here.z;
  to[1] = full.x * 100 + full.y * 10 + full.z;
  to[2] = groups.x * 100 + groups.y * 10 + groups.z;
  to[3] = index;
  to[4] = simdgroups;
  to[5] = all;
  to[6] = grid.x * 100 + grid.y * 10 + grid.z;
  to[7] = position.x * 100 + position.y * 10 + position.z;
}
kernel void sums(device uint* out [[buffer(0)]], uint position [[thread_position_in_grid]],
    uint index [[thread_index_in_threadgroup]], uint size [[threads_per_threadgroup]]) {
  threadgroup uint parts[64];
  parts[index] = simd_sum(1u);
  threadgroup_barrier(mem_flags::mem_threadgroup);
  out[position] = parts[0] + parts[size - 1] * 100;
}`;

async function run(kernel: string, grid: Size3, size: Size3, bytes: number, seed = 0): Promise<Uint32Array> {
  const [library, plain] = await Promise.all([load(PROGRAM, true), load(PROGRAM)]);
  const groups = grid.map((count, axis) => Math.ceil(count / (size[axis] ?? 1)));
  const [x = 0, y = 0, z = 0] = groups;
  const dispatch: Omit<Dispatch, 'library'> = {
    ...{ kernel, buffers: { 0: { buffer: 0 } }, threads: grid },
    ...{ threadgroups: [x, y, z], threadsPerThreadgroup: size },
  };
  const job = { buffers: [{ byteLength: bytes }], outputs: [0], seed };
  const { outputs, reports } = await device.run({
    ...job,
    dispatches: [{ ...dispatch, library }],
    checks: ['bounds', 'races', 'divergence', 'unwritten'],
  });
  expect(reports).toEqual([]);
  // Where nothing watches, threads run in rows.
  expect((await device.run({ ...job, dispatches: [{ ...dispatch, library: plain }] })).outputs).toEqual(
    outputs,
  );
  return new Uint32Array((outputs[0] ?? new Uint8Array()).slice().buffer);
}

it.each([[[7, 5, 3] as const], [[8, 4, 2] as const], [[1, 1, 1] as const], [[4, 6, 1] as const]])(
  'a grid of %j threads in threadgroups of 4 x 3 x 2',
  async (grid) => {
    const size = [4, 3, 2] as const;
    const [x, y, z] = grid;
    const result = await run('places', [x, y, z], size, x * y * z * 32);
    for (let thread = 0; thread < x * y * z; thread += 1) {
      const position = [thread % x, Math.floor(thread / x) % y, Math.floor(thread / x / y)];
      const local = position.map((at, axis) => at % (size[axis] ?? 1));
      const here = position.map((at, axis) =>
        Math.min(size[axis] ?? 1, (grid[axis] ?? 1) - (at - (local[axis] ?? 0))),
      );
      const digits = (values: readonly number[]): number =>
        (values[0] ?? 0) * 100 + (values[1] ?? 0) * 10 + (values[2] ?? 0);
      const index = ((local[2] ?? 0) * (here[1] ?? 0) + (local[1] ?? 0)) * (here[0] ?? 0) + (local[0] ?? 0);
      const groups = grid.map((count, axis) => Math.ceil(count / (size[axis] ?? 1)));
      expect([...result.slice(thread * 8, thread * 8 + 8)]).toEqual([
        ...[digits(here), digits(size), digits(groups), index, 1, 1, digits(grid), digits(position)],
      ]);
    }
  },
);

it.each([0, 3])('simdgroups of a cut threadgroup have the lanes that are left, seed %i', async (seed) => {
  const result = await run('sums', [150, 1, 1], [64, 1, 1], 600, seed);
  // Threadgroups of 64, 64 and 22 threads.
  expect([...new Set(result.slice(0, 128))]).toEqual([3232]);
  expect([...new Set(result.slice(128))]).toEqual([2222]);
});

it('refuses threadgroups that are not those of the threads', async () => {
  const library = await load(PROGRAM);
  const job = {
    buffers: [{ byteLength: 64 }],
    dispatches: [
      {
        ...{ library, kernel: 'sums', buffers: { 0: { buffer: 0 } }, threads: [9, 1, 1] as const },
        ...{ threadgroups: [3, 1, 1] as const, threadsPerThreadgroup: [4, 2, 1] as const },
      },
    ],
    outputs: [],
  };
  await expect(device.run({ ...job })).resolves.toBeDefined();
  const [dispatch] = job.dispatches;
  if (dispatch === undefined) throw new Error('no dispatch');
  const wrong = { ...job, dispatches: [{ ...dispatch, threadgroups: [2, 1, 1] as const }] };
  await expect(device.run(wrong)).rejects.toMatchObject({ code: 'native/bad-threads' });
});
