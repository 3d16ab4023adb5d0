// Inputs on which the audited counting, sorting and bucket kernels were wrong, or gave another order each time.

import { describe, expect, it } from 'vitest';
import { runDropIn } from '../support/dropin-kernels.js';

const list = (values: ArrayLike<number> | undefined) => Array.from(values ?? []);

/** Neighbouring assignments go to different experts, of which there are more than a threadgroup has threads. */
const NUM_EXPERTS = 300;
const TOKENS = 400;
const ids = Uint32Array.from({ length: 2 * TOKENS }, (_, at) => (at * 7 + (at % 3)) % (NUM_EXPERTS + 1));
const sizes = { num_tokens: TOKENS, top_k: 2, num_experts: NUM_EXPERTS };
const counts = Array.from({ length: NUM_EXPERTS }, (_, expert) => ids.filter((id) => id === expert).length);
const firstRows = counts.map((_, expert) => counts.slice(0, expert).reduce((sum, count) => sum + count, 0));
const inOrder = Array.from(ids.keys())
  .filter((at) => (ids[at] ?? 0) < NUM_EXPERTS)
  .sort((a, b) => (ids[a] ?? 0) - (ids[b] ?? 0) || a - b);

describe('drop-in counting', () => {
  it.each(['moe_compute_grouping', 'moe_count_experts_atomic'])(
    'counts the assignments of every expert, with any number of threads: %s',
    async (kernel) => {
      for (const threads of [128, 256]) {
        const { outputs } = await runDropIn(kernel, 'f16', {
          values: sizes,
          inputs: { topk_ids: ids, expert_counts: new Uint32Array(NUM_EXPERTS) },
          outputs: ['expert_counts'],
          threads,
          threadgroups: [Math.ceil((2 * TOKENS) / threads), 1, 1],
        });
        expect(list(outputs['expert_counts'])).toEqual(counts);
      }
    },
  );
});

describe('drop-in sorting', () => {
  it('keeps the order of the assignments of an expert, in every schedule', async () => {
    for (const seed of [0, 5, 9]) {
      const { outputs } = await runDropIn('moe_scatter_indices', 'bf16', {
        values: sizes,
        inputs: { topk_ids: ids, write_offsets: firstRows },
        outputs: ['sorted_assignments'],
        options: { seed },
      });
      expect(list(outputs['sorted_assignments']).slice(0, inOrder.length)).toEqual(inOrder);
    }
  });

  it('is stable in one threadgroup too, rounds weights, and takes more than 256 tokens and experts', async () => {
    const weights = Array.from(ids, (_, at) => (at % 5) / 4);
    const { outputs, reports } = await runDropIn('moe_gpu_sort', 'f32', {
      values: sizes,
      inputs: { topk_ids: ids, topk_weights: weights },
      outputs: ['packed_assignments', 'sorted_tokens', 'expert_bounds'],
      options: { checks: ['bounds', 'races', 'divergence', 'uninitialized'] },
    });
    const packed = inOrder.map((at) => (ids[at] ?? 0) * 65536 + Math.round(65535 * (weights[at] ?? 0)));
    expect(list(outputs['packed_assignments']).slice(0, inOrder.length)).toEqual(packed);
    expect(list(outputs['sorted_tokens']).slice(0, inOrder.length)).toEqual(
      inOrder.map((at) => Math.floor(at / 2)),
    );
    expect(list(outputs['expert_bounds'])).toEqual([...firstRows, inOrder.length]);
    expect(reports).toEqual([]);
  });

  it('fills buckets in the order of the tokens, and drops the last where one is full', async () => {
    const { outputs } = await runDropIn('moe_assign_tokens_atomic', 'f16', {
      values: { num_tokens: 5, top_k: 1, num_experts: 2, max_per_expert: 2 },
      inputs: {
        topk_ids: [1, 0, 1, 1, 2],
        topk_weights: [0.25, 0.5, 0.75, 1, 2],
        token_buffer: [9, 9, 9, 9],
        weight_buffer: [9, 9, 9, 9],
        write_counts: [0, 0],
      },
      outputs: ['token_buffer', 'weight_buffer', 'write_counts'],
      options: { seed: 3 },
    });
    expect(list(outputs['token_buffer'])).toEqual([1, 9, 0, 2]);
    expect(list(outputs['weight_buffer'])).toEqual([0.5, 9, 0.25, 0.75]);
    expect(list(outputs['write_counts'])).toEqual([1, 3]);
  });
});
