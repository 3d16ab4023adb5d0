// `moegen bench` on the command line: tables and JSON of a small layer, someone else's kernel beside a stage, what is refused.

import { describe, expect, it } from 'vitest';
import type { LayerReport } from '../../generator/bench/report.js';
import type { RivalReport } from '../../generator/bench/rival.js';
import { specText } from '../bench/support.js';
import { freshFolder, put } from '../support/output-folder.js';
import { json, moegen, moegenIn } from './moegen.js';

const SIZES = { hidden: 64, intermediate: 32, experts: 4, topK: 2 };

/** Adds up rows, as a combine of two slots without weights would. */
const RIVAL = `#include <metal_stdlib>
using namespace metal;
kernel void add_rows(device const float* rows [[buffer(0)]], device float* out [[buffer(1)]],
                     constant uint& width [[buffer(2)]], uint i [[thread_position_in_grid]]) {
  out[i] = rows[i] + rows[width + i];
}`;

const JOB = {
  source: 'rival.metal',
  kernel: 'add_rows',
  buffers: {
    0: { dtype: 'f32', shape: [2, 64], fill: 1 },
    1: { dtype: 'f32', shape: [64] },
    2: { dtype: 'u32', shape: [1], hex: '40000000' },
  },
  threadgroups: [2, 1, 1],
  threads_per_threadgroup: [32, 1, 1],
  outputs: {},
};

function folder(): string {
  const cwd = freshFolder();
  put(cwd, 'block.json', specText(SIZES));
  put(cwd, 'rival.metal', RIVAL);
  put(cwd, 'job.json', JSON.stringify(JOB));
  return cwd;
}

const run = (cwd: string, ...options: string[]) =>
  moegenIn(process.env, cwd, 'bench', '--spec', 'block.json', ...options);

describe('moegen bench', () => {
  it('shows bytes beside the floor, work, and why there are no times', { timeout: 600_000 }, async () => {
    const { code, out } = await run(folder(), '--tokens', '1', '--dtype', 'f32', '--device', 'host');
    expect(code).toBe(0);
    expect(out).toMatch(/^block on host: .+\n/);
    expect(out).toContain(
      '1 token, activations f32, weights f32: decode path, 5 dispatches, 2 experts touched\n',
    );
    expect(out).toMatch(/\n {4}bytes +kernel +read +written +floor +ratio +threadgroups +without work\n/);
    expect(out).toMatch(/\n {4}layer( +[\d,.]+){6}\n/);
    expect(out).toMatch(/\n {4}work +FLOPs +of formula +threadgroup bytes +per FLOP +barriers/);
    expect(out).toContain('\n  no times: the host device runs kernels to count, not to measure\n');
    expect(out).not.toMatch(/ +\n/);
  });

  it(
    'gives numbers of every buffer as JSON, and another kernel beside a stage',
    { timeout: 600_000 },
    async () => {
      const options = ['--tokens', '1', '--dtype', 'f32', '--json', '--vs', 'job.json', '--stage', 'combine'];
      const outcome = await run(folder(), ...options, '*combine*');
      expect(outcome.err).toBe('');
      const { device, layers, vs } = json(outcome) as {
        device: string;
        layers: LayerReport[];
        vs: RivalReport & { stage: string };
      };
      expect(device).toBe('host');
      const [stage] = layers[0]?.stages ?? [];
      expect(layers[0]?.stages).toHaveLength(1);
      const output = stage?.buffers?.find(({ name }) => name === 'output');
      expect(output).toMatchObject({ read: 0, written: 64 * 4, bytesRead: 0, bytesWritten: 64 * 4 });
      // Two rows of 64 floats in, one out, an addition each; `width` is a constant.
      expect(vs).toMatchObject({ stage: 'combine', kernel: 'add_rows' });
      expect(vs.counted).toMatchObject({
        bytesRead: 2 * 64 * 4,
        bytesWritten: 64 * 4,
        flops: 64,
        barriers: 0,
      });
    },
  );

  it('runs every number of tokens with every format of weights', { timeout: 600_000 }, async () => {
    const options = ['--tokens', '2,1', '--weights', 'bf16,mxfp4', '--json', '--path', 'decode'];
    const { layers } = json(await run(folder(), ...options)) as { layers: LayerReport[] };
    expect(layers.map(({ weight, numTokens, path }) => [weight, numTokens, path])).toEqual([
      ['bf16', 1, 'decode'],
      ['bf16', 2, 'decode'],
      ['mxfp4', 1, 'decode'],
      ['mxfp4', 2, 'decode'],
    ]);
  });

  it.each([
    [[], 'cli/nothing-to-bench', 'use --config config.json or --spec block.json'],
    [['--spec', 'block.json', '--vs', 'job.json'], 'cli/half-a-rival', '--stage gate_up'],
    [
      ['--spec', 'block.json', '--vs', 'job.json', '--stage', 'down'],
      'cli/many-cases',
      'one number of --tokens',
    ],
    [
      ['--spec', 'block.json', '--path', 'prompt'],
      'cli/unknown-value',
      'expected one of decode, skinny, batched',
    ],
  ])('refuses %j', async (options, code, help) => {
    const outcome = await moegen(folder(), 'bench', ...options);
    expect(outcome.code).toBe(2);
    expect(outcome.err).toContain(`error[${code}]`);
    expect(outcome.err).toContain(help);
  });
});
