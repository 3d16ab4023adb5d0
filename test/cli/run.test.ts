// `moegen run`: one kernel of any Metal file, from a job in JSON to files, counters and reports.

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { json, moegen } from './moegen.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-run-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

mkdirSync(join(folder, 'include'));
writeFileSync(join(folder, 'include', 'scale.h'), 'constant uint width [[function_constant(3)]];\n');
writeFileSync(
  join(folder, 'scale.metal'),
  `#include <metal_stdlib>
#include "scale.h"
using namespace metal;
kernel void scale(device const float* in [[buffer(0)]], device float* out [[buffer(1)]],
    constant float& factor [[buffer(2)]], threadgroup float* tile [[threadgroup(0)]],
    uint t [[thread_index_in_threadgroup]], uint row [[threadgroup_position_in_grid]]) {
  tile[t] = in[row * width + t] * factor;
  BARRIER(mem_flags::mem_threadgroup);
  out[row * width + t] = tile[width - 1 - t];
}
kernel void shifted(device const float* in [[buffer(0)]], device float* out [[buffer(1)]],
    constant float& factor [[buffer(2)]], device const float* all [[buffer(7)]],
    uint t [[thread_index_in_threadgroup]]) { out[t] = in[t] + all[t] + 0.0f * factor; }
kernel void other(device float* out [[buffer(0)]]) { out[0] = missing; }
`,
);
writeFileSync(join(folder, 'in.bin'), new Uint8Array(new Float32Array(128).map((_, i) => i).buffer));

const JOB = {
  source: 'scale.metal',
  include: 'include',
  defines: { BARRIER: 'threadgroup_barrier', missing: 0 },
  kernel: 'scale',
  constants: { 3: 64 },
  buffers: {
    0: { dtype: 'f32', shape: [2, 64], file: 'in.bin' },
    1: { dtype: 'f32', shape: [2, 64] },
    2: { dtype: 'f32', shape: [1], hex: '0000 0040' },
  },
  threadgroup_memory: { 0: 256 },
  threadgroups: [2, 1, 1],
  threads_per_threadgroup: [64, 1, 1],
  outputs: { 1: 'out.bin' },
  checks: 'all',
};

async function run(change: object): Promise<{ code: number; result: Record<string, unknown>; err: string }> {
  writeFileSync(join(folder, 'job.json'), JSON.stringify({ ...JOB, ...change }));
  const outcome = await moegen(folder, 'run', 'job.json');
  return { code: outcome.code, err: outcome.err, result: outcome.out === '' ? {} : json(outcome) };
}

describe('a job that is right', () => {
  it('gives files, a time, counters and no report', async () => {
    const { code, result } = await run({});
    expect(code).toBe(0);
    expect(result).toEqual({
      kernel: 'scale',
      device: 'host',
      seconds: expect.any(Number) as number,
      threadgroups: 2,
      threadgroupMemory: 256,
      counters: {
        buffers: [
          { index: 0, reads: 128, bytesRead: 512, writes: 0, bytesWritten: 0 },
          { index: 1, reads: 0, bytesRead: 0, writes: 128, bytesWritten: 512 },
          { index: 2, reads: 128, bytesRead: 512, writes: 0, bytesWritten: 0 },
        ],
        threadgroupBytesRead: 512,
        threadgroupBytesWritten: 512,
        idleThreadgroups: 0,
        barriers: 2,
        floatingPointOperations: 128,
        matrixOperations: 0,
      },
      reports: [],
      confined: process.platform === 'linux',
      outputs: { 1: 'out.bin' },
    });
    const values = new Float32Array(Uint8Array.from(readFileSync(join(folder, 'out.bin'))).buffer);
    expect([...values.slice(0, 3), values[127]]).toEqual([126, 124, 122, 128]);
  });

  it('counts nothing where nothing is asked for', async () => {
    const { code, result } = await run({ counters: false, checks: 'none' });
    expect(code).toBe(0);
    expect(result).toMatchObject({ counters: null, reports: [], seconds: expect.any(Number) as number });
  });

  it('gives the same in another order of threads', async () => {
    const { code } = await run({ seed: 5, outputs: { 1: 'other.bin' } });
    expect(code).toBe(0);
    expect(readFileSync(join(folder, 'other.bin'))).toEqual(readFileSync(join(folder, 'out.bin')));
  });
});

it('a buffer may have another index, and begin anywhere', async () => {
  const { 0: input, ...others } = JOB.buffers;
  const { code } = await run({
    buffers: { ...others, 7: { ...input, shape: [2, 64] } },
    kernel: 'shifted',
    aliases: { 0: { buffer: 7, offset: 256 } },
    checks: 'none',
    threadgroup_memory: {},
    outputs: { 1: 'shifted.bin' },
  });
  expect(code).toBe(0);
  const values = new Float32Array(Uint8Array.from(readFileSync(join(folder, 'shifted.bin'))).buffer);
  expect([...values.slice(0, 3)]).toEqual([64, 66, 68]);
});

it('a job with reports ends with 1, without a time', async () => {
  const { code, result } = await run({ defines: { BARRIER: '(void)', missing: 0 }, checks: ['races'] });
  expect(code).toBe(1);
  expect(result['seconds']).toBeNull();
  // Which of two accesses comes later depends on the threads.
  expect(result['reports']).toMatchObject([
    { check: 'races', kernel: 'scale', line: 7 },
    { check: 'races', kernel: 'scale', line: 9 },
  ]);
});

it.each([
  [{ kernel: 'scales' }, 2, 'Nearest: scale'],
  [{ defines: { BARRIER: 'threadgroup_barrier', missing: 'nothing' }, kernel: 'other' }, 1, 'scale.metal:14'],
  [{ outputs: { 7: 'out.bin' } }, 2, 'outputs names buffer 7'],
  [
    { buffers: { ...JOB.buffers, 2: { dtype: 'f32', shape: [2], hex: '00000040' } } },
    2,
    '8 bytes, but 4 bytes',
  ],
  [{ aliases: { 1: { buffer: 0 } } }, 2, 'buffer 1 is given twice'],
  [{ aliases: { 5: { buffer: 9 } } }, 2, 'there is no such buffer'],
  [{ threads: 7 }, 2, 'a dispatch has either threadgroups or threads'],
  [{ thread: 7 }, 2, 'Unrecognized key: "thread"'],
  [{ constants: {} }, 2, 'the kernel uses function constant 3, which has no value'],
  [{ constants: {} }, 2, 'Without a value: 3 (uint width)'],
])('%j is refused', async (change, code, message) => {
  const outcome = await run(change);
  expect(outcome.err).toContain(message);
  expect(outcome.code).toBe(code);
});
