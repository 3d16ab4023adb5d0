// combine: the weighted sum of a token's expert rows, and what is added to it, rounded once. Where the experts work in a latent
// space the sum stays there, in float.

import type { ActivationDtype } from '../../spec/dtypes.js';
import type { GenerationSpec } from '../../spec/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage, rowlessSlots } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import { combineNaming, downVariant } from '../variants.js';

const THREADS = 256;

export function combinePlans(spec: GenerationSpec): KernelPlan[] {
  return spec.activations.map((activation) => combinePlan(spec, activation));
}

function combinePlan(spec: GenerationSpec, activation: ActivationDtype): KernelPlan {
  const variant = downVariant(spec.block);
  const { width, isLatent } = variant.space;
  const { words, axes } = combineNaming(variant);
  const stage = isLatent ? NO_OUTPUT_STAGE : outputStage(spec);
  const rowless = rowlessSlots(spec, variant, activation);
  const [output, dtype] = isLatent ? (['routed_latent', 'f32'] as const) : (['output', activation] as const);
  return {
    name: kernelName('combine', ...words, activation),
    family: 'combine',
    folder: activation,
    template: 'combine',
    summary: isLatent
      ? "Sum of each token's expert rows in slot order, in the latent space, float output"
      : `Sum of each token's expert rows in slot order, ${activation} output`,
    axes: { activation, ...axes },
    constants: constants(spec, width, 'top_k', ...rowless.constants, ...stage.constants),
    bindings: bindings(
      buffer('expert_output', 'f32', ['num_tokens * top_k', width], { note: 'rows in expert order' }),
      buffer('row_of_assignment', 'u32', ['num_tokens', 'top_k'], {
        note: "where each assignment's row lies",
      }),
      buffer('topk_weights', 'f32', ['num_tokens', 'top_k']),
      buffer(output, dtype, ['num_tokens', width], { access: 'write' }),
      ...rowless.bindings,
      ...stage.bindings,
    ),
    dispatch: {
      threadgroups: [`ceil_div(${width}, ${THREADS})`, 'num_tokens', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    terms: {
      threads: THREADS,
      width,
      isWeighted: !variant.isUnweighted,
      rowless: {
        value: rowless.isOptional ? `(${rowless.guard} ? ${rowless.value} : 0.0f)` : rowless.value,
      },
      steps: stage.steps,
      output: { name: output, store: storageTerms(dtype, spec.bf16Storage).store },
      accessors: accessorTerms([...rowless.uses, { dtype, stores: true }], spec.bf16Storage),
    },
  };
}
