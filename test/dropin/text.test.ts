// What the texts of the drop-in files may not say, whatever they compute.

import { describe, expect, it } from 'vitest';
import { allPlans, hasOtherWeights, kernelTexts } from '../support/host-kernels.js';

const FILES = [
  'moe_router',
  'moe_dispatch',
  'moe_dispatch_optimized',
  'moe_expert_gemm',
  'moe_shared_expert',
];

/** Names that hosts of the audited files ask for, beside those that the plans have anyway. */
const KNOWN = [
  'moe_dispatch_ultra_optimized',
  'moe_dispatch_ultra_optimized_bf16',
  'moe_dispatch_optimized_prerouted_bf16',
  'moe_dispatch_decode_bf16',
  'moe_expert_gemm_fp4_grouped_f32',
  'shared_expert_gate_up_fused_fp16',
];

const WEIGHTED = FILES.filter((file) => file !== 'moe_router').flatMap((file) =>
  ['fp4_nk', 'f16', 'bf16', 'f32'].map((weight) => `${file}_${weight}`),
);

const everyPair = allPlans('ushort', true);
const plans = everyPair.filter(({ file = '' }) => FILES.includes(file));
/** With other weights than those of the audited kernels. */
const others = everyPair.filter(hasOtherWeights);
const texts = await kernelTexts([...plans, ...others]);
const sourcesOf = (own: typeof plans) =>
  new Map(own.map((plan) => [texts.textOf(plan).path, texts.textOf(plan).text]));
const sources = sourcesOf(plans);
const all = sourcesOf([...plans, ...others]);

const code = (text: string) => text.replace(/\/\/.*/g, '');

/** Constants and arguments that are declared and never used again: warnings, which are errors on a Mac. */
function unusedNames(text: string): string[] {
  const whole = code(text);
  const [, ...kernels] = whole.split(/^kernel void /m);
  return [
    ...namesUsedOnce(whole, /constant constexpr \w+ (\w+) =/g),
    ...kernels.flatMap((kernel) => namesUsedOnce(kernel, /(\w+) \[\[\w+(?:\(\d+\))?\]\]/g)),
  ];
}

function namesUsedOnce(text: string, declaration: RegExp): string[] {
  const words: readonly string[] = text.match(/\w+/g) ?? [];
  const names = Array.from(text.matchAll(declaration), ([, name = '']) => name);
  return names.filter((name) => words.indexOf(name) === words.lastIndexOf(name));
}

describe('the drop-in files', () => {
  it('exist in three dtypes, with every kernel under its name', () => {
    expect(sources.size).toBe(3 * FILES.length);
    const names = new Set(plans.map(({ name }) => name));
    expect(KNOWN.filter((name) => !names.has(name))).toEqual([]);
    for (const plan of plans) expect(texts.textOf(plan).text).toContain(`kernel void ${plan.name}(`);
  });

  it('come with other weights in files of their own', () => {
    const files = WEIGHTED.flatMap((file) => ['f16', 'bf16', 'f32'].map((dtype) => `${dtype}/${file}.metal`));
    const paths = [...sourcesOf(others).keys()].map((path) => path.replace(/^\w+\//, ''));
    expect(paths.sort()).toEqual(files.sort());
  });

  it('declare nothing that they do not use', () => {
    const found = [...all].flatMap(([path, text]) => unusedNames(text).map((name) => `${path}: ${name}`));
    expect(found).toEqual([]);
  });

  it('have half in BF16 and float kernels with half weights for nothing but these', () => {
    const lines = [...sourcesOf(others)]
      .filter(([path]) => !path.includes('/f16/'))
      .flatMap(([path, text]) =>
        code(text)
          .split('\n')
          .map((line) => `${path}: ${line}`),
      )
      .filter((line) => /\bhalf\d?\b/.test(line));
    const isScale = (line: string) => line.includes('_fp4_nk.metal') && /scale/i.test(line);
    const isWeight = (line: string) =>
      line.includes('_f16.metal') && /_weight\b|\bmatrix\b|half\* column\b|half\* row\b|half4/.test(line);
    expect(lines.filter((line) => !isScale(line) && !isWeight(line))).toEqual([]);
    expect(lines.filter(isWeight).length).toBeGreaterThan(50);
  });

  it('have no half in BF16 and float kernels but for scales', () => {
    const lines = [...sources]
      .filter(([path]) => !path.includes('/f16/'))
      .flatMap(([path, text]) => text.split('\n').map((line) => `${path}: ${line}`))
      .filter((line) => /\bhalf\d?\b/.test(line.replace(/\/\/.*/, '')) && !/scale/i.test(line));
    expect(lines).toEqual([]);
  });

  it('have no matrix of half at all', () => {
    for (const [path, text] of all) expect(text, path).not.toMatch(/simdgroup_matrix<half|simdgroup_half8x8/);
  });

  it('ask for no more threadgroup memory than there is', () => {
    for (const { name, threadgroupBytes } of [...plans, ...others])
      expect(threadgroupBytes, name).toBeLessThanOrEqual(32_768);
  });
});
