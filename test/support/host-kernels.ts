// The kernels as they are generated, and the host device to run them on, for tests of what they compute.

import path from 'node:path';
import { defaultCacheDir } from '../../generator/compile/cache.js';
import { createHostDevice } from '../../generator/native/host.js';
import type { Device } from '../../generator/native/types.js';
import { dropInName } from '../../generator/plan/names.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { ACTIVATION_DTYPES, type Bf16Storage } from '../../generator/description/dtypes.js';
import { GENERAL_FORMAT_NAMES } from '../../generator/description/weights.js';
import { prepareSet, renderTexts } from '../../generator/output/kernel-set.js';
import type { BlockTexts, KernelTexts } from '../../generator/validate/validate.js';
import { withOpenConstants } from './format-blocks.js';

const PACKAGE_DIR = path.resolve(import.meta.dirname, '../..');

export function hostDevice(): Device {
  return createHostDevice({ env: process.env, cacheDir: defaultCacheDir(process.env) });
}

/** The general set, or with every pair of activations and weights. */
export function allPlans(bf16Storage: Bf16Storage = 'ushort', everyPair = false): KernelPlan[] {
  return planKernels({
    activations: ACTIVATION_DTYPES,
    weights: GENERAL_FORMAT_NAMES,
    everyPair,
    bf16Storage,
    mslVersion: bf16Storage === 'bfloat' ? '3.1' : '3.0',
    block: null,
  });
}

export async function kernelTexts(
  plans: readonly KernelPlan[],
  bf16Storage: Bf16Storage = 'ushort',
): Promise<KernelTexts> {
  const set = prepareSet({ plans, packageDir: PACKAGE_DIR, covers: () => false, bf16Storage });
  const texts = await renderTexts(set, set.kernels);
  return {
    plans,
    textOf: ({ name }) => {
      const kernel = set.kernels.find(({ plan }) => plan.name === name);
      const file = kernel?.file ?? '';
      return { path: `${bf16Storage}/${file}`, text: texts.get(file) ?? '' };
    },
  };
}

const openTexts = new Map<string, Promise<KernelTexts>>();

/** The kernels of a block, for any sizes: blocks that differ in sizes alone share them, and are rendered and compiled once. */
export const openBlockTexts: BlockTexts = (block, { activation, weight, mix = {} }) => {
  const plans = planKernels({
    ...{ activations: [activation], weights: [weight], mix, block },
    ...({ bf16Storage: 'ushort', mslVersion: '3.0' } as const),
  }).map(withOpenConstants);
  const key = JSON.stringify(plans);
  const texts = openTexts.get(key) ?? kernelTexts(plans);
  openTexts.set(key, texts);
  return texts;
};

/** A drop-in kernel with other weights than the audited one. */
export function hasOtherWeights({ name, axes: { kernel, activation } }: KernelPlan): boolean {
  const dtype = ACTIVATION_DTYPES.find((known) => known === activation);
  return kernel !== undefined && dtype !== undefined && name !== dropInName(kernel, dtype);
}
