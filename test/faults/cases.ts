// The cases that faults are tried on: all that run with checks, and of the others those that are like no other, on which only
// numbers are compared. The choice knows no fault; those that are about rare sizes and numbers name their case.

import type { KernelPlan } from '../../generator/plan/types.js';
import { kernelFormats } from '../../generator/description/weights.js';
import {
  kernelCases,
  rareCases,
  sparseCases,
  type KernelCase,
} from '../../generator/validate/kernels/cases.js';

export function faultCases(plan: KernelPlan, named?: string): KernelCase[] {
  const isRouter = plan.family.includes('router');
  const [format] = kernelFormats([plan.axes['weight'] ?? '']);
  const cases = kernelCases(plan.axes['activation'] ?? 'f32', format?.groupTerms);
  if (named !== undefined) {
    const rare = [...rareCases(format?.groupTerms), ...sparseCases(format?.groupTerms)];
    return [...cases, ...rare].filter(({ name }) => name === named);
  }
  return cases.filter((sizes) => sizes.isChecked || (sizes.numExperts < 512 && isSpecial(sizes, isRouter)));
}

/** Equal and missing logits matter to routers; numbers that half cannot hold, to the others. */
function isSpecial({ routing, scale }: KernelCase, isRouter: boolean): boolean {
  return isRouter ? routing === 'ties' || routing === 'nan' : scale !== 1;
}
