// What a host reads beside the kernels: sizes for any routing, the rules of the paths, barriers, memory, constants.

import { describe, expect, it } from 'vitest';
import { buildManifest, serialiseManifest } from '../../generator/manifest/build.js';
import { manifestJsonSchema, parseManifest } from '../../generator/manifest/schema.js';
import { evaluateFormula, parseFormula } from '../../generator/plan/formula.js';
import { LAYER_PATHS, pathFor, tileFor } from '../../generator/plan/layer.js';
import { planModel, type ModelPlan } from '../../generator/plan/model.js';
import { DENSE_RULES, tokenRanges } from '../../generator/plan/selection.js';
import { MAX_TILES } from '../../generator/plan/sizes.js';
import { blockLayers } from '../../generator/description/models/index.js';
import { EXPERT_BLOCKS } from '../plan/experts-blocks.js';

const SPEC = { activations: ['bf16'], weights: ['bf16'], bf16Storage: 'ushort', mslVersion: '3.0' } as const;

const QWEN3_MOE = {
  model_type: 'qwen3_moe',
  hidden_size: 256,
  moe_intermediate_size: 128,
  num_experts: 32,
  num_experts_per_tok: 4,
  norm_topk_prob: true,
  num_hidden_layers: 2,
  hidden_act: 'silu',
};

const plan: ModelPlan = planModel('qwen3_moe', blockLayers(QWEN3_MOE, 'config.json'), SPEC);
const [group] = plan.description.groups;
const runs = group?.runs ?? [];

function blockPlan(name: string): ModelPlan {
  const block = EXPERT_BLOCKS[name];
  if (block === undefined) throw new Error(`no block ${name}`);
  return planModel(name, { numLayers: 1, blocks: [{ block, layers: [0] }], denseLayers: [] }, SPEC);
}

describe('max_tiles', () => {
  /** The largest number of tiles over all ways to spread assignments over experts. */
  function worst(experts: number, assignments: number, blockM: number): number {
    if (experts === 0) return assignments === 0 ? 0 : -Infinity;
    let most = -Infinity;
    for (let own = 0; own <= assignments; ++own) {
      most = Math.max(most, Math.ceil(own / blockM) + worst(experts - 1, assignments - own, blockM));
    }
    return most;
  }

  it('holds any routing', () => {
    for (const [experts, topK, tokens, blockM] of [
      [3, 1, 7, 4],
      [4, 2, 6, 4],
      [2, 2, 9, 8],
      [5, 1, 3, 8],
    ] as const) {
      const values = { num_experts: experts, top_k: topK, num_tokens: tokens, block_m: blockM };
      const tiles = evaluateFormula(MAX_TILES, values);
      expect(tiles).toBeGreaterThanOrEqual(worst(experts, tokens * topK, blockM));
    }
  });

  it('is that of skewed routing, where balanced routing has fewer tiles', () => {
    const values = { num_experts: 128, top_k: 8, num_tokens: 512, block_m: 64 };
    // 127 experts with one row each and one with 3,969 of 4,096: 127 + 63.
    expect(evaluateFormula(MAX_TILES, values)).toBeGreaterThanOrEqual(190);
  });
});

describe('the rules of the paths', () => {
  it('are those by which layers run, for every number of tokens', () => {
    const block = { topK: 4, numExperts: 32 };
    for (let numTokens = 1; numTokens < 300; ++numTokens) {
      const values = { num_tokens: numTokens, top_k: 4, num_experts: 32 };
      const rule = DENSE_RULES.find(
        ({ when }) =>
          when === null || evaluateFormula(when.value, values) <= evaluateFormula(when.limit, values),
      );
      expect([numTokens, rule?.path]).toEqual([numTokens, pathFor(numTokens, block, LAYER_PATHS)]);
      if (rule?.path === 'batched') expect(rule.tile).toBe(tileFor(numTokens, block));
    }
  });

  it('give each number of tokens to one run of a model', () => {
    const ranges = runs
      .filter(({ intermediate }) => intermediate === 'bf16')
      .map(({ path, tile, tokens }) => [path, tile, tokens]);
    expect(ranges).toEqual([
      ['decode', 'none', { from: 1, to: 4 }],
      ['skinny', 'none', { from: 5, to: 64 }],
      ['batched', 'low', { from: 65, to: 255 }],
      ['batched', 'wide', { from: 256, to: null }],
    ]);
  });

  it('leave out a path that is never the one to take', () => {
    expect(tokenRanges({ topK: 8, numExperts: 2 }, LAYER_PATHS).map(({ tokens }) => tokens)).toEqual([
      { from: 1, to: 4 },
      null,
      { from: 5, to: 7 },
      { from: 8, to: null },
    ]);
  });
});

describe('a run', () => {
  it('has values of all constants of its kernels', () => {
    const named = new Map(plan.plans.map((kernel) => [kernel.name, kernel]));
    for (const { constants, kernels } of runs) {
      for (const name of kernels) {
        for (const constant of named.get(name)?.constants ?? [])
          expect([name, constant.name, typeof constants[constant.name]]).toEqual([
            name,
            constant.name,
            constant.type === 'bool' ? 'boolean' : 'number',
          ]);
      }
    }
    const tiled = runs.find(({ tile }) => tile === 'wide');
    expect(tiled?.constants).toMatchObject({ block_m: 64, block_n: 64, down_block_n: 128 });
  });

  it.each(['latent', ...Object.keys(EXPERT_BLOCKS).slice(0, 3)])(
    'of the block %s has a barrier between a kernel and what reads its results',
    (name) => {
      const { plans, description } = blockPlan(name);
      for (const { kernels, phases, buffers } of description.groups[0]?.runs ?? []) {
        const own = kernels.map((kernel) => plans.find((candidate) => candidate.name === kernel));
        const touches = own.map(
          (kernel) =>
            new Map([
              ...(kernel?.bindings ?? []).map(({ name: buffer, access }) => [buffer, access] as const),
              ...(kernel?.dispatch.indirect === undefined
                ? []
                : [[kernel.dispatch.indirect, 'read'] as const]),
            ]),
        );
        touches.forEach((later, at) => {
          touches.slice(0, at).forEach((earlier, before) => {
            const clash = [...later].some(([buffer, access]) => {
              const other = earlier.get(buffer);
              return other !== undefined && other !== 'argument' && !(access === 'read' && other === 'read');
            });
            if (clash) expect(phases[before]).toBeLessThan(phases[at] ?? 0);
          });
        });
        expect(buffers.filter(({ use }) => use === 'output').map((buffer) => buffer.name)).toEqual([
          'output',
        ]);
        const scratch = buffers.filter(({ use }) => use === 'scratch');
        for (const a of scratch) {
          for (const b of scratch.filter((other) => other !== a && other.slot === a.slot)) {
            const [first, second] = a.first < b.first ? [a, b] : [b, a];
            expect(phases[first.last]).toBeLessThan(phases[second.first] ?? 0);
          }
        }
      }
    },
  );

  it('shares memory between logits and what comes after them', () => {
    const batched = runs.find(({ tile }) => tile === 'wide');
    const slotOf = (name: string) => batched?.buffers.find((buffer) => buffer.name === name)?.slot;
    const sharing = batched?.buffers.filter(({ slot }) => slot === slotOf('logits')) ?? [];
    expect(sharing.length).toBeGreaterThan(1);
    expect(slotOf('hidden_states')).toBeUndefined();
    expect(slotOf('output')).toBeUndefined();
  });

  it('allocates the map of tiles for any routing', () => {
    const batched = runs.find(({ tile }) => tile === 'wide');
    const { bytes = '' } = batched?.buffers.find(({ name }) => name === 'tile_map') ?? {};
    const values = { num_experts: 32, top_k: 4, num_tokens: 512, block_m: 64 };
    const max_tiles = evaluateFormula(MAX_TILES, values);
    expect(evaluateFormula(bytes, { ...values, max_tiles })).toBe(12 * (32 + 32));
  });
});

describe('the manifest of a model', () => {
  const manifest = buildManifest('1.0.0', [], { model: plan.description });

  it('is read back as it was built', () => {
    expect(parseManifest(serialiseManifest(manifest), 'm')).toEqual(manifest);
  });

  it('has every formula as a tree', () => {
    expect(manifest.formulas['12 * max_tiles'] ?? manifest.formulas['4 * max_tiles * 3']).toEqual(
      parseFormula('4 * max_tiles * 3'),
    );
    for (const { buffers } of manifest.model?.groups[0]?.runs ?? []) {
      for (const { bytes } of buffers) expect(manifest.formulas[bytes]).toEqual(parseFormula(bytes));
    }
    expect(manifest.formulas[MAX_TILES]).toEqual(parseFormula(MAX_TILES));
  });

  it('has a schema, which the package holds', async () => {
    const text = `${JSON.stringify(manifestJsonSchema(), undefined, 2)}\n`;
    await expect(text).toMatchFileSnapshot('../../schemas/manifest.schema.json');
  });
});
