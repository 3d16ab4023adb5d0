// gate_up of the decode path: the products of a few tokens with their experts' gate and up matrices, row by row, or column by
// column where the matrices are transposed.

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
import { layoutNote, matrixBuffers, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import type { Formula, KernelPlan, TemplateValue } from '../types.js';
import { gateUpNaming, gateUpVariants, type GateUpVariant } from '../variants.js';
import { gateUpMatrices } from './gate-up.js';
import { columnProducts, rowProduct } from './gemv-terms.js';
import {
  activationTerms,
  expertAxes,
  gluConstants,
  gluTerms,
  partTerms,
  ROUTED_GLU,
  type ExpertAxes,
} from './shared.js';

export function decodeGateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return expertAxes(spec).flatMap((axes) =>
    gateUpVariants(spec).map((variant) => decodeGateUpPlan(spec, axes, variant)),
  );
}

function decodeGateUpPlan(spec: GenerationSpec, axes: ExpertAxes, variant: GateUpVariant): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { glu, layout, order, isInputWeighted, space } = variant;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const matrices = gateUpMatrices(variant);
  const inputDtype = space.isLatent ? 'f32' : activation;
  const input = storageTerms(inputDtype, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const result = storageTerms(intermediate.dtype, spec.bf16Storage);
  const form = order === 'out_in' ? rowForm(matrices) : columnForm(matrices, isInputWeighted);
  return {
    name: kernelName('decode_gate_up', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_gate_up',
    folder: activation,
    template: form.template,
    summary: `Gate and up projections of a few ${activation} tokens with ${weight.summary} weights, ${glu.summary}`,
    axes: { activation, weight: weight.name, ...variantAxes, intermediate: intermediate.dtype },
    constants: constants(
      spec,
      space.width,
      'intermediate_size',
      'num_experts',
      'top_k',
      ...gluConstants(glu, ROUTED_GLU),
    ),
    bindings: bindings(
      buffer(space.states, inputDtype, ['num_tokens', space.width]),
      ...matrixBuffers(matrices, weight.element, layoutNote(layout, order)),
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      ...(isInputWeighted ? [buffer('topk_weights', 'f32', ['num_tokens', 'top_k'])] : []),
      buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], {
        access: 'write',
        note: 'rows in token order',
        open: ['gaps'],
      }),
    ),
    dispatch: {
      threadgroups: [form.groups, 'num_tokens * top_k', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: order === 'out_in' ? gemvBytes(SIMDGROUPS, weight) : COLUMNS_BYTES,
    mslVersion: spec.mslVersion,
    terms: {
      ...form.terms,
      threads: THREADS,
      parts: partTerms(matrices, {
        column: 'own_column',
        biasLoad: stored.load,
        input: isInputWeighted ? 'x[h]' : `${space.states}[token, h]`,
        term: 'h',
        index: 'i',
      }),
      input: { name: space.states, msl: input.msl, load4: input.load4 },
      isScaled: isInputWeighted,
      weight: { msl: stored.msl, load4: stored.load4 },
      result: { name: 'intermediate', columns: 'intermediate_size', store: result.store },
      accessors: accessorTerms(
        [
          { dtype: inputDtype, loads4: true },
          { dtype: weight.element, loads4: true, loads: variant.hasBias },
          { dtype: intermediate.dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
      glu: gluTerms(glu, ROUTED_GLU),
      activation: activationTerms(glu),
    },
  };
}

interface Form {
  readonly template: string;
  /** Threadgroups over the columns. */
  readonly groups: Formula;
  readonly terms: Readonly<Record<string, TemplateValue>>;
}

/** Each simdgroup's four rows are gate and up of two columns, or four columns without a gate. */
function rowForm(matrices: Matrices): Form {
  const columns = (SIMDGROUPS * CHUNK_ROWS) / matrices.parts.length;
  return {
    template: 'decode_gate_up',
    groups: `ceil_div(${matrices.columns}, ${columns})`,
    terms: { simdgroups: SIMDGROUPS, columns, product: rowProduct(matrices) },
  };
}

/** A threadgroup takes columns of gate and up side by side, or, where these alternate, pairs of columns. */
function columnForm(matrices: Matrices, isScaled: boolean): Form {
  const isPairs = matrices.parts.some(({ step }) => step === 2);
  return {
    template: 'decode_gate_up_transposed',
    groups: `ceil_div(${matrices.columns}, ${isPairs ? BLOCK_COLUMNS / 2 : BLOCK_COLUMNS})`,
    terms: { ...columnsTerms(), product: columnProducts(matrices, isScaled) },
  };
}
