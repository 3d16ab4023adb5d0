// gate_up of the decode path where the matrices are transposed: the products of a few tokens, column by column.

import type { GenerationSpec } from '../../description/generation.js';
import { bindings } from '../bindings.js';
import {
  BLOCK_COLUMNS,
  COLUMNS_BYTES,
  columnProducts,
  columnsTerms,
  COLUMN_THREADGROUP,
} from '../columns.js';
import { formatUses } from '../format-terms.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import { gateUpNaming, type GateUpVariant } from '../variants.js';
import {
  assignmentBuffers,
  commonAxes,
  gateUpConstants,
  gateUpMatrices,
  gateUpPartTerms,
  inputBuffers,
  inputDtype,
  resultBuffer,
} from './gate-up.js';
import { gluTerms, ROUTED_GLU, type ExpertAxes } from './shared.js';
import { printed } from '../printed.js';

/** A threadgroup takes columns of gate and up side by side, or, where these alternate, pairs of columns. */
export function decodeGateUpTransposedPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { glu, isInputWeighted, space } = variant;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const matrices = gateUpMatrices(variant);
  const dtype = inputDtype(axes, variant);
  const element = weight.element ?? 'f32';
  const input = storageTerms(dtype, spec.bf16Storage);
  const stored = storageTerms(element, spec.bf16Storage);
  const columns = matrices.parts[0].place === 'even' ? BLOCK_COLUMNS / 2 : BLOCK_COLUMNS;
  return {
    name: kernelName('decode_gate_up', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_gate_up',
    folder: activation,
    summary: `Gate and up projections of a few ${activation} tokens with ${weight.summary} weights, ${glu.summary}`,
    axes: { ...commonAxes(axes), ...variantAxes },
    constants: gateUpConstants(spec, variant),
    bindings: bindings(
      ...inputBuffers(axes, variant),
      ...assignmentBuffers(variant),
      resultBuffer(axes, variant, 'rows in token order'),
    ),
    dispatch: {
      threadgroups: [`ceil_div(${matrices.columns}, ${columns})`, 'num_tokens * top_k', '1'],
      threadsPerThreadgroup: [COLUMN_THREADGROUP, 1, 1],
    },
    threadgroupBytes: COLUMNS_BYTES,
    mslVersion: spec.mslVersion,
    ...printed('decode_gate_up_transposed', {
      ...columnsTerms(),
      product: columnProducts(matrices, isInputWeighted),
      parts: gateUpPartTerms(spec, axes, variant).map((part, position) => ({
        ...part,
        // Where threads hold gates and ups in turn, these come by a shuffle.
        product: position === 0 ? 'product' : `${part.name}_product`,
      })),
      input: { name: space.states, msl: input.msl, load4: input.load4 },
      isScaled: isInputWeighted,
      weight: { msl: stored.msl, load4: stored.load4 },
      result: { name: 'intermediate', store: storageTerms(intermediate.dtype, spec.bf16Storage).store },
      accessors: accessorTerms(
        [
          { dtype, loads4: true },
          { dtype: element, loads4: true },
          ...formatUses(weight, activation, variant.hasBias),
          { dtype: intermediate.dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
      glu: gluTerms(glu, ROUTED_GLU),
    }),
  };
}
