// Measuring, on a stand-in for a GPU: what is launched, with which buffers, and what follows from the times that it gives.

import { describe, expect, it } from 'vitest';
import { timeLayer } from '../../generator/bench/time.js';
import { layerInputs } from '../../generator/bench/inputs.js';
import { canTime, type TimingDevice, type TimingJob } from '../../generator/bench/timing.js';
import type { Job } from '../../generator/native/types.js';
import { hostDevice } from '../support/host-kernels.js';
import { layerOf } from './support.js';

const CHOICE = { activation: 'bf16', weight: 'bf16', numTokens: 2 } as const;
const SMALL = { hidden: 64, intermediate: 32, experts: 8, topK: 2 };

/** Each kernel takes 3 microseconds, all together 10; the router sends token t of copy c to experts c and c + t. */
function standIn(): { device: TimingDevice; jobs: Job[]; timings: TimingJob[] } {
  const [jobs, timings]: [Job[], TimingJob[]] = [[], []];
  const device: TimingDevice = {
    name: 'cuda',
    describe: () => Promise.resolve('a stand-in'),
    load: () => Promise.reject(new Error('nothing to load')),
    run: (job) => {
      jobs.push(job);
      const outputs = job.outputs.map(
        (_, copy) => new Uint8Array(Uint32Array.of(copy % 8, copy % 8, copy % 8, (copy + 1) % 8).buffer),
      );
      return Promise.resolve({ outputs, dispatches: [], reports: [] });
    },
    time: (job) => {
      timings.push(job);
      const stages = job.stages.map(({ name }) => ({ name, microseconds: 3 }));
      return Promise.resolve({ microseconds: 10, stages, readBandwidth: 2e9 });
    },
  };
  return { device, jobs, timings };
}

async function measured(options: { maxOwnWeights?: number } = {}) {
  const { device, jobs, timings } = standIn();
  const layer = layerOf(SMALL, CHOICE);
  const libraries = layer.plans.map(({ name }) => ({ device: 'cuda', kernels: [name] }) as const);
  const inputs = layerInputs(layer, 5);
  const report = await timeLayer(device, layer, libraries, { inputs, seed: 5, ...options });
  const [timing] = timings;
  if (timing === undefined) throw new Error('nothing was measured');
  return { layer, report, timing, jobs };
}

describe('measuring a layer', () => {
  it('launches every kernel as a stage of its own, for tokens that differ', async () => {
    const { layer, timing, jobs } = await measured();
    expect(timing.stages.map(({ name }) => name)).toEqual(layer.plans.map(({ name }) => name));
    expect(timing.copies).toBe(64);
    const states = timing.buffers.find(({ label }) => label === 'hidden_states')?.instances;
    if (states === undefined || states === 'own') throw new Error('tokens have no copies');
    expect(new Set(states.map((bytes) => Buffer.from(bytes).toString('hex'))).size).toBe(64);
    // The routing of every copy is asked for: two kernels each.
    expect(jobs.map(({ dispatches, outputs }) => [dispatches.length, outputs.length])).toEqual([[128, 64]]);
  });

  it('gives each copy weights and results of its own, but not single values', async () => {
    const { timing } = await measured();
    const own = Object.fromEntries<unknown>(
      timing.buffers.map(({ label = '', instances }) => [label, instances === 'own']),
    );
    expect(own).toMatchObject({
      router_weight: true,
      gate_up_weight: true,
      down_weight: true,
      topk_ids: true,
      intermediate: true,
      output: true,
      'num_tokens = 2': false,
    });
  });

  it('lets copies share weights that are too many', async () => {
    // 64 copies of 8 experts of 64 x 96 weights alone.
    const { timing } = await measured({ maxOwnWeights: 64 * 8 * 64 * 96 * 2 });
    const own = Object.fromEntries<unknown>(
      timing.buffers.map(({ label = '', instances }) => [label, instances === 'own']),
    );
    expect(own).toMatchObject({ gate_up_weight: false, down_weight: false, intermediate: true });
  });

  it('compares with what the bytes take at the read bandwidth', async () => {
    const { report } = await measured();
    // Two different experts in every copy.
    expect(report.touchedExperts).toBe(2);
    const gateUp = report.stages.find(({ stage }) => stage === 'gate_up');
    // 2 matrices of 64 x 64, 2 tokens of 64, 4 ids, 4 rows of 32, in BF16.
    const bytes = 2 * 64 * 64 * 2 + 2 * 64 * 2 + 4 * 4 + 4 * 32 * 2;
    expect(gateUp?.time).toEqual({
      microseconds: 3,
      floorMicroseconds: (bytes / 2e9) * 1e6,
      ratio: 3 / ((bytes / 2e9) * 1e6),
      bytesPerSecond: (bytes / 3) * 1e6,
    });
    expect(report.time?.microseconds).toBe(10);
    expect(report.time?.floorMicroseconds).toBeCloseTo(
      ((report.floor.read + report.floor.written) / 2e9) * 1e6,
    );
    expect(report.absent).toEqual(['counters: the cuda device has none; use --device host']);
  });
});

it('takes a device that measures by what it can do', () => {
  const { device } = standIn();
  expect([canTime(device), canTime(hostDevice())]).toEqual([true, false]);
});
