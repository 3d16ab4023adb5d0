// Sixty-nine faults, each planted into a copy of a generated kernel: validation with all checks finds every one of them, in the way
// that it should, and nothing in the kernels as they are.

import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../generator/native/types.js';
import { validateKernel, type KernelVerdict } from '../../generator/validate/kernels/run.js';
import { hostDevice } from '../support/host-kernels.js';
import { PLACES, TAILS } from './addressing.js';
import { FORMATS, ROUNDING, RULES } from './arithmetic.js';
import { faultCases } from './cases.js';
import { NUMBERS, SIZES, SWITCHED_OFF } from './extremes.js';
import { plantFault, type Fault, type Finding } from './fault.js';
import { generateKernels, type FaultyKernel } from './kernels.js';
import { SYNCHRONIZATION } from './synchronization.js';

const GROUPS: readonly (readonly [string, readonly Fault[]])[] = [
  ['threads that do not wait, and memory that nobody wrote', SYNCHRONIZATION],
  ['ends that are missed', TAILS],
  ['places that are wrong', PLACES],
  ['numbers that are rounded wrongly', ROUNDING],
  ['rules that are not kept', RULES],
  ['formats that are read wrongly', FORMATS],
  ['rare sizes', SIZES],
  ['rare numbers, and bits that must be equal', NUMBERS],
  ['arguments that are switched off', SWITCHED_OFF],
];

const FAULTS = GROUPS.flatMap(([, faults]) => faults);
const NAMES = [...new Set(FAULTS.map(({ kernel }) => kernel))].sort();
const device = hostDevice();
const kernels = generateKernels(new Set(NAMES));

async function findKernel(name: string): Promise<FaultyKernel> {
  const found = (await kernels).get(name);
  if (found === undefined) throw new Error(`no kernel is called ${name}`);
  return found;
}

async function validate({ plan, source }: FaultyKernel, named?: string): Promise<KernelVerdict> {
  const library = await device.load({ source, instrument: true });
  return validateKernel(device, library, plan, faultCases(plan, named), { seed: 7, checks: CHECKS });
}

function findingsOf({ failures, reports }: KernelVerdict): Finding[] {
  const findings = new Set<Finding>(reports.map(({ check }) => check));
  return [...(failures.length > 0 ? (['values'] as const) : []), ...findings].sort();
}

it('there are sixty-nine of them, each another one', () => {
  expect(FAULTS).toHaveLength(69);
  expect(new Set(FAULTS.map(({ kernel, find, replace }) => `${kernel} ${find} ${replace}`)).size).toBe(69);
});

describe.each(GROUPS)('%s', (_, faults) => {
  const titled = faults.map((fault) => [`${fault.name}: ${fault.kernel}`, fault] as const);
  it.concurrent.each(titled)('%s', async (__, fault) => {
    const { plan, source } = await findKernel(fault.kernel);
    const faulty = { plan, source: { ...source, text: plantFault(source.text, fault) } };
    const verdict = await validate(faulty, fault.case);
    expect(verdict.ok).toBe(false);
    const findings = findingsOf(verdict);
    expect(findings).toEqual(expect.arrayContaining([...fault.finds]));
    if (fault.silent) expect(findings).not.toContain('values');
  });
});

describe('the kernels as they are', () => {
  const special = FAULTS.flatMap((fault) => (fault.case === undefined ? [] : [[fault.kernel, fault.case]]));
  it.concurrent.each(special)('nothing is found on a special case: %s, %s', async (name = '', own = '') => {
    const { failures, reports, compared } = await validate(await findKernel(name), own);
    expect({ failures, reports }).toEqual({ failures: [], reports: [] });
    expect(compared).toBeGreaterThan(10);
  });

  it.concurrent.each(NAMES)('nothing is found: %s', async (name) => {
    const verdict = await validate(await findKernel(name));
    expect({ failures: verdict.failures, reports: verdict.reports }).toEqual({ failures: [], reports: [] });
    expect(verdict.compared).toBeGreaterThan(100);
  });
});
