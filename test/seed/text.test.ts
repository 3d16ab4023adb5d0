// What the texts of the drop-in files may not say, whatever they compute.

import { describe, expect, it } from 'vitest';
import { allPlans, kernelTexts } from '../support/host-kernels.js';

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

const plans = allPlans().filter(({ file = '' }) => FILES.includes(file));
const texts = await kernelTexts(plans);
const sources = new Map(plans.map((plan) => [texts.textOf(plan).path, texts.textOf(plan).text]));

describe('the drop-in files', () => {
  it('exist in three dtypes, with every kernel under its name', () => {
    expect(sources.size).toBe(3 * FILES.length);
    const names = new Set(plans.map(({ name }) => name));
    expect(KNOWN.filter((name) => !names.has(name))).toEqual([]);
    for (const plan of plans) expect(texts.textOf(plan).text).toContain(`kernel void ${plan.name}(`);
  });

  it('have no half in BF16 and float kernels but for scales', () => {
    const lines = [...sources]
      .filter(([path]) => !path.includes('/f16/'))
      .flatMap(([path, text]) => text.split('\n').map((line) => `${path}: ${line}`))
      .filter((line) => /\bhalf\d?\b/.test(line.replace(/\/\/.*/, '')) && !/scale/i.test(line));
    expect(lines).toEqual([]);
  });

  it('have no matrix of half at all', () => {
    for (const [path, text] of sources)
      expect(text, path).not.toMatch(/simdgroup_matrix<half|simdgroup_half8x8/);
  });

  it('ask for no more threadgroup memory than there is', () => {
    for (const { name, threadgroupBytes } of plans)
      expect(threadgroupBytes, name).toBeLessThanOrEqual(32_768);
  });
});
