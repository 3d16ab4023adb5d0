// Every generated kernel of one activation dtype against the float64 references: on every case, but for drop-in kernels with other
// weights than their own, which differ from these in how weights are read.

import { describe, expect, it } from 'vitest';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { ActivationDtype } from '../../generator/description/dtypes.js';
import {
  hasOwnDtype,
  kernelCases,
  rareCases,
  type KernelCase,
} from '../../generator/validate/kernels/cases.js';
import { validateKernels } from '../../generator/validate/validate.js';
import { allPlans, hasOtherWeights, hostDevice, kernelTexts } from './host-kernels.js';

function casesOf(plan: KernelPlan): readonly KernelCase[] {
  const rare = hasOwnDtype(plan) ? rareCases() : [];
  const cases = [...kernelCases(plan.axes['activation'] ?? 'f32'), ...rare];
  return hasOtherWeights(plan) ? cases.filter(({ isChecked }) => isChecked) : cases;
}

export function describeKernels(dtype: ActivationDtype): void {
  const device = hostDevice();
  // Kernels that touch no activation are tried once, with the f32 ones.
  const plans = allPlans().filter(({ axes }) => (axes['activation'] ?? 'f32') === dtype);
  const families = [...new Set(plans.map(({ family }) => family))];

  describe(`${dtype} kernels agree with the references`, () => {
    it.each(families)('%s', { timeout: 900_000 }, async (family) => {
      const own = plans.filter((plan) => plan.family === family);
      const verdicts = await validateKernels(device, await kernelTexts(own), {
        seed: 7,
        checks: [],
        casesOf,
      });
      expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
      for (const { kernel, trials, compared } of verdicts) {
        expect(trials, kernel).toBeGreaterThan(8);
        expect(compared, kernel).toBeGreaterThan(100);
      }
    });
  });
}
