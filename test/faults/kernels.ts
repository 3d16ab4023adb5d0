// The kernels that have faults: the plan and the source of each, as they are generated.

import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { EXPERT_BLOCKS } from '../plan/experts-blocks.js';
import { allPlans, kernelTexts } from '../support/host-kernels.js';

export interface FaultyKernel {
  readonly plan: KernelPlan;
  readonly source: { readonly path: string; readonly text: string };
}

/** By name. What only a model with a latent space has is made for one. */
export async function generateKernels(
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, FaultyKernel>> {
  const plans = [...allPlans(), ...latentPlans()];
  const own = plans.filter(({ name }) => names.has(name));
  const files = new Set(own.map(fileOf));
  const texts = await kernelTexts(plans.filter((plan) => files.has(fileOf(plan))));
  return new Map(own.map((plan) => [plan.name, { plan, source: texts.textOf(plan) }]));
}

function latentPlans(): KernelPlan[] {
  const plans = planKernels({
    activations: ['bf16'],
    weights: ['bf16'],
    bf16Storage: 'ushort',
    mslVersion: '3.0',
    block: EXPERT_BLOCKS['latent'] ?? null,
  });
  return plans.filter(({ family }) => family.includes('latent_'));
}

function fileOf({ folder, file, name }: KernelPlan): string {
  return `${folder}/${file ?? name}`;
}
