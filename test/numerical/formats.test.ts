// Every kernel that reads packed weights, against the references of their formats.

import { describe, expect, it } from 'vitest';
import { CHECKS } from '../../generator/native/types.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { validateKernels } from '../../generator/validate/validate.js';
import {
  formatBlock,
  openPlans,
  PACKED_RUNS,
  packedCases,
  type FormatRun,
} from '../support/format-blocks.js';
import { hostDevice, kernelTexts } from '../support/host-kernels.js';

const device = hostDevice();

const EXPERTS = ['gate_up', 'skinny_gate_up', 'decode_gate_up', 'down', 'skinny_down', 'decode_down'];
const DENSE = ['shared_gate_up', 'shared_down', 'latent_in', 'latent_out'];
const FAMILIES = [...EXPERTS, ...DENSE, ...DENSE.map((family) => `decode_${family}`)];

/** Those that read the weights, in a block with a shared expert and in one with a latent space, each kernel once. */
function packedPlans(run: FormatRun): KernelPlan[] {
  const latent = {
    shared: undefined,
    latent: { size: formatBlock(run.format).intermediateSize, bias: true },
  };
  const plans = [formatBlock(run.format), formatBlock(run.format, latent)].flatMap((block) => {
    const isLatent = block.latent !== null;
    return openPlans(run, block).filter(({ family }) => family.includes('latent') === isLatent);
  });
  return plans.filter(({ name, family }) => FAMILIES.includes(family) && !name.includes('f32_intermediate'));
}

describe('kernels with packed weights agree with the references', () => {
  it.each(PACKED_RUNS)('$format with $activation and $bf16Storage', { timeout: 600_000 }, async (run) => {
    const plans = packedPlans(run);
    // Six families have low and wide tiles, the others one kernel.
    expect(plans).toHaveLength(FAMILIES.length + 6);
    expect(new Set(plans.map(({ family }) => family))).toEqual(new Set(FAMILIES));
    const verdicts = await validateKernels(device, await kernelTexts(plans, run.bf16Storage), {
      seed: 7,
      checks: [],
      casesOf: () => packedCases(run.format),
    });
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    for (const { kernel, trials, compared } of verdicts) {
      expect(trials, kernel).toBeGreaterThanOrEqual(5);
      expect(compared, kernel).toBeGreaterThan(2000);
    }
  });
});

describe('kernels with packed weights read and write what they may', () => {
  it.each(['affine4_g64_bf16', 'mxfp4', 'q8_0', 'q4_K'])('%s', { timeout: 600_000 }, async (format) => {
    const run: FormatRun = { format, activation: 'bf16', bf16Storage: 'ushort' };
    const plans = packedPlans(run).filter(
      ({ family, axes }) => EXPERTS.includes(family) && axes['tile'] !== 'wide',
    );
    const verdicts = await validateKernels(device, await kernelTexts(plans), {
      seed: 7,
      checks: CHECKS,
      casesOf: () => packedCases(format).filter(({ isChecked }) => isChecked),
    });
    expect(verdicts).toHaveLength(EXPERTS.length);
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
  });
});
