// What the audit found around the shared expert: kernels that asked for more threadgroup memory than there is, an approximate
// sigmoid in half, activations that were read once for every expert and row.

import { describe, expect, it } from 'vitest';
import { runDropIn } from '../support/dropin-kernels.js';
import { runLayer, type Layer } from '../support/dropin-layer.js';

const GATE_UP = ['shared_expert_gate_up_fused', 'shared_expert_gate_up_fused_fp16'] as const;

/** Gate is the row's only term, up is one. */
function gateUp(kernel: (typeof GATE_UP)[number], dtype: 'f16' | 'bf16' | 'f32', gates: readonly number[]) {
  const width = 70;
  const isFp4 = kernel === 'shared_expert_gate_up_fused';
  const weight = (at: number): number => (at < width ? 1 : 0) + (at < width ? 0 : 16);
  return runDropIn(kernel, dtype, {
    values: { num_tokens: gates.length, hidden_size: 2, intermediate_size: width, group_size: 2 },
    inputs: {
      hidden_states: gates.flatMap((gate) => [gate, 1]),
      gate_up_weight: isFp4
        ? Array.from({ length: 2 * width }, (_, at) => 2 * weight(at))
        : Array.from({ length: 4 * width }, (_, at) => (at < 2 * width === at % (2 * width) < width ? 1 : 0)),
      gate_up_scales: new Array<number>(2 * width).fill(1),
    },
    outputs: ['output'],
    options: { checks: ['bounds', 'races', 'uninitialized', 'unwritten'] },
  });
}

describe.each(GATE_UP)('%s', (kernel) => {
  const gates = [-100, -20, -4, -1.5, -0.25, 0, 0.25, 1, 1.5, 4, 20, 300];

  it('runs, and computes the exact SiLU in every column', async () => {
    const { outputs, reports } = await gateUp(kernel, 'f32', gates);
    expect(reports).toEqual([]);
    Array.from(outputs['output'] ?? []).forEach((value, at) => {
      const gate = gates[Math.floor(at / 70)] ?? NaN;
      const want = gate / (1 + Math.exp(-gate));
      expect(Math.abs(value - want)).toBeLessThanOrEqual(1e-6 * Math.abs(gate));
    });
  });

  it('rounds once: 300 in half, whose square half cannot hold', async () => {
    const { outputs } = await gateUp(kernel, 'f16', [300]);
    expect(new Set(outputs['output'])).toEqual(new Set([300]));
  });
});

describe('moe_aggregate_weighted', () => {
  it('sums in float: 2048 and eight halves', async () => {
    const { outputs } = await runDropIn('moe_aggregate_weighted', 'f16', {
      values: { num_tokens: 1, hidden_size: 3, top_k: 8 },
      inputs: {
        shared_output: [2048, 2048, 2048],
        expert_output: new Array<number>(24).fill(1),
        topk_weights: new Array<number>(8).fill(0.5),
      },
      outputs: ['output'],
    });
    expect(Array.from(outputs['output'] ?? [])).toEqual([2052, 2052, 2052]);
  });
});

const ROWS = 64;
const TERMS = 2048;

/** Four experts for each row, of 64. */
const LAYER: Layer = {
  rows: ROWS,
  terms: TERMS,
  columns: 64,
  experts: 64,
  ids: Array.from({ length: ROWS }, (_, row) => [0, 13, 26, 39].map((slot) => (7 * row + slot) % 64)),
  weights: Array.from({ length: ROWS }, () => [0.5, 0.25, 0.125, 0.125]),
  input: (row, term) => ((row + term) % 3) - 1,
  code: (expert, term) => (expert + 1 + term) % 16,
  scale: () => 1,
  sharedWeight: 1,
};

function bytesRead(counters: Awaited<ReturnType<typeof runLayer>>['counters'], index: number): number {
  const found = counters?.buffers.find((buffer) => buffer.index === index);
  if (found === undefined) throw new Error('the engine counted nothing');
  return found.bytesRead;
}

describe('device bytes', () => {
  it.each(['f16', 'bf16'] as const)(
    'activations of a row tile are read once for all experts: %s',
    async (dtype) => {
      const { counters } = await runLayer('moe_shared_expert_fused_fp4', dtype, LAYER, { count: true });
      expect(bytesRead(counters, 0)).toBe(ROWS * TERMS * 2);
    },
  );

  it('weights are read once per expert and row tile', async () => {
    const { counters } = await runLayer('moe_shared_expert_fused_fp4', 'f16', LAYER, { count: true });
    expect(bytesRead(counters, 1)).toBe((TERMS / 2) * 64);
    expect(bytesRead(counters, 3)).toBe(64 * (TERMS / 2) * 64);
  });

  it('a token is read once for all experts and columns', async () => {
    const layer = {
      ...LAYER,
      rows: 2,
      columns: 300,
      ids: LAYER.ids.slice(0, 2),
      weights: LAYER.weights.slice(0, 2),
    };
    const { counters } = await runLayer(
      'moe_shared_expert_scatter',
      'bf16',
      { ...layer, experts: 8 },
      { count: true },
    );
    expect(bytesRead(counters, 0)).toBe(2 * TERMS * 2);
  });
});
