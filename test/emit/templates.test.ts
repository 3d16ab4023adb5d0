// The lint of the templates that the product has, with every plan there is as a sample.

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { lintTemplates } from '../../generator/emit/lint.js';
import { renderKernel } from '../../generator/emit/render.js';
import { loadClangFormat } from '../../generator/format/clang-format.js';
import { createMslFormatter } from '../../generator/format/format.js';
import { planKernels } from '../../generator/plan/plan.js';
import { ACTIVATION_DTYPES, BF16_STORAGES } from '../../generator/spec/dtypes.js';
import { checkBlock } from '../../generator/spec/check-block.js';
import { WEIGHT_FORMAT_NAMES } from '../../generator/spec/weights.js';
import { EXPERT_BLOCKS } from '../plan/experts-blocks.js';
import { FIXTURE_NAMES, fixtureBlock } from '../support/fixtures.js';

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

const contexts = [null, grouped, ...Object.values(EXPERT_BLOCKS), ...fixtureBlocks].flatMap((block) =>
  BF16_STORAGES.flatMap((bf16Storage) =>
    planKernels({
      activations: ACTIVATION_DTYPES,
      weights: block === null ? WEIGHT_FORMAT_NAMES : ['bf16'],
      bf16Storage,
      mslVersion: '3.1',
      block,
    }).map((plan) => toContext(plan, { bf16Storage })),
  ),
);

describe('the templates', () => {
  it('pass the lint with every plan', () => {
    expect(lintTemplates(environment.templates, contexts)).toEqual([]);
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
