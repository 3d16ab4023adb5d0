import { expect, it } from 'vitest';
import type { LoadedLibrary } from '../../generator/native/types.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { decodeElements } from '../../generator/validate/elements.js';
import { kernelCases } from '../../generator/validate/kernels/cases.js';
import { trialsJob, trialsOf } from '../../generator/validate/kernels/run.js';
import { createRandom } from '../../generator/validate/random.js';
import { allPlans, hasOtherWeights, hostDevice, kernelTexts } from '../support/host-kernels.js';

const device = hostDevice();
const CASES = kernelCases('bf16').filter(
  ({ numExperts, topK, numTokens }) => numExperts === 60 && topK === 8 && numTokens > 2,
);

/**
 * Everything that the kernel writes on the cases, but what depends on the order of its threadgroups: as numbers, because the sign of
 * a NaN, which no standard states, is that of whichever operand the compiler put first.
 */
async function outputsOf(plan: KernelPlan, library: LoadedLibrary): Promise<readonly Float64Array[]> {
  const isOrdered = ({ output }: { readonly output: string }) =>
    !plan.bindings.some(({ name, open }) => name === output && open?.includes('order'));
  const trials = CASES.flatMap((sizes) => trialsOf(plan, sizes, createRandom(5))).map((trial) => ({
    ...trial,
    expectations: trial.expectations.filter(isOrdered),
  }));
  const { outputs } = await device.run(trialsJob(plan, library, trials));
  const elements = trials.flatMap(({ expectations }) => expectations.map(({ element }) => element));
  expect(outputs).toHaveLength(elements.length);
  return elements.map((element, at) => decodeElements(element, outputs[at] ?? new Uint8Array()));
}

/** Tiles of bfloat take more terms at a time: the name, but for their number. */
function twinName({ name }: KernelPlan): string {
  return name.replace(/_bk\d+/u, '');
}

// BF16 as ushort and as bfloat must be the same kernel to the last bit.
it('gives the same bits with ushort and with bfloat', { timeout: 900_000 }, async () => {
  const isBf16 = ({ axes }: KernelPlan) => axes['activation'] === 'bf16' || axes['weight'] === 'bf16';
  const plans = allPlans('ushort').filter((plan) => isBf16(plan) && !hasOtherWeights(plan));
  const natives = new Map(allPlans('bfloat').map((plan) => [twinName(plan), plan]));
  const texts = await Promise.all([kernelTexts(plans), kernelTexts([...natives.values()], 'bfloat')]);
  expect(plans.length).toBeGreaterThan(100);
  for (const plan of plans) {
    const native = natives.get(twinName(plan));
    if (native === undefined) throw new Error(`${plan.name} has no twin`);
    const [asUshort, asBfloat] = await Promise.all([
      device.load({ source: texts[0].textOf(plan) }).then((library) => outputsOf(plan, library)),
      device.load({ source: texts[1].textOf(native) }).then((library) => outputsOf(native, library)),
    ]);
    expect(asBfloat, plan.name).toEqual(asUshort);
  }
});
