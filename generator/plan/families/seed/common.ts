// What the kernels of the drop-in files share: their names, their files, and the dtypes that they come in. Each keeps its name in
// f16 and bears the dtype in the others; buffers, arguments and structs stay where they are.

import type { ActivationDtype } from '../../../spec/dtypes.js';
import type { GenerationSpec } from '../../../spec/generation.js';
import { storageTerms, type StorageTerms } from '../../storage.js';
import type { DispatchRule, Formula, KernelPlan } from '../../types.js';

export interface SeedContext {
  readonly spec: GenerationSpec;
  readonly dtype: ActivationDtype;
  readonly storage: StorageTerms;
}

/** The kernels of all dtypes asked for; a model's own set needs none. */
export function seedPlans(
  spec: GenerationSpec,
  plansOf: (context: SeedContext) => KernelPlan[],
): KernelPlan[] {
  if (spec.block !== null) return [];
  return spec.activations.flatMap((dtype) =>
    plansOf({ spec, dtype, storage: storageTerms(dtype, spec.bf16Storage) }),
  );
}

type SeedPlan = Pick<KernelPlan, 'family' | 'template' | 'summary' | 'bindings' | 'dispatch' | 'terms'> &
  Partial<Pick<KernelPlan, 'threadgroupBytes'>>;

export function seedPlan(context: SeedContext, file: string, kernel: string, plan: SeedPlan): KernelPlan {
  const { dtype, spec } = context;
  return {
    name: dtype === 'f16' ? kernel : `${kernel}_${dtype}`,
    file,
    folder: dtype,
    axes: { activation: dtype, kernel },
    constants: [],
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    ...plan,
  };
}

export function grid(threads: number, x: Formula, y: Formula = '1', z: Formula = '1'): DispatchRule {
  return { threadgroups: [x, y, z], threadsPerThreadgroup: [threads, 1, 1] };
}
