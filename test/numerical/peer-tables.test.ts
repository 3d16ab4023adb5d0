// Shapes from the test tables of MLX and ggml, each under its name there, against float64 on the decoded weights: tails of 544 and 555 columns,
// few and many tokens, experts of which some get nothing. MLX compares with its own products at 1e-3 in half and bfloat, ggml at a normalised mean
// square error of 5e-4, which is a relative error of 2.2e-2; the limits here are those of all blocks, and half and bfloat are run too.

import { describe, expect, it } from 'vitest';
import { checkBlock } from '../../generator/description/check-block.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import type { LayerPath } from '../../generator/plan/layer.js';
import { validateModel } from '../../generator/validate/validate.js';
import { openBlockTexts, hostDevice } from '../support/host-kernels.js';

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
