// combine: the weighted sum of a token's expert rows, and what is added to it, rounded once. Where the experts work in a latent
// space the sum stays there, in float.

import type { ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage, rowlessSlots } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import { combineNaming, downVariant } from '../variants.js';
import { printed } from '../printed.js';

const THREADS = 64;
/** Of a thread, which reads where the rows of its token lie once for all of them. */
const THREAD_COLUMNS = 4;

export function combinePlans(spec: GenerationSpec): KernelPlan[] {
  return spec.activations.flatMap((activation) => [
    combinePlan(spec, activation, true),
    combinePlan(spec, activation, false),
  ]);
}

/** Of rows in expert order, whose places the index tells, or in token order. */
function combinePlan(spec: GenerationSpec, activation: ActivationDtype, isSorted: boolean): KernelPlan {
  const family = isSorted ? 'combine' : 'decode_combine';
  const variant = downVariant(spec.block);
  const { width, isLatent } = variant.space;
  // A norm of the sum finishes the layer instead.
  const isSum = !isLatent && spec.block?.experts.outputNorm != null;
  const { words, axes } = combineNaming(variant);
  const stage = isLatent || isSum ? NO_OUTPUT_STAGE : outputStage(spec);
  const rowless = rowlessSlots(spec, variant, activation);
  const [output, dtype] = resultOf(activation, isLatent, isSum);
  return {
    name: kernelName(family, ...words, isSum ? 'sum' : '', activation),
    family,
    folder: activation,
    summary: isLatent
      ? "Sum of each token's expert rows in slot order, in the latent space, float output"
      : `Sum of each token's expert rows in slot order, ${dtype} output`,
    axes: { activation, ...axes },
    constants: constants(
      spec,
      width,
      ...(isSorted ? [] : (['num_experts'] as const)),
      'top_k',
      ...rowless.constants,
      ...stage.constants,
    ),
    bindings: bindings(
      buffer('expert_output', 'f32', ['num_tokens * top_k', width], {
        note: isSorted ? 'rows in expert order' : 'rows in token order',
      }),
      isSorted
        ? buffer('row_of_assignment', 'u32', ['num_tokens', 'top_k'], {
            note: "where each assignment's row lies",
          })
        : buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      buffer('topk_weights', 'f32', ['num_tokens', 'top_k']),
      buffer(output, dtype, ['num_tokens', width], { access: 'write' }),
      ...rowless.bindings,
      ...stage.bindings,
    ),
    dispatch: {
      threadgroups: [`ceil_div(${width}, ${THREADS * THREAD_COLUMNS})`, 'num_tokens', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    ...printed('combine', {
      threads: THREADS,
      threadColumns: THREAD_COLUMNS,
      groupColumns: THREADS * THREAD_COLUMNS,
      width,
      isSorted,
      row: isSorted ? 'row_of_assignment[t, s]' : 't * top_k + s',
      isWeighted: !variant.isUnweighted,
      rowless: rowless.terms,
      steps: stage.steps,
      isMixing: stage.isMixing,
      output: { name: output, store: storageTerms(dtype, spec.bf16Storage).store },
      accessors: accessorTerms([...rowless.uses, { dtype, stores: true }], spec.bf16Storage),
    }),
  };
}

function resultOf(
  activation: ActivationDtype,
  isLatent: boolean,
  isSum: boolean,
): readonly [name: string, dtype: ActivationDtype] {
  if (isLatent) return ['routed_latent', 'f32'];
  return isSum ? ['routed_sum', 'f32'] : ['output', activation];
}
