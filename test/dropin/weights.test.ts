// The kernels that take FP4 weights in the audited files, with the words packed along the columns, and with dense weights.

import { describe, expect, it } from 'vitest';
import { dropInName } from '../../generator/plan/names.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import { kernelCases } from '../../generator/validate/kernels/cases.js';
import { validateKernels } from '../../generator/validate/validate.js';
import { allPlans, hostDevice, kernelTexts } from '../support/host-kernels.js';
import { expectedOutput, runLayer, type Layer } from '../support/dropin-layer.js';

const KERNELS = [
  'moe_dispatch_fused',
  'moe_dispatch_grouped',
  'moe_dispatch_atomic',
  'moe_dispatch_parallel',
  'moe_dispatch_optimized',
  'moe_dispatch_ultra_optimized',
  'moe_dispatch_optimized_prerouted',
  'moe_dispatch_decode',
  'moe_expert_gemm_fp4',
  'moe_expert_gemm_fp4_grouped',
  'moe_expert_gemm_shared_fp4',
  'moe_shared_expert_fused_fp4',
  'shared_expert_gate_up_fused',
] as const;
const ACTIVATIONS = ['f16', 'bf16', 'f32'] as const;
const DENSE = ['f16', 'bf16', 'f32'] as const;

const everyPair = allPlans('ushort', true);

function planOf(kernel: string, activation: ActivationDtype, weight?: string): KernelPlan {
  const name = dropInName(kernel, activation, weight);
  const plan = everyPair.find((candidate) => candidate.name === name);
  if (plan === undefined) throw new Error(`no ${name}`);
  return plan;
}

describe.each(KERNELS)('%s', (kernel) => {
  it.each(ACTIVATIONS)('comes with every weight format in %s', (activation) => {
    const audited = planOf(kernel, activation);
    expect(audited.axes['weight']).toBe('fp4');
    for (const weight of ['fp4_nk', ...DENSE]) {
      const plan = planOf(kernel, activation, weight);
      expect(plan.axes).toEqual({ ...audited.axes, weight });
      expect(plan.name).toBe(`${kernel}_${activation}_${weight}`);
      expect(`${plan.folder}/${plan.file ?? ''}`).toBe(`${activation}/${audited.file ?? ''}_${weight}`);
      expect(plan.dispatch).toEqual(audited.dispatch);
    }
  });

  it('has the words of a column side by side in fp4_nk, and the scales where they were', () => {
    const [audited, packed] = [planOf(kernel, 'bf16'), planOf(kernel, 'bf16', 'fp4_nk')];
    packed.bindings.forEach((binding, at) => {
      const before = audited.bindings[at];
      if (before?.element !== 'u32' || !binding.name.endsWith('_weight')) {
        expect(binding).toEqual(before);
        return;
      }
      const [columns, words] = [before.shape.at(-1), before.shape.at(-2)];
      expect(binding).toEqual({ ...before, shape: [...before.shape.slice(0, -2), columns, words] });
    });
  });

  it.each(DENSE)('leaves the places of scales and group size free with %s weights', (weight) => {
    const dense = planOf(kernel, 'f16', weight).bindings;
    const audited = planOf(kernel, 'f16').bindings;
    const kept = audited.filter(({ name }) => !name.endsWith('_scales') && name !== 'group_size');
    expect(dense.map(({ index, name }) => [index, name])).toEqual(
      kept.map(({ index, name }) => [index, name]),
    );
    const matrices = dense.filter(({ name }) => /(expert|shared|gate_up)_weight$/.test(name));
    expect(matrices.length).toBeGreaterThan(0);
    for (const { element, shape } of matrices) {
      expect(element).toBe(weight);
      expect(shape.at(-2)).toMatch(/^hidden_(dim|size)$/);
    }
  });
});

describe('the general set', () => {
  it('holds the other packing, and dense weights in the dtype of the activations', () => {
    const held = allPlans().filter(({ axes }) => axes['kernel'] === 'moe_dispatch_fused');
    expect(held.map(({ name }) => name)).toEqual([
      'moe_dispatch_fused',
      'moe_dispatch_fused_bf16',
      'moe_dispatch_fused_bf16_bf16',
      'moe_dispatch_fused_bf16_fp4_nk',
      'moe_dispatch_fused_f16_f16',
      'moe_dispatch_fused_f16_fp4_nk',
      'moe_dispatch_fused_f32',
      'moe_dispatch_fused_f32_f32',
      'moe_dispatch_fused_f32_fp4_nk',
    ]);
  });
});

/** One pair for each file; numbers of every pair are a matter of `moegen validate`. */
const MIXED: Readonly<Record<string, string>> = {
  bf16_f16: 'moe_dispatch',
  f16_f32: 'moe_dispatch_optimized',
  f32_bf16: 'moe_expert_gemm',
  bf16_f32: 'moe_shared_expert',
};

describe('other weights than the activations', () => {
  it.each(Object.entries(MIXED))('%s in %s', { timeout: 300_000 }, async (pair, file) => {
    const own = everyPair.filter(
      (plan) => plan.name.endsWith(`_${pair}`) && plan.file?.startsWith(file) === true,
    );
    const plans = own.filter((plan) => plan.file === `${file}_${pair.split('_')[1] ?? ''}`);
    expect(plans.length).toBeGreaterThan(1);
    const verdicts = await validateKernels(hostDevice(), await kernelTexts(plans), {
      seed: 3,
      checks: [],
      casesOf: ({ axes }) => kernelCases(axes['activation'] ?? '').filter(({ isChecked }) => isChecked),
    });
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    for (const { kernel, compared } of verdicts) expect(compared, kernel).toBeGreaterThan(100);
  });
});

describe.each(['moe_expert_gemm_fp4', 'moe_dispatch_grouped'])('%s', (kernel) => {
  const layer: Layer = {
    rows: 20,
    terms: 45,
    columns: 70,
    experts: 3,
    ids: Array.from({ length: 20 }, (_, row) => [row % 3]),
    weights: Array.from({ length: 20 }, () => [1]),
    input: (row, term) => ((row + term) % 5) - 2,
    code: (expert, term, column) => (3 * expert + term + 7 * column) % 16,
    scale: (expert, column) => 2 ** (((expert + column) % 3) - 1),
    sharedWeight: 0,
  };

  it.each(['fp4_nk', 'f32', undefined])('gives the same numbers with weights as %s', async (weight) => {
    const { output } = await runLayer(kernel, 'f32', layer, {}, weight);
    expect(output).toEqual(expectedOutput(layer));
  });
});
