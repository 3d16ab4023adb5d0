// Inputs on which the audited routers were wrong, or could not be run at all.

import { describe, expect, it } from 'vitest';
import { runDropIn } from '../support/dropin-kernels.js';

const KERNELS = ['moe_router_fused', 'moe_router_fused_small', 'moe_router_with_aux_loss'] as const;

interface RouterCase {
  /** Logits of each token. */
  readonly logits: readonly (readonly number[])[];
  readonly topK: number;
  readonly threads?: number;
}

/** The hidden states are an identity matrix, which picks each token's logits out of the weights. */
async function route(kernel: string, dtype: 'f16' | 'bf16' | 'f32', { logits, topK, threads }: RouterCase) {
  const numExperts = logits[0]?.length ?? 0;
  const identity = Float64Array.from({ length: logits.length ** 2 }, (_, at) =>
    at % (logits.length + 1) === 0 ? 1 : 0,
  );
  const { outputs } = await runDropIn(kernel, dtype, {
    values: { num_tokens: logits.length, hidden_size: logits.length, num_experts: numExperts, top_k: topK },
    inputs: {
      hidden_states: identity,
      router_weight: logits.flat(),
      expert_load: new Float64Array(numExperts),
      expert_count: new Float64Array(numExperts),
    },
    outputs: [
      'topk_ids',
      'topk_weights',
      ...(kernel.endsWith('loss') ? ['expert_load', 'expert_count'] : []),
    ],
    ...(threads !== undefined && { threads }),
  });
  return outputs;
}

const list = (values: ArrayLike<number> | undefined) => Array.from(values ?? []);

describe('drop-in routers', () => {
  it.each(KERNELS)('give ties to the lowest expert: %s', async (kernel) => {
    const logits = [[1, 3, 2, 3, 3, 0, 2, 2]];
    expect(list((await route(kernel, 'f32', { logits, topK: 6 }))['topk_ids'])).toEqual([1, 3, 4, 2, 6, 7]);
  });

  it('select among 300 experts, and more than 16 of them', async () => {
    const place = (expert: number) => (expert * 7) % 300;
    const logits = [Array.from({ length: 300 }, (_, expert) => place(expert) / 32)];
    const { topk_ids: ids, topk_weights: weights } = await route('moe_router_fused', 'f32', {
      logits,
      topK: 40,
    });
    expect(list(ids).map(place)).toEqual(Array.from({ length: 40 }, (_, slot) => 299 - slot));
    expect(list(weights).reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 6);
  });

  it('leave slots beyond the experts empty, not with expert 0 again', async () => {
    const { topk_ids: ids, topk_weights: weights } = await route('moe_router_fused', 'f32', {
      logits: [[1, 2]],
      topK: 4,
    });
    expect(list(ids)).toEqual([1, 0, 2, 2]);
    expect(list(weights).slice(2)).toEqual([0, 0]);
  });

  it('never select a logit that is no number', async () => {
    const { outputs } = await runDropIn('moe_router_fused_coalesced', 'f32', {
      values: { num_tokens: 2, hidden_size: 1, num_experts: 4, top_k: 3 },
      inputs: { hidden_states: [1, NaN], router_weight: [NaN, 1, NaN, 2] },
      outputs: ['topk_ids', 'topk_weights'],
    });
    expect(list(outputs['topk_ids'])).toEqual([3, 1, 4, 4, 4, 4]);
    expect(list(outputs['topk_weights']).map(Number.isNaN)).toEqual([false, false, true, true, true, true]);
  });

  it.each([32, 64, 128, 256, 1024])('give the same bits with %i threads', async (threads) => {
    const logits = Array.from({ length: 3 }, (_, token) =>
      Array.from({ length: 70 }, (_, expert) => Math.sin(token * 70 + expert) * 6),
    );
    const usual = await route('moe_router_fused', 'f32', { logits, topK: 5 });
    expect(await route('moe_router_fused', 'f32', { logits, topK: 5, threads })).toEqual(usual);
  });

  it('add every probability to the loads, whoever adds at the same time', async () => {
    const logits = Array.from({ length: 40 }, () => [0, 0, 0, 0, 0, 0, 0, 0]);
    const outputs = await route('moe_router_with_aux_loss', 'f16', { logits, topK: 2 });
    expect(list(outputs['expert_load'])).toEqual(new Array(8).fill(5));
    expect(list(outputs['expert_count'])).toEqual([40, 40, 0, 0, 0, 0, 0, 0]);
  });

  it('keep weights in float until they are stored', async () => {
    const { topk_weights: weights } = await route('moe_router_fused', 'f32', {
      logits: [[0, 1e-3]],
      topK: 2,
    });
    const want = 1 / (1 + Math.exp(-Math.fround(1e-3)));
    expect(Math.abs((weights?.[0] ?? NaN) - want)).toBeLessThan(1e-7);
  });
});
