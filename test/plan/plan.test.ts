import { describe, expect, it } from 'vitest';
import { layerKernels, tileFor } from '../../generator/plan/layer.js';
import { blockConstants } from '../../generator/plan/constants.js';
import { assertPlan } from '../../generator/plan/limits.js';
import { planKernels } from '../../generator/plan/plan.js';
import { TILES } from '../../generator/plan/tiles.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { checkBlock } from '../../generator/spec/check-block.js';
import type { GenerationSpec } from '../../generator/spec/generation.js';

const EVERYTHING: GenerationSpec = {
  activations: ['f16', 'bf16', 'f32'],
  weights: ['f16', 'bf16', 'f32'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
  block: null,
};

const plans = planKernels(EVERYTHING);

function planOf(family: string): KernelPlan {
  const plan = plans.find((candidate) => candidate.family === family);
  if (plan === undefined) throw new Error(`no ${family}`);
  return plan;
}

describe('planKernels', () => {
  it('gives every kernel its own name, which is an MSL identifier', () => {
    const names = plans.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z][a-z0-9_]*$/);
  });

  it('has everything that changes the text in the name: equal axes and family mean the same kernel', () => {
    const keys = plans.map(({ family, axes }) => JSON.stringify([family, axes]));
    expect(new Set(keys).size).toBe(plans.length);
  });

  it('serves every activation with every weight format', () => {
    for (const family of ['router', 'router_logits', 'gate_up', 'down', 'decode_gate_up', 'decode_down']) {
      const pairs = plans
        .filter((plan) => plan.family === family)
        .map(({ axes }) => `${axes['activation'] ?? ''} ${axes['weight'] ?? ''}`);
      expect(new Set(pairs).size, family).toBe(9);
    }
  });

  it('gives a constant the same index in every kernel', () => {
    const indices = new Map<string, number>();
    for (const { name, index } of plans.flatMap((plan) => plan.constants)) {
      expect(indices.get(name) ?? index, name).toBe(index);
      indices.set(name, index);
    }
    expect(new Set(indices.values()).size).toBe(indices.size);
  });
});

describe('assertPlan', () => {
  const gateUp = planOf('gate_up');
  const tile = TILES.wide;

  it.each<[string, Partial<KernelPlan>, string]>([
    [
      'simdgroups that do not cover the tile',
      { tile: { ...tile, simdgroupsN: 3 } },
      '2 x 3 simdgroups of whole 8 x 8 matrices do not cover 32 x 32',
    ],
    [
      'threads that are not 32 per simdgroup',
      { dispatch: { ...gateUp.dispatch, threadsPerThreadgroup: [96, 1, 1] }, tile },
      'a tile of 128 threads is dispatched with 96',
    ],
    [
      'a loader that does not cover its tile',
      { tile: { ...tile, blockK: 24, blockM: 16 } },
      'loaded rows do not cover tiles',
    ],
    [
      'too much threadgroup memory',
      { threadgroupBytes: 40_960 },
      '40960 bytes of threadgroup memory, at most 32768',
    ],
    [
      'too many threads',
      { dispatch: { ...gateUp.dispatch, threadsPerThreadgroup: [2048, 1, 1] } },
      '2048 threads per threadgroup, at most 1024',
    ],
    [
      'results that do not fit where the tiles were',
      { tile: { ...tile, blockN: 64 }, threadgroupBytes: 32_768 },
      'a result row of 64 columns does not fit a tile row of 32 terms',
    ],
    [
      'result rows of their own that are too short',
      { tile: { ...tile, blockN: 64 }, resultStride: 36, threadgroupBytes: 32_768 },
      'a result row of 64 columns does not fit a row of 36',
    ],
    [
      'result rows of their own that take more than the tiles',
      { tile: { ...tile, blockM: 64 }, resultStride: 68, threadgroupBytes: 32_768 },
      '64 result rows of 68 do not fit where the tiles were',
    ],
    [
      'a loader of transposed matrices that does not cover its tile',
      { tile: { blockM: 24, blockN: 72, blockK: 32, simdgroupsM: 1, simdgroupsN: 3 } },
      'loaded terms of a transposed matrix do not cover tiles of 32',
    ],
    [
      'two buffers with one index',
      { bindings: gateUp.bindings.map((binding) => ({ ...binding, index: 0 })) },
      'has index 0, where 1 is the first free one',
    ],
    [
      'an index beyond the last one',
      { bindings: gateUp.bindings.map((binding) => ({ ...binding, index: binding.index + 28 })) },
      'buffers, at most 31 exist',
    ],
  ])('refuses %s', (_, change, reason) => {
    const plan = {
      ...gateUp,
      tile,
      dispatch: { ...gateUp.dispatch, threadsPerThreadgroup: [128, 1, 1] as const },
    };
    expect(() => {
      assertPlan({ ...plan, ...change });
    }).toThrow(reason);
  });
});

describe('drop-in matrix kernels', () => {
  it('state their tiles, which are checked with the rest', () => {
    const families = ['seed_mixture', 'seed_dispatch', 'seed_gate_up'];
    const tiled = plans.filter(({ family }) => families.includes(family));
    expect(tiled.length).toBeGreaterThan(40);
    for (const { name, tile, resultStride } of tiled) {
      expect(tile, name).toMatchObject({ blockN: 64, blockK: 32 });
      expect(resultStride, name).toBe(68);
    }
  });
});

describe('layerKernels', () => {
  const block = checkBlock(
    {
      hiddenSize: 64,
      intermediateSize: 32,
      numExperts: 128,
      topK: 8,
      router: { scoring: { kind: 'softmax' } },
      tensors: {},
    },
    'a test',
  );
  const own = planKernels({ ...EVERYTHING, activations: ['bf16'], weights: ['bf16'], block });
  const choice = { activation: 'bf16', weight: 'bf16', intermediate: 'bf16', tile: 'low' } as const;

  it('decodes in three dispatches', () => {
    const names = layerKernels(own, block, { ...choice, path: 'decode' }).map(({ name }) => name);
    expect(names).toEqual([
      'moe_router_softmax_bf16_bf16',
      'moe_decode_gate_up_swiglu_bf16_bf16',
      'moe_decode_down_bf16_bf16',
    ]);
  });

  it('passes buffers from kernel to kernel by name: what is read was given or written before', () => {
    for (const path of ['batched', 'decode'] as const) {
      const known = new Set([
        'hidden_states',
        'router_weight',
        'gate_up_weight',
        'down_weight',
        'num_tokens',
      ]);
      for (const plan of layerKernels(own, block, { ...choice, path })) {
        for (const { name, access } of plan.bindings) {
          if (access !== 'write') expect(known, `${plan.name} reads ${name}`).toContain(name);
          known.add(name);
        }
      }
      expect(known).toContain('output');
    }
  });

  it('bakes the sizes of a block into its kernels', () => {
    const values: Readonly<Record<string, unknown>> = blockConstants(block);
    for (const { name, value } of own.flatMap((plan) => plan.constants)) {
      if (name !== 'block_m' && name !== 'block_n') expect(value, name).toBe(values[name]);
    }
  });

  it('takes low tiles for few rows per expert', () => {
    expect(tileFor(24, block)).toBe('low');
    expect(tileFor(2048, block)).toBe('wide');
  });
});
