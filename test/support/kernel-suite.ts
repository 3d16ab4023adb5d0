// Every generated kernel of one activation dtype, on every case, against the float64 references.

import { describe, expect, it } from 'vitest';
import type { ActivationDtype } from '../../generator/spec/dtypes.js';
import { validateKernels } from '../../generator/validate/validate.js';
import { allPlans, hostDevice, kernelTexts } from './host-kernels.js';

export function describeKernels(dtype: ActivationDtype): void {
  const device = hostDevice();
  // Kernels that touch no activation are tried once, with the f32 ones.
  const plans = allPlans().filter(({ axes }) => (axes['activation'] ?? 'f32') === dtype);
  const families = [...new Set(plans.map(({ family }) => family))];

  describe(`${dtype} kernels agree with the references`, () => {
    it.each(families)('%s', { timeout: 900_000 }, async (family) => {
      const own = plans.filter((plan) => plan.family === family);
      const verdicts = await validateKernels(device, await kernelTexts(own), { seed: 7, checks: [] });
      expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
      for (const { kernel, trials, compared } of verdicts) {
        expect(trials, kernel).toBeGreaterThan(10);
        expect(compared, kernel).toBeGreaterThan(100);
      }
    });
  });
}
