// The cases that faults are tried on: all that run with checks, and of the others those that are like no other, on which only
// numbers are compared. The choice knows no fault.

import type { KernelPlan } from '../../generator/plan/types.js';
import { kernelFormats } from '../../generator/description/weights.js';
import { kernelCases, type KernelCase } from '../../generator/validate/kernels/cases.js';

export function faultCases(plan: KernelPlan): KernelCase[] {
  const isRouter = plan.family.includes('router');
  const [format] = kernelFormats([plan.axes['weight'] ?? '']);
  return kernelCases(plan.axes['activation'] ?? 'f32', format?.groupTerms).filter(
    (sizes) => sizes.isChecked || (sizes.numExperts < 512 && isSpecial(sizes, isRouter)),
  );
}

/** Equal and missing logits matter to routers; numbers that half cannot hold, to the others. */
function isSpecial({ routing, scale }: KernelCase, isRouter: boolean): boolean {
  return isRouter ? routing === 'ties' || routing === 'nan' : scale !== 1;
}
