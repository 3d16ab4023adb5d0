// Which way a layer takes for a number of tokens, and what the index build is told of the kernels on that way.

import { describe, expect, it } from 'vitest';
import {
  LAYER_PATHS,
  layerKernels,
  layerPaths,
  pathFor,
  rulesOf,
  runSizes,
  tileFor,
  type LayerChoice,
} from '../../generator/plan/layer.js';
import { DENSE_RULES, PACKED_RULES } from '../../generator/plan/selection.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { BlockTraitsInput, MoeBlock } from '../../generator/description/block.js';
import { checkBlock } from '../../generator/description/check-block.js';
import { EXPERT_BLOCKS } from './experts-blocks.js';

const SPEC = {
  activations: ['bf16'],
  weights: ['bf16', 'q4_K'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
} as const;

function blockWith(traits: Partial<BlockTraitsInput>): MoeBlock {
  const sizes = { hiddenSize: 256, intermediateSize: 512, numExperts: 128, topK: 8 };
  return checkBlock({ ...sizes, router: { scoring: { kind: 'softmax' } }, ...traits }, 'a test');
}

const BLOCK = blockWith({});
const CHOICE = {
  path: 'batched',
  activation: 'bf16',
  weight: 'bf16',
  intermediate: 'bf16',
  tile: 'low',
} as const satisfies LayerChoice;

function kernelsOf(block: MoeBlock, change: Partial<LayerChoice>) {
  return layerKernels(planKernels({ ...SPEC, block }), block, { ...CHOICE, ...change });
}

describe('pathFor', () => {
  it.each([
    [1, 'decode'],
    [4, 'decode'],
    [5, 'skinny'],
    // 8 rows for each of 128 experts with 8 of them for a token.
    [128, 'skinny'],
    [129, 'batched'],
    [4096, 'batched'],
  ])('takes %i tokens of 8 in 128 experts on the way %s', (numTokens, path) => {
    expect(pathFor(numTokens, BLOCK, LAYER_PATHS)).toBe(path);
  });

  it('multiplies assignments of packed weights by themselves until there is one for each expert', () => {
    const paths = [1, 16, 17, 128, 129].map((tokens) => pathFor(tokens, BLOCK, LAYER_PATHS, PACKED_RULES));
    expect(paths).toEqual(['decode', 'decode', 'skinny', 'skinny', 'batched']);
    for (const [weight, rules] of [
      ['mxfp4', PACKED_RULES],
      ['bf16', DENSE_RULES],
    ] as const) {
      const plans = planKernels({ ...SPEC, weights: [weight], block: BLOCK });
      expect(rulesOf(plans)).toBe(rules);
    }
    // A set with both takes the rules of dense weights.
    expect(rulesOf(planKernels({ ...SPEC, block: BLOCK }))).toBe(DENSE_RULES);
  });

  it('goes by rows per expert: few experts have many of them soon', () => {
    const mixtral = { numExperts: 8, topK: 2 };
    expect([4, 32, 33].map((tokens) => pathFor(tokens, mixtral, LAYER_PATHS))).toEqual([
      'decode',
      'skinny',
      'batched',
    ]);
  });

  it('has tiles in place of the skinny way where a block has none', () => {
    expect([4, 5, 128].map((tokens) => pathFor(tokens, BLOCK, ['decode', 'batched']))).toEqual([
      'decode',
      'batched',
      'batched',
    ]);
  });
});

describe('tileFor', () => {
  it('takes low tiles below half a wide one per expert', () => {
    expect([1, 511, 512, 2048].map((tokens) => tileFor(tokens, BLOCK))).toEqual([
      'low',
      'low',
      'wide',
      'wide',
    ]);
  });
});

describe('layerPaths', () => {
  it.each([
    ['out_in', 'out_in', ['decode', 'skinny', 'batched']],
    ['in_out', 'out_in', ['decode', 'batched']],
    ['out_in', 'in_out', ['decode', 'batched']],
    ['in_out', 'in_out', ['decode', 'batched']],
  ] as const)('of matrices %s and %s', (gateUpOrder, downOrder, paths) => {
    expect(layerPaths({ gateUpOrder, downOrder })).toEqual(paths);
  });
});

describe('layerKernels', () => {
  it('builds the index in one step up to 256 experts', () => {
    const steps = (numExperts: number, path: LayerChoice['path']) =>
      kernelsOf(blockWith({ numExperts }), { path })
        .map(({ family }) => family)
        .filter((family) => family.startsWith('index'));
    const three = ['index_count', 'index_scan', 'index_scatter'];
    expect(steps(256, 'skinny')).toEqual(['index_build']);
    expect(steps(257, 'skinny')).toEqual(three);
    expect(steps(8, 'batched')).toEqual(three);
    expect(steps(8, 'decode')).toEqual([]);
  });

  it('takes the kernels for a few tokens for shared experts and latent spaces on the first two ways', () => {
    const block = EXPERT_BLOCKS['latent'];
    if (block === undefined) throw new Error('no block with a latent space');
    const plans = planKernels({ ...SPEC, weights: ['bf16'], block });
    const families = (path: LayerChoice['path']) =>
      layerKernels(plans, block, { ...CHOICE, path }).map(({ family }) => family);
    const few = ['decode_latent_in', 'decode_shared_gate_up', 'decode_shared_down', 'decode_latent_out'];
    for (const path of ['decode', 'skinny'] as const) {
      expect(families(path)).toEqual(expect.arrayContaining(few));
    }
    expect(families('batched')).toEqual(
      expect.arrayContaining(few.map((family) => family.replace('decode_', ''))),
    );
  });

  it('has the format of the layer in the experts alone: routers and their like stay dense', () => {
    const block = blockWith({ shared: { intermediateSize: 256, sigmoidGate: true } });
    const weights = kernelsOf(block, { weight: 'q4_K' }).flatMap(({ family, axes }) =>
      axes['weight'] === undefined ? [] : [[family, axes['weight']]],
    );
    expect(weights).toEqual([
      ['batched_router_logits', 'bf16'],
      ['gate_up', 'q4_K'],
      ['down', 'q4_K'],
      ['shared_gate_up', 'q4_K'],
      ['shared_down', 'q4_K'],
      ['shared_sigmoid', 'bf16'],
    ]);
  });

  it('takes a projection that has a format of its own from it', () => {
    const mix = { down: 'bf16', router: 'f32' } as const;
    const plans = planKernels({ ...SPEC, weights: ['q4_K'], mix, block: BLOCK });
    const weights = layerKernels(plans, BLOCK, { ...CHOICE, weight: 'q4_K', path: 'decode', mix }).flatMap(
      ({ axes }) => axes['weight'] ?? [],
    );
    expect(weights).toEqual(['f32', 'q4_K', 'bf16']);
  });

  it('says what it looked for where there is no such kernel', () => {
    expect(() => kernelsOf(BLOCK, { weight: 'f32' })).toThrow(
      /no batched_router_logits kernel has .*"weight":"f32"/,
    );
  });
});

describe('runSizes', () => {
  it.each([
    ['decode', 'low', { block_m: 1, block_n: 1, down_block_n: 1 }],
    ['batched', 'low', { block_m: 16, block_n: 64, down_block_n: 128 }],
    ['batched', 'wide', { block_m: 64, block_n: 64, down_block_n: 128 }],
  ] as const)('of the way %s with %s tiles', (path, tile, sizes) => {
    expect(runSizes(kernelsOf(BLOCK, { path, tile }))).toEqual(sizes);
  });

  it('are those that the skinny kernels have', () => {
    const kernels = kernelsOf(BLOCK, { path: 'skinny' });
    const [gateUp, down] = kernels.filter(({ family }) => family.startsWith('skinny'));
    expect(runSizes(kernels)).toEqual({
      block_m: 8,
      block_n: gateUp?.rows?.columns,
      down_block_n: down?.rows?.columns,
    });
    expect(gateUp?.dispatch.threadgroups[0]).toBe(
      `ceil_div(intermediate_size, ${gateUp?.rows?.columns ?? 0})`,
    );
  });

  it('refuse kernels that cannot share a map of tiles', () => {
    const kernels = kernelsOf(BLOCK, { tile: 'low' }).filter(({ family }) => family !== 'down');
    const [down] = kernelsOf(BLOCK, { tile: 'wide' }).filter(({ family }) => family === 'down');
    expect(() => runSizes(down === undefined ? kernels : [...kernels, down])).toThrow('share one map');
  });
});
