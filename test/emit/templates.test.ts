// The lint of the templates that the product has, with every plan of the general set as a sample, and a format of each kind.

import { readdirSync, readFileSync, type Dirent } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { OPTION_BLOCKS } from '../support/option-blocks.js';
import { lintTemplates } from '../../generator/emit/lint.js';
import { renderKernel } from '../../generator/emit/render.js';
import { loadClangFormat } from '../../generator/format/clang-format.js';
import { createMslFormatter } from '../../generator/format/format.js';
import { flatPlan } from '../../generator/plan/flat.js';
import { planKernels } from '../../generator/plan/plan.js';
import { ACTIVATION_DTYPES, BF16_STORAGES } from '../../generator/description/dtypes.js';
import { checkBlock } from '../../generator/description/check-block.js';
import { GENERAL_FORMAT_NAMES } from '../../generator/description/weights.js';
import { EXPERT_BLOCKS } from '../plan/experts-blocks.js';
import { FIXTURE_NAMES, fixtureBlock } from '../support/fixtures.js';
import { DISTINCT_FORMATS, PACKED_NAMES } from '../support/format-blocks.js';

const environment = createEnvironment(path.resolve(import.meta.dirname, '../../templates'));

const fixtureBlocks = await Promise.all(FIXTURE_NAMES.map(fixtureBlock));

/** Groups without a selection bias, which no fixture has. */
const grouped = checkBlock(
  {
    hiddenSize: 64,
    intermediateSize: 32,
    numExperts: 64,
    topK: 6,
    router: { scoring: { kind: 'softmax' }, groups: { count: 8, keep: 3, score: 'max' } },
  },
  'a block with groups',
);

/** Weights of a router that are scaled and not normalised. */
const scaled = checkBlock(
  {
    hiddenSize: 64,
    intermediateSize: 32,
    numExperts: 8,
    topK: 2,
    router: { scoring: { kind: 'sigmoid' }, normalize: { kind: 'none' }, scale: 2.5 },
  },
  'a block with scaled weights',
);

/** Scales of tiles: of matrices with gate and up in turn, and of the layer's own matrices. */
const tiled = [EXPERT_BLOCKS['interleaved'], EXPERT_BLOCKS['sigmoidGate']].flatMap((block = scaled) =>
  planKernels({
    activations: ['f16'],
    weights: ['fp8_128x128_f32'],
    bf16Storage: 'ushort',
    mslVersion: '3.0',
    block,
  }).map((plan) => toContext(plan)),
);

/** In the flat form, of which grids lie in no buffer. */
const flat = planKernels({
  activations: ['f16'],
  weights: ['f16'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
  block: null,
}).map((plan) => toContext(flatPlan(plan), { form: 'flat' }));

/** Where the language has a pragma for the math mode. */
const later = planKernels({
  activations: ['f16'],
  weights: ['f16'],
  bf16Storage: 'ushort',
  mslVersion: '3.2',
  block: null,
}).map((plan) => toContext(plan));

const contexts = [
  null,
  grouped,
  scaled,
  ...Object.values(EXPERT_BLOCKS),
  ...Object.values(OPTION_BLOCKS),
  ...fixtureBlocks,
].flatMap((block) =>
  BF16_STORAGES.flatMap((bf16Storage) =>
    planKernels({
      activations: ACTIVATION_DTYPES,
      weights:
        block === null
          ? [...GENERAL_FORMAT_NAMES, ...PACKED_NAMES, ...DISTINCT_FORMATS.map(({ name }) => name)]
          : ['bf16'],
      bf16Storage,
      mslVersion: '3.1',
      block,
    }).map((plan) => toContext(plan, { bf16Storage })),
  ),
);

/** Reductions by Metal's own functions, whose order is not known: integers have the same sum in any. */
const INTEGER_REDUCTIONS = [
  'simd_prefix_exclusive_sum(count)',
  'simd_prefix_exclusive_sum(is_own ? 1u : 0u)',
  'simd_prefix_exclusive_sum(value)',
  'simd_sum(count)',
  'simd_sum(lane < simdgroup ? sums[lane] : 0u)',
  'simd_sum(num_candidates)',
];

describe('the templates', () => {
  it('add up floats across lanes in an order that is known', () => {
    const folder = path.resolve(import.meta.dirname, '../../templates');
    // The probe asks in which order Metal's function adds.
    const isQuestion = ({ parentPath }: Dirent) => path.relative(folder, parentPath).startsWith('probe');
    const texts = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !isQuestion(entry))
      .map(({ parentPath, name }) => readFileSync(path.join(parentPath, name), 'utf8'));
    const calls = texts.flatMap(
      (text) => text.match(/\b(?:simd|quad)_(?:prefix_\w+_)?(?:sum|product)\([^)]*\)/gu) ?? [],
    );
    expect([...new Set(calls)].sort()).toEqual(INTEGER_REDUCTIONS);
  });

  it('pass the lint with every plan', () => {
    expect(lintTemplates(environment.templates, [...contexts, ...later, ...flat, ...tiled])).toEqual([]);
  });

  it.each([
    ['3.0', false],
    ['3.1', false],
    ['3.2', true],
    ['4.0', true],
  ] as const)('state their math mode in Metal %s: %s', (mslVersion, isStated) => {
    const spec = {
      activations: ['f16'],
      weights: ['f16'],
      bf16Storage: 'ushort',
      mslVersion,
      block: null,
    } as const;
    const texts = planKernels(spec).map((plan) => renderKernel(environment, toContext(plan)));
    const pragma =
      /^\/\/ language: metal\d\.\d\n.*\n\n#pragma METAL fp math_mode\(safe\)\n\n#include <metal_stdlib>\n/u;
    expect(texts.filter((text) => pragma.test(text)).length).toBe(isStated ? texts.length : 0);
    expect(texts.some((text) => text.includes('#pragma METAL'))).toBe(isStated);
  });

  it('render, and passages are laid out as the whole text is', async () => {
    const [format, whole] = [await createMslFormatter(), await loadClangFormat()];
    const samples = contexts.filter((_, index) => index % 20 === 0);
    const texts = samples.map((context) => renderKernel(environment, context));
    const laidOut = format(texts);
    const different = samples.filter((_, at) => laidOut[at] !== whole(texts[at] ?? ''));
    expect(different.map((context) => context.name)).toEqual([]);
  });
});
