// Inputs on which the audited entropies were wrong: an epsilon that half rounds to zero, sums in half, a mean over the same tokens
// many times, the gradient's constant.

import { describe, expect, it } from 'vitest';
import { runDropIn } from '../support/dropin-kernels.js';

const params = (batchSize: number, numExperts: number) => ({
  batch_size: batchSize,
  num_experts: numExperts,
  mode: 0,
  top_k: 2,
  epsilon: 1e-8,
});

describe('drop-in entropies', () => {
  it('of a certain choice is zero, and no other value, where the other probabilities are zero', async () => {
    const { outputs } = await runDropIn('moe_gate_entropy_per_token', 'f16', {
      values: params(1, 4),
      inputs: { probabilities: [0, 1, 0, 0] },
      outputs: ['entropy'],
    });
    expect(Array.from(outputs['entropy'] ?? [])).toEqual([0]);
  });

  it.each([
    ['the epsilon that is given', 2 ** -6, 6],
    ['1e-8 where none is', 0, Math.log2(1e8)],
    ['1e-8 where the dtype rounds it to zero', 2 ** -160, Math.log2(1e8)],
  ])('takes the logarithm of %s, where a probability is smaller', async (_, epsilon, bits) => {
    const p = 2 ** -40;
    for (const kernel of ['moe_gate_entropy_per_token', 'moe_gate_entropy_per_expert']) {
      const { outputs } = await runDropIn(kernel, 'f32', {
        values: { ...params(1, 1), epsilon },
        inputs: { probabilities: [p] },
        outputs: ['entropy'],
      });
      expect((outputs['entropy']?.[0] ?? NaN) / p).toBeCloseTo(bits, 5);
    }
  });

  it('in half is -p log2(p) down to the smallest p that half holds, although half rounds epsilon to zero', async () => {
    const { outputs } = await runDropIn('moe_gate_entropy_per_token', 'f16', {
      values: params(1, 1),
      inputs: { probabilities: [2 ** -24] },
      outputs: ['entropy'],
    });
    expect(outputs['entropy']?.[0]).toBe(24 * 2 ** -24);
  });

  it('of 1024 equal experts is 10 bits, and all of the largest', async () => {
    const run = { values: params(1, 1024), inputs: { probabilities: new Float64Array(1024).fill(2 ** -10) } };
    const plain = await runDropIn('moe_gate_entropy_per_token', 'f16', { ...run, outputs: ['entropy'] });
    const share = await runDropIn('moe_gate_entropy_normalized', 'f16', { ...run, outputs: ['entropy'] });
    expect(plain.outputs['entropy']?.[0]).toBe(10);
    expect(share.outputs['entropy']?.[0]).toBe(1);
  });

  it('is the mean over thousands of tokens, which a sum in half never reaches', async () => {
    const { outputs } = await runDropIn('moe_gate_entropy_per_expert', 'f16', {
      values: params(5000, 2),
      inputs: { probabilities: new Float64Array(10_000).fill(0.5) },
      outputs: ['entropy'],
    });
    expect(Array.from(outputs['entropy'] ?? [])).toEqual([0.5, 0.5]);
  });

  it('counts each token once, and every expert beyond the 256th', async () => {
    const numExperts = 1030;
    const { outputs } = await runDropIn('moe_gate_entropy_with_loads', 'f32', {
      values: params(3, numExperts),
      inputs: {
        probabilities: Float64Array.from({ length: 3 * numExperts }, (_, at) =>
          at % numExperts < 2 ? 0.5 : 0,
        ),
        topk_ids: [0, 1029, 1029, 300, 5, 1029],
      },
      outputs: ['entropy', 'expert_loads'],
    });
    expect(outputs['entropy']?.[0]).toBe(1);
    const loads = Array.from(outputs['expert_loads'] ?? []);
    expect([loads[0], loads[5], loads[300], loads[1029]]).toEqual([1, 1, 1, 3]);
    expect(loads.reduce((sum, load) => sum + load, 0)).toBe(6);
  });

  it('has a gradient of -log2(p) - 1 / ln(2), and none at zero', async () => {
    const { outputs } = await runDropIn('moe_gate_entropy_gradient', 'f32', {
      values: params(1, 3),
      inputs: { probabilities: [0.25, 0.75, 0] },
      outputs: ['gradient'],
    });
    const [quarter = NaN, most = NaN, none] = outputs['gradient'] ?? [];
    expect(quarter).toBeCloseTo(2 - 1 / Math.LN2, 6);
    expect(most).toBeCloseTo(-Math.log2(0.75) - 1 / Math.LN2, 6);
    expect(none).toBe(0);
  });
});
