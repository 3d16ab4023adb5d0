// Shapes from the test tables of MLX and ggml, each under its name there, against float64 on the decoded weights: tails of 544 and 555 columns,
// few and many tokens, experts of which some get nothing. MLX compares with its own products at 1e-3 in half and bfloat, ggml at a normalised mean
// square error of 5e-4, which is a relative error of 2.2e-2; the limits here are those of all blocks, and half and bfloat are run too.

import { describe, expect, it } from 'vitest';
import { checkBlock } from '../../generator/description/check-block.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import type { LayerPath } from '../../generator/plan/layer.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { compareValues } from '../../generator/validate/compare.js';
import { decodeElements, encodeElements } from '../../generator/validate/elements.js';
import { buildJob } from '../../generator/validate/job.js';
import type { KernelCase } from '../../generator/validate/kernels/cases.js';
import { stridedIds } from '../../generator/validate/kernels/compact-ids-trials.js';
import { trialsOf } from '../../generator/validate/kernels/run.js';
import { createRandom } from '../../generator/validate/random.js';
import { validateModel } from '../../generator/validate/validate.js';
import { allPlans, openBlockTexts, hostDevice, kernelTexts } from '../support/host-kernels.js';

interface Shape {
  readonly tokens: number;
  readonly terms: number;
  readonly columns: number;
  readonly experts: number;
  readonly topK: number;
  readonly format: string;
  readonly dtype: ActivationDtype;
  readonly paths: readonly LayerPath[];
}

const MLX = { experts: 4, topK: 2 } as const;

/** Gate and up have the table's sizes and format; down is dense, for its terms are the columns that leave a tail. */
const SHAPES: Readonly<Record<string, Shape>> = {
  'MLX test_gather_qmm_sorted (39, 512, 512, affine)': {
    ...{ ...MLX, tokens: 39, terms: 512, columns: 512, format: 'affine4_g64_f16', dtype: 'f16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm_sorted (32, 512, 544, mxfp4)': {
    ...{ ...MLX, tokens: 32, terms: 512, columns: 544, format: 'mxfp4', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm_sorted (133, 512, 555, affine)': {
    ...{ ...MLX, tokens: 133, terms: 512, columns: 555, format: 'affine4_g64_bf16', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm (1, 32, 256), in float': {
    ...{ ...MLX, tokens: 1, terms: 256, columns: 32, format: 'affine4_g64_f32', dtype: 'f32' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'MLX test_gather_qmm (32, 32, 512)': {
    ...{ ...MLX, tokens: 32, terms: 512, columns: 32, format: 'affine4_g64_bf16', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm (1, 32, 512, nvfp4)': {
    ...{ ...MLX, tokens: 1, terms: 512, columns: 32, format: 'nvfp4', dtype: 'bf16' },
    paths: ['decode'],
  },
  'MLX test_gather_qmm_sorted (128, 512, 512, affine)': {
    ...{ ...MLX, tokens: 128, terms: 512, columns: 512, format: 'affine4_g64_bf16', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm_sorted (32, 512, 544, nvfp4)': {
    ...{ ...MLX, tokens: 32, terms: 512, columns: 544, format: 'nvfp4', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX test_gather_qmm_sorted (32, 512, 544, mxfp8)': {
    ...{ ...MLX, tokens: 32, terms: 512, columns: 544, format: 'mxfp8', dtype: 'bf16' },
    paths: ['batched'],
  },
  // Its weights are the first or the second half of the rows of a tensor: gate and up are just that.
  'MLX test_gather_qmm_sorted_sliced_weight (8 experts, 2 x 64 rows of 256)': {
    ...{ experts: 8, topK: 1, tokens: 64, terms: 256, columns: 64, format: 'affine4_g64_f16', dtype: 'f16' },
    paths: ['batched'],
  },
  'MLX test_gather_mm_sorted (100, 100, 100, 8 experts), in half': {
    ...{ experts: 8, topK: 1, tokens: 100, terms: 100, columns: 100, format: 'f16', dtype: 'f16' },
    paths: ['batched'],
  },
  'MLX test_gather_mm_sorted (100, 100, 100, 8 experts), in bfloat': {
    ...{ experts: 8, topK: 1, tokens: 100, terms: 100, columns: 100, format: 'bf16', dtype: 'bf16' },
    paths: ['batched'],
  },
  'MLX 3550 and 4250, columns that are no multiple of 64': {
    ...{ ...MLX, tokens: 9, terms: 512, columns: 72, format: 'mxfp4', dtype: 'bf16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'MLX 3804 and 3096, fewer than 8 columns': {
    ...{ ...MLX, tokens: 5, terms: 256, columns: 5, format: 'mxfp4', dtype: 'bf16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'MLX 4202, groups of 32 in rows of outputs': {
    ...{ ...MLX, tokens: 33, terms: 288, columns: 96, format: 'affine8_g32_f32', dtype: 'bf16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'omlx 2267, a tail of 32 terms behind whole steps of 64': {
    ...{ ...MLX, tokens: 33, terms: 544, columns: 64, format: 'mxfp4', dtype: 'bf16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'ggml MUL_MAT_ID (mxfp4, n_mats 4, n_used 2, m 512, n 129, k 256)': {
    ...{ experts: 4, topK: 2, tokens: 129, terms: 256, columns: 512, format: 'mxfp4', dtype: 'bf16' },
    paths: ['batched'],
  },
  'ggml MUL_MAT_ID (bf16, n_mats 16, n_used 16, m 50, n 200, k 64)': {
    ...{ experts: 16, topK: 16, tokens: 200, terms: 64, columns: 50, format: 'bf16', dtype: 'bf16' },
    paths: ['batched'],
  },
  'ggml MUL_MAT_ID (f16, n_mats 16, n_used 16, m 32, n 1024, k 16)': {
    ...{ experts: 16, topK: 16, tokens: 1024, terms: 16, columns: 32, format: 'f16', dtype: 'f16' },
    paths: ['batched'],
  },
  'ggml MUL_MAT_ID (q4_K, n_mats 8, n_used 4, m 512, n 17, k 256)': {
    ...{ experts: 8, topK: 4, tokens: 17, terms: 256, columns: 512, format: 'q4_K', dtype: 'f16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'ggml MUL_MAT_ID (q8_0, n_mats 4, n_used 1, m 512, n 5, k 256)': {
    ...{ experts: 4, topK: 1, tokens: 5, terms: 256, columns: 512, format: 'q8_0', dtype: 'bf16' },
    paths: ['decode', 'skinny', 'batched'],
  },
  'ggml MUL_MAT_ID (f16, n_mats 1, n_used 1, m 8, n 16, k 1)': {
    ...{ experts: 1, topK: 1, tokens: 16, terms: 1, columns: 8, format: 'f16', dtype: 'f16' },
    paths: ['decode', 'skinny', 'batched'],
  },
};

const device = hostDevice();

describe('tables of peers', () => {
  it.each(Object.entries(SHAPES))('%s', async (name, { tokens, terms, columns, dtype, ...shape }) => {
    const block = checkBlock(
      {
        ...{ hiddenSize: terms, intermediateSize: columns, numExperts: shape.experts, topK: shape.topK },
        router: { scoring: { kind: 'softmax' }, normalize: { kind: 'sum', epsilon: 0 } },
      },
      name,
    );
    const formats = { router: dtype, gate_up: shape.format, down: dtype };
    const layers = { numLayers: 1, blocks: [{ block, layers: [0], formats }], denseLayers: [] };
    const verdicts = await validateModel(
      device,
      openBlockTexts,
      { name, layers, numTokens: tokens },
      { activation: dtype, weight: dtype, intermediate: dtype, paths: shape.paths, checks: [], seed: 1 },
    );
    expect(verdicts.map(({ ok, identical }) => ({ ok, identical }))).toEqual([{ ok: true, identical: true }]);
  });
});

/** ggml's test_mul_mat_id: n_mats, n_used and n; its ids are the first of rows of n_mats, each row a shuffle of all. */
const STRIDED = [
  [4, 1, 5],
  [4, 2, 129],
  [8, 4, 17],
  [8, 2, 1],
] as const;

describe('ggml MUL_MAT_ID with ids of which each row is a part', () => {
  const plans = allPlans();
  const planNamed = (name: string) => plans.find((plan) => plan.name === name) ?? expect.fail(name);
  const compact = planNamed('moe_compact_ids');
  const users = ['moe_decode_gate_up_swiglu_f32_f32', 'moe_index_build'].map(planNamed);

  it.each(STRIDED)('n_mats %i, n_used %i, n %i', async (numExperts, topK, numTokens) => {
    const sizes: KernelCase = {
      ...{ numTokens, numExperts, topK, hiddenSize: 64, intermediateSize: 50, routing: 'spread', scale: 1 },
      ...{ name: '', numbers: 'plain', isSparse: false, isChecked: false },
    };
    const texts = await kernelTexts([compact, ...users]);
    const load = (plan: KernelPlan) => device.load({ source: texts.textOf(plan) });
    for (const plan of users) {
      for (const { inputs, values, expectations } of trialsOf(plan, sizes, createRandom(3))) {
        const { topk_ids: given, ...others } = inputs;
        const ids = decodeElements('u32', given as Uint8Array);
        const all = { ...values, ids_stride: numExperts };
        const steps = [
          { plan: compact, library: await load(compact), values: all },
          { plan, library: await load(plan), values: all },
        ];
        const strided = encodeElements('u32', stridedIds(ids, sizes, numExperts));
        const names = expectations.map(({ output }) => output);
        const right = await device.run(buildJob(steps, { ...others, strided_ids: strided }, names));
        // As if they lay together, which is what goes wrong.
        const wrong = await device.run(buildJob(steps.slice(1), { ...others, topk_ids: strided }, names));
        const mismatches = ({ outputs }: typeof right) =>
          expectations.map((expectation, at) => {
            const got = decodeElements(expectation.element, outputs[at] ?? new Uint8Array());
            return compareValues(got, expectation).mismatches;
          });
        expect(mismatches(right), plan.name).toEqual(names.map(() => 0));
        if (numTokens > 1) expect(Math.max(...mismatches(wrong)), plan.name).toBeGreaterThan(0);
      }
    }
  });
});

/** ggml's test_topk_moe: experts, tokens, and experts of a token. */
const TOP_K = [
  ...([
    [8, 22, 4],
    [31, 22, 8],
    [32, 22, 8],
    [40, 22, 8],
    [71, 22, 8],
    [128, 1, 128],
  ] as const),
  ...([
    [129, 1, 128],
    [160, 4, 160],
    [256, 22, 6],
    [288, 22, 8],
  ] as const),
] as const;

/** Its ways of scoring; sums are divided by, at least, what a half holds as its smallest normal number. */
const FLOOR = { kind: 'floor', floor: 2 ** -14 } as const;
const GATINGS = {
  softmax: { scoring: { kind: 'softmax' }, normalize: FLOOR },
  'softmax, a bias and a factor': { scoring: { kind: 'softmax' }, selectionBias: true, scale: 2 },
  sigmoid: { scoring: { kind: 'sigmoid' }, selectionBias: true, normalize: FLOOR },
  'sigmoid, a factor': { scoring: { kind: 'sigmoid' }, scale: 2 },
  'softmax after top-k': { scoring: { kind: 'raw' }, post: 'softmax' },
  'sqrt-softplus': { scoring: { kind: 'sqrtsoftplus' }, selectionBias: true, normalize: FLOOR, scale: 2 },
} as const;

describe('ggml TOPK_MOE', () => {
  // Every way with a third of the sizes, every size with a third of the ways.
  const cases = Object.entries(GATINGS).map(([name, router], way) => ({
    ...{ name, router },
    sizes: TOP_K.filter((_, size) => size % 3 === way % 3),
  }));

  it.each(cases)('$name', async ({ name, router, sizes }) => {
    for (const [numExperts, numTokens, topK] of sizes) {
      const block = checkBlock({ hiddenSize: 16, intermediateSize: 16, numExperts, topK, router }, name);
      const layers = { numLayers: 1, blocks: [{ block, layers: [0] }], denseLayers: [] };
      const verdicts = await validateModel(
        device,
        openBlockTexts,
        { name, layers, numTokens },
        { activation: 'f32', weight: 'f32', intermediate: 'f32', paths: ['decode'], checks: [], seed: 1 },
      );
      expect(
        verdicts.map(({ ok }) => ok),
        `${numExperts} experts, ${topK} of them`,
      ).toEqual([true]);
    }
  });
});
