// The set of a model whose layers have different blocks: kernels that all of them can run with.

import { describe, expect, it } from 'vitest';
import { planModel, type ModelPlan } from '../../generator/plan/model.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { BlockTraitsInput } from '../../generator/description/block.js';
import { checkBlock } from '../../generator/description/check-block.js';
import { blockLayers } from '../../generator/description/models/index.js';

const SPEC = {
  activations: ['f32'],
  weights: ['f32'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
} as const;

const HUNYUAN = {
  model_type: 'hunyuan_v1_moe',
  hidden_size: 64,
  intermediate_size: 40,
  num_experts: [4, 9, 4],
  moe_topk: [1, 2, 1],
  num_hidden_layers: 3,
  hidden_act: 'silu',
};

function kernelNamed({ plans }: ModelPlan, name: string): KernelPlan {
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan === undefined) throw new Error(`no ${name}`);
  return plan;
}

describe('a model with different blocks', () => {
  const plan = planModel('hunyuan_v1_moe', blockLayers(HUNYUAN, 'config.json'), SPEC);
  const select = kernelNamed(plan, 'moe_router_select_softmax');

  it('says which layers have which block', () => {
    expect(plan.description.groups.map(({ layers }) => layers)).toEqual([[0, 2], [1]]);
    expect(plan.description.groups.map(({ constants }) => constants['num_experts'])).toEqual([4, 9]);
  });

  it('bakes in what the blocks agree on, and leaves the rest to the host', () => {
    const values = Object.fromEntries(select.constants.map(({ name, value }) => [name, value]));
    expect(values).toMatchObject({ num_experts: undefined, top_k: undefined });
    const combine = kernelNamed(plan, 'moe_combine_f32');
    expect(combine.constants.find(({ name }) => name === 'hidden_size')?.value).toBe(64);
  });

  it('holds the experts of the largest block', () => {
    expect(select.threadgroupBytes).toBe(4 * 9 * 4);
    expect(select.terms['select']).toMatchObject({ maxExperts: 9 });
  });

  it('refuses blocks that need one kernel in two texts, by name', () => {
    const block = (change: Partial<BlockTraitsInput>) => {
      const router = { scoring: { kind: 'softmax' } } as const;
      const traits = { hiddenSize: 64, intermediateSize: 40, numExperts: 4, topK: 2, router };
      return checkBlock({ ...traits, ...change }, 'test');
    };
    const blocks = [{}, { shared: { intermediateSize: 8 } }].map((change, layer) => ({
      block: block(change),
      layers: [layer],
    }));
    expect(() => planModel('two', { numLayers: 2, blocks, denseLayers: [] }, SPEC)).toThrow(
      /expected the blocks of a model to share moe_combine_f32/,
    );
  });
});
