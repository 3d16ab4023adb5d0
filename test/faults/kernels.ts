// The kernels that have faults: the plan and the source of each, as they are generated.

import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { EXPERT_BLOCKS } from '../plan/experts-blocks.js';
import { allPlans, kernelTexts } from '../support/host-kernels.js';

export interface FaultyKernel {
  readonly plan: KernelPlan;
  readonly source: { readonly path: string; readonly text: string };
}

/** By name. What only a model with a latent space has is made for one, and packed weights come with one activation. */
export async function generateKernels(
  names: ReadonlySet<string>,
): Promise<ReadonlyMap<string, FaultyKernel>> {
  const plans = [...allPlans(), ...packedPlans(), ...latentPlans()];
  const own = plans.filter(({ name }) => names.has(name));
  const files = new Set(own.map(fileOf));
  const texts = await kernelTexts(plans.filter((plan) => files.has(fileOf(plan))));
  return new Map(own.map((plan) => [plan.name, { plan, source: texts.textOf(plan) }]));
}

const SPEC = { activations: ['bf16'], bf16Storage: 'ushort', mslVersion: '3.0' } as const;
const PACKED = ['affine4_g64_bf16', 'mxfp4', 'q8_0', 'q4_K'];

function packedPlans(): KernelPlan[] {
  const plans = planKernels({ ...SPEC, weights: PACKED, block: null });
  return plans.filter(({ axes }) => PACKED.includes(axes['weight'] ?? ''));
}

function latentPlans(): KernelPlan[] {
  const plans = planKernels({ ...SPEC, weights: ['bf16'], block: EXPERT_BLOCKS['latent'] ?? null });
  return plans.filter(({ family }) => family.includes('latent_'));
}

function fileOf({ folder, file, name }: KernelPlan): string {
  return `${folder}/${file ?? name}`;
}
