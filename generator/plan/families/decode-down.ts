// down and combine of the decode path: a token's slots are multiplied and summed by one threadgroup, which then finishes the
// output, or leaves the sum in the latent space.

import type { GenerationSpec } from '../../spec/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import {
  BLOCK_COLUMNS,
  CHUNK_ROWS,
  COLUMNS_BYTES,
  columnsTerms,
  gemvBytes,
  SIMDGROUPS,
  THREADS,
} from '../gemv.js';
import { matrixBuffers, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage, rowlessSlots, type RowlessSlots } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan, TemplateValue } from '../types.js';
import { decodeDownNaming, downVariant } from '../variants.js';
import { downMatrices } from './down.js';
import { columnProducts, rowProduct } from './gemv-terms.js';
import { expertAxes, partTerm, type ExpertAxes } from './shared.js';

export function decodeDownPlans(spec: GenerationSpec): KernelPlan[] {
  return expertAxes(spec).map((axes) => decodeDownPlan(spec, axes));
}

function decodeDownPlan(spec: GenerationSpec, axes: ExpertAxes): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const variant = downVariant(spec.block);
  const { width, isLatent } = variant.space;
  const { words, axes: variantAxes } = decodeDownNaming(variant);
  const matrices = downMatrices(variant);
  const stage = isLatent ? NO_OUTPUT_STAGE : outputStage(spec);
  const rowless = rowlessSlots(spec, variant, activation);
  const [output, dtype] = isLatent ? (['routed_latent', 'f32'] as const) : (['output', activation] as const);
  const input = storageTerms(intermediate.dtype, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const result = storageTerms(dtype, spec.bf16Storage);
  const isByRows = variant.order === 'out_in';
  return {
    name: kernelName('decode_down', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_down',
    folder: activation,
    template: isByRows ? 'decode_down' : 'decode_down_transposed',
    summary: `Down projection and combine of a few tokens with ${weight.summary} weights, ${isLatent ? 'float' : activation} output`,
    axes: { activation, weight: weight.name, ...variantAxes, intermediate: intermediate.dtype },
    constants: constants(
      spec,
      width,
      'intermediate_size',
      'num_experts',
      'top_k',
      ...rowless.constants,
      ...stage.constants,
    ),
    bindings: bindings(
      buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], {
        note: 'rows in token order',
      }),
      ...matrixBuffers(matrices, weight.element),
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      buffer('topk_weights', 'f32', ['num_tokens', 'top_k']),
      buffer(output, dtype, ['num_tokens', width], { access: 'write' }),
      ...rowless.bindings,
      ...stage.bindings,
    ),
    dispatch: {
      threadgroups: [`ceil_div(${width}, ${isByRows ? CHUNK_ROWS : BLOCK_COLUMNS})`, 'num_tokens', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: isByRows ? gemvBytes(SIMDGROUPS, weight) + SIMDGROUPS * CHUNK_ROWS * 4 : COLUMNS_BYTES,
    mslVersion: spec.mslVersion,
    terms: {
      ...(isByRows ? { simdgroups: SIMDGROUPS, product: rowProduct(matrices) } : transposedTerms(matrices)),
      threads: THREADS,
      part: partTerm(matrices, matrices.parts[0], {
        column: 'column',
        biasLoad: stored.load,
        input: 'intermediate[t, s, i]',
        term: 'i',
        index: 'h',
      }),
      isWeighted: !variant.isUnweighted,
      rowless: rowlessTerms(rowless),
      steps: stage.steps,
      input: { name: 'intermediate', msl: input.msl, load4: input.load4 },
      weight: { msl: stored.msl, load4: stored.load4 },
      output: { name: output, store: result.store },
      accessors: accessorTerms(
        [
          { dtype: intermediate.dtype, loads4: true },
          { dtype: weight.element, loads4: true, loads: variant.hasBias },
          ...rowless.uses,
          { dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
    },
  };
}

function transposedTerms(matrices: Matrices): Record<string, TemplateValue> {
  return { ...columnsTerms(), product: columnProducts(matrices, false) };
}

/** Simdgroups share the slots of a token, so that one may be left without. */
function rowlessTerms({ isPresent, isOptional, guard, value }: RowlessSlots): Record<string, TemplateValue> {
  return { isPresent, guard: isOptional ? guard : 'slot < top_k', value };
}
