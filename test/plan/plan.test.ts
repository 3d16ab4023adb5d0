import { describe, expect, it } from 'vitest';
import { LAYER_PATHS, layerKernels, type LayerPath } from '../../generator/plan/layer.js';
import { blockConstants } from '../../generator/plan/constants.js';
import { assertPlan } from '../../generator/plan/limits.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { checkBlock } from '../../generator/description/check-block.js';
import type { GenerationSpec } from '../../generator/description/generation.js';

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
    const paths = ['gate_up', 'down'].flatMap((matrix) => [matrix, `skinny_${matrix}`, `decode_${matrix}`]);
    for (const family of ['router_logits', 'batched_router_logits', ...paths]) {
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

/** A plan with the tile that stands in it. */
function tiledPlan(family: string) {
  const plan = planOf(family);
  if (plan.tile === undefined) throw new Error(`${plan.name} has no tile`);
  return { ...plan, tile: plan.tile };
}

describe('assertPlan', () => {
  const gateUp = tiledPlan('gate_up');
  const { tile } = gateUp;
  const dropIn = tiledPlan('dropin_gate_up');

  it.each<[string, KernelPlan, Partial<KernelPlan>, string]>([
    [
      'simdgroups that do not cover the tile',
      gateUp,
      { tile: { ...tile, simdgroupsN: 3 } },
      '1 x 3 simdgroups of whole 8 x 8 matrices do not cover 16 x 64',
    ],
    [
      'threads that are not 32 per simdgroup',
      gateUp,
      { dispatch: { ...gateUp.dispatch, threadsPerThreadgroup: [96, 1, 1] } },
      'a tile of 128 threads is dispatched with 96',
    ],
    [
      'passes that end within a tile of the input',
      gateUp,
      { tile: { ...tile, blockM: 24 } },
      'passes of 128 threads with four terms each do not cover 24 rows of 32',
    ],
    [
      'threads that take other terms in every pass',
      gateUp,
      { tile: { ...tile, blockM: 64, blockK: 24 } },
      'passes of 128 threads with four terms each do not cover 64 rows of 24',
    ],
    [
      'too much threadgroup memory',
      gateUp,
      { threadgroupBytes: 40_960 },
      '40960 bytes of threadgroup memory, at most 32768',
    ],
    [
      'too many threads',
      gateUp,
      { dispatch: { ...gateUp.dispatch, threadsPerThreadgroup: [2048, 1, 1] } },
      '2048 threads per threadgroup, at most 1024',
    ],
    [
      'a drop-in loader that does not cover its tile',
      dropIn,
      { tile: { ...dropIn.tile, blockK: 24, blockM: 16 } },
      'loaded rows do not cover tiles',
    ],
    [
      'result rows that are too short',
      dropIn,
      { resultStride: 36 },
      'a result row of 64 columns does not fit a row of 36',
    ],
    [
      'result rows that take more than the tiles',
      dropIn,
      { tile: { ...dropIn.tile, blockM: 128 }, threadgroupBytes: 32_768 },
      '128 result rows of 68 do not fit where the tiles were',
    ],
    [
      'a drop-in tile that is larger than the memory',
      dropIn,
      { threadgroupBytes: 4096 },
      'the tile is larger than the threadgroup memory declared',
    ],
    [
      'a loader of transposed matrices that does not cover its tile',
      dropIn,
      { tile: { blockM: 24, blockN: 72, blockK: 32, simdgroupsM: 1, simdgroupsN: 3 } },
      'loaded terms of a transposed matrix do not cover tiles of 32',
    ],
    [
      'two buffers with one index',
      gateUp,
      { bindings: gateUp.bindings.map((binding) => ({ ...binding, index: 0 })) },
      'has index 0, where 1 is the first free one',
    ],
    [
      'an index beyond the last one',
      gateUp,
      { bindings: gateUp.bindings.map((binding) => ({ ...binding, index: binding.index + 28 })) },
      'buffers, at most 31 exist',
    ],
  ])('refuses %s', (_, plan, change, reason) => {
    expect(() => {
      assertPlan({ ...plan, ...change });
    }).toThrow(reason);
  });

  it('takes every plan as it is, and with every format', () => {
    const formats = ['affine4_g64_bf16', 'affine8_g32_f32', 'affine4_g128_f16', 'mxfp4', 'q8_0', 'q4_K'];
    for (const bf16Storage of ['ushort', 'bfloat'] as const) {
      const mslVersion = bf16Storage === 'bfloat' ? '3.1' : '3.0';
      const own = planKernels({ ...EVERYTHING, weights: formats, bf16Storage, mslVersion });
      expect(own.filter(({ axes }) => formats.includes(axes['weight'] ?? '')).length).toBeGreaterThan(300);
    }
  });
});

describe('packed weights', () => {
  const sized = (sizes: object) => {
    const whole = { hiddenSize: 256, intermediateSize: 512, numExperts: 8, topK: 2 };
    return checkBlock({ ...whole, ...sizes, router: { scoring: { kind: 'softmax' } } }, 'a test');
  };
  const planned = (weights: string, sizes: object) =>
    planKernels({ ...EVERYTHING, activations: ['bf16'], weights: [weights], block: sized(sizes) });

  it('need rows of whole groups, and say so', () => {
    expect(() => planned('q4_K', { hiddenSize: 288 })).toThrow(
      /gate_up\w*_q4_K\w* cannot be built: expected hidden_size to be whole groups of 256 terms, got 288/,
    );
    expect(() => planned('affine4_g64_bf16', { intermediateSize: 96 })).toThrow(
      /down\w*_affine4_g64_bf16\w* cannot be built: expected intermediate_size to be whole groups of 64 terms/,
    );
    expect(() => planned('mxfp4', { shared: { intermediateSize: 33 } })).toThrow(
      'expected shared_intermediate_size to be whole groups of 32 terms, got 33',
    );
  });

  it('take any that are whole, and dense ones any', () => {
    expect(planned('mxfp4', { hiddenSize: 288, intermediateSize: 96 }).length).toBeGreaterThan(10);
    expect(planned('bf16', { hiddenSize: 33, intermediateSize: 21 }).length).toBeGreaterThan(10);
  });
});

describe('drop-in matrix kernels', () => {
  it('state their tiles, which are checked with the rest', () => {
    const families = ['dropin_mixture', 'dropin_dispatch', 'dropin_gate_up'];
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

  const namesOf = (path: LayerPath) => layerKernels(own, block, { ...choice, path }).map(({ name }) => name);

  it('decodes in five dispatches', () => {
    expect(namesOf('decode')).toEqual([
      'moe_router_logits_bf16_bf16',
      'moe_router_select_softmax',
      'moe_decode_gate_up_swiglu_bf16_bf16',
      'moe_decode_down_bf16_bf16',
      'moe_decode_combine_bf16',
    ]);
  });

  it('takes six for a few rows of each expert, and eight for tiles of many', () => {
    expect(namesOf('skinny')).toEqual([
      'moe_router_logits_bf16_bf16',
      'moe_router_select_softmax',
      'moe_index_build',
      'moe_skinny_gate_up_swiglu_bf16_bf16',
      'moe_skinny_down_bf16_bf16',
      'moe_combine_bf16',
    ]);
    expect(namesOf('batched')).toEqual([
      'moe_batched_router_logits_bf16_bf16',
      'moe_router_select_softmax',
      'moe_index_count',
      'moe_index_scan',
      'moe_index_scatter',
      'moe_gate_up_swiglu_bf16_bf16_bm16_bn64_bk32_wm1_wn4',
      'moe_down_bf16_bf16_bm16_bn128_bk32_wm1_wn4',
      'moe_combine_bf16',
    ]);
  });

  it('passes buffers from kernel to kernel by name: what is read was given or written before', () => {
    for (const path of LAYER_PATHS) {
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
      if (!/^(down_)?block_[mn]$/.test(name)) expect(value, name).toBe(values[name]);
    }
  });
});
