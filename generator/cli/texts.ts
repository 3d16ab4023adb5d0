// The texts that `generate` writes, made in memory: what is validated is what a Mac would get.

import { kernelFile } from '../manifest/build.js';
import { prepareSet, renderTexts } from '../output/kernel-set.js';
import type { KernelPlan } from '../plan/types.js';
import type { Bf16Storage } from '../description/dtypes.js';
import type { KernelTexts } from '../validate/validate.js';
import { PACKAGE_DIR } from './io.js';

/** `inFiles` are all kernels of the files in which the plans lie. */
export async function textsOf(
  plans: readonly KernelPlan[],
  bf16Storage: Bf16Storage = 'ushort',
  inFiles: readonly KernelPlan[] = plans,
): Promise<KernelTexts> {
  const set = prepareSet({ plans: inFiles, packageDir: PACKAGE_DIR, covers: () => false, bf16Storage });
  const texts = await renderTexts(set, set.kernels);
  return {
    plans,
    textOf: (plan) => {
      const file = kernelFile(plan);
      return { path: `generated/${file}`, text: texts.get(file) ?? '' };
    },
  };
}
