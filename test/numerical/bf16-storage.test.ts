import { expect, it } from 'vitest';
import { buildJob } from '../../generator/validate/job.js';
import { createRandom } from '../../generator/validate/random.js';
import { kernelCases } from '../../generator/validate/kernels/cases.js';
import { trialsOf } from '../../generator/validate/kernels/run.js';
import { allPlans, hostDevice, kernelTexts } from '../support/host-kernels.js';

const device = hostDevice();
const CASES = kernelCases('bf16').filter(({ numExperts, topK }) => numExperts === 60 && topK === 8);

// BF16 as ushort and as bfloat must be the same kernel to the last bit.
it('gives the same bits with ushort and with bfloat', { timeout: 600_000 }, async () => {
  const isBf16 = ({ axes }: { readonly axes: Readonly<Record<string, string>> }) =>
    Object.values(axes).includes('bf16') && !('tile' in axes && axes['glu'] === 'geglu');
  const plans = allPlans('ushort').filter(isBf16);
  const natives = allPlans('bfloat').filter(isBf16);
  const [asUshort, asBfloat] = await Promise.all([
    kernelTexts(plans, 'ushort'),
    kernelTexts(natives, 'bfloat'),
  ]);
  expect(plans.length).toBeGreaterThan(50);
  for (const [position, plan] of plans.entries()) {
    const native = natives[position];
    if (native?.name !== plan.name) throw new Error(`${plan.name} has no twin`);
    const libraries = await Promise.all([
      device.load({ source: asUshort.textOf(plan) }),
      device.load({ source: asBfloat.textOf(native) }),
    ]);
    for (const sizes of CASES) {
      for (const trial of trialsOf(plan, sizes, createRandom(5))) {
        const names = trial.expectations.map(({ output }) => output);
        const [a, b] = await Promise.all(
          libraries.map((library) =>
            device.run(buildJob([{ plan, library, values: trial.values }], trial.inputs, names)),
          ),
        );
        expect(b?.outputs, `${plan.name}, ${sizes.name}`).toEqual(a?.outputs);
      }
    }
  }
});
