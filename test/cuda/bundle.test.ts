// A bundle from the command line to the script that runs it, with a driver that stands in for the GPU's.

import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { moegen, moegenIn } from '../cli/moegen.js';
import { PRELUDE, testCache } from '../compile/support.js';
import { buildDriver } from './driver.js';

let folder: string;
let driver: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'moegen-bundle-'));
  driver = await buildDriver();
}, 300_000);
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(driver, { recursive: true });
});

const JOB = {
  source: 'kernels/k.metal',
  include: 'kernels/include',
  kernel: 'k',
  buffers: { 0: { dtype: 'u32', shape: [4] }, 1: { dtype: 'u32', shape: [1], file: 'count.bin' } },
  threadgroups: [7, 1, 2],
  threads_per_threadgroup: [32, 1, 1],
  outputs: { 0: 'out.bin' },
};

it.runIf(process.platform === 'linux')(
  'packs a job, and runs it with nothing but what is packed',
  { timeout: 600_000 },
  async () => {
    mkdirSync(join(folder, 'kernels/include'), { recursive: true });
    writeFileSync(join(folder, 'kernels/include/times.h'), '#define TIMES 3\n');
    writeFileSync(
      join(folder, 'kernels/k.metal'),
      `#include "times.h"\n${PRELUDE}kernel void k(device uint* o, constant uint& n, uint t [[thread_position_in_grid]]) { o[t] = n * TIMES; }`,
    );
    writeFileSync(join(folder, 'count.bin'), Uint32Array.of(5));
    writeFileSync(join(folder, 'job.json'), JSON.stringify(JOB));
    const packed = await moegenIn(
      { PATH: process.env['PATH'], MOEGEN_CACHE: testCache },
      ...([folder, 'bundle', '--json', '-o', 'there', 'run', 'job.json'] as const),
    );
    expect(packed.code).toBe(0);
    expect(JSON.parse(packed.out)).toEqual({ out: 'there', kernels: 1, bytes: null, start: './run' });
    expect(readdirSync(join(folder, 'there')).sort()).toEqual(['files', 'kernels', 'moegen', 'node', 'run']);
    expect(existsSync(join(folder, 'there/moegen/node_modules/@zigc'))).toBe(false);

    const { stdout } = await promisify(execFile)(join(folder, 'there/run'), [], {
      cwd: tmpdir(),
      env: { PATH: '/usr/bin:/bin', LD_LIBRARY_PATH: driver, MOEGEN_CACHE: join(folder, 'none') },
    });
    expect(JSON.parse(stdout)).toMatchObject({
      kernel: 'k',
      device: 'cuda',
      threadgroups: 14,
      counters: null,
    });
    // The stand-in's kernels write their grid.
    const written = Uint8Array.from(readFileSync(join(folder, 'there/files/out.bin')));
    expect([...new Uint32Array(written.buffer)].slice(0, 3)).toEqual([7, 1, 2]);
    expect(existsSync(join(folder, 'none'))).toBe(false);
  },
);

it.each([
  [['bundle', '-o', 'x', 'generate'], 'cli/not-for-bundles'],
  [
    ['bundle', '-o', 'x', 'validate', 'moe_combine_bf16', '--device', 'host', '--dtype', 'bf16'],
    'cli/not-for-bundles',
  ],
  [['validate', 'moe_combine_bf16', '--device', 'host', '--matrix', 'fast'], 'cli/not-for-cuda'],
  [['compile', 'kernels/k.metal', '--target', 'host', '--alignment', 'vector'], 'cli/not-for-ptx'],
])('%j is refused', async (args, code) => {
  const outcome = await moegen(folder, ...args);
  expect(outcome.err).toContain(`error[${code}]`);
  expect(existsSync(join(folder, 'x'))).toBe(false);
});
