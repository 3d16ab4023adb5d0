// What the kernels of the drop-in files share: their names, their files, and the dtypes that they come in. Each keeps its name in
// f16 and bears the dtype in the others; buffers, arguments and structs stay where they are. A kernel with other weights than
// those of the audited one lies in a file of its own.

import type { ActivationDtype } from '../../../description/dtypes.js';
import type { GenerationSpec } from '../../../description/generation.js';
import { dropInName } from '../../names.js';
import { accessorTerms, storageTerms, type StorageTerms } from '../../storage.js';
import type { DispatchRule, Formula, KernelPlan } from '../../types.js';
import { DROP_IN_WEIGHT, otherWeights, type DropInWeight } from './weights.js';

export interface DropInContext {
  readonly spec: GenerationSpec;
  readonly dtype: ActivationDtype;
  readonly storage: StorageTerms;
  /** Of kernels that take FP4 in the audited files. */
  readonly weight: DropInWeight;
}

/** The kernels of all dtypes asked for; a model's own set needs none. */
export function dropInPlans(
  spec: GenerationSpec,
  plansOf: (context: DropInContext) => KernelPlan[],
): KernelPlan[] {
  return dropInContexts(spec, () => [DROP_IN_WEIGHT]).flatMap(plansOf);
}

/** The same with all weights. */
export function weightedPlans(
  spec: GenerationSpec,
  plansOf: (context: DropInContext) => KernelPlan[],
): KernelPlan[] {
  return dropInContexts(spec, (dtype) => [DROP_IN_WEIGHT, ...otherWeights(spec, dtype)]).flatMap(plansOf);
}

function dropInContexts(
  spec: GenerationSpec,
  weightsOf: (dtype: ActivationDtype) => DropInWeight[],
): DropInContext[] {
  if (spec.block !== null) return [];
  return spec.activations.flatMap((dtype) =>
    weightsOf(dtype).map((weight) => ({
      spec,
      dtype,
      storage: storageTerms(dtype, spec.bf16Storage),
      weight,
    })),
  );
}

type DropInPlan = Pick<KernelPlan, 'family' | 'template' | 'summary' | 'bindings' | 'dispatch' | 'terms'> &
  Partial<Pick<KernelPlan, 'threadgroupBytes' | 'tile' | 'resultStride'>> & {
    /** Of kernels with weights: the row of the weight-format table. */
    readonly weight?: string;
  };

export function dropInPlan(
  context: DropInContext,
  file: string,
  kernel: string,
  dropIn: DropInPlan,
): KernelPlan {
  const { dtype, spec } = context;
  const { weight, ...plan } = dropIn;
  const other = context.weight === DROP_IN_WEIGHT ? '' : context.weight.name;
  return {
    name: dropInName(kernel, dtype, other),
    file: other === '' ? file : `${file}_${other}`,
    folder: dtype,
    axes: { activation: dtype, kernel, ...(weight !== undefined && { weight }) },
    constants: [],
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    ...plan,
  };
}

/** What loads and stores the activations, and loads dense weights: the same for all kernels of a file. */
export function dropInAccessors({ dtype, spec, weight }: DropInContext) {
  const activations = { dtype, loads: true, loads4: true, stores: true };
  const { element } = weight;
  const weights = element === null ? [] : [{ dtype: element, loads: true, loads4: true }];
  return accessorTerms([activations, ...weights], spec.bf16Storage);
}

export function grid(threads: number, x: Formula, y: Formula = '1', z: Formula = '1'): DispatchRule {
  return { threadgroups: [x, y, z], threadsPerThreadgroup: [threads, 1, 1] };
}
