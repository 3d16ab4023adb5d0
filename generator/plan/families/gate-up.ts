// gate_up: the product of tokens with their experts' gate and up matrices, ending in the activation: in tiles of many rows of one
// expert, in tiles of a few (skinny), or for the assignments of a few tokens, each by itself (decode).

import type { ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import { bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { biasElement, formatUses } from '../format-terms.js';
import { gateUpParts, layoutNote, matrixBuffers, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { type RowSource } from '../rows.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { TILE_NAMES, type TileName } from '../tiles.js';
import type { Binding, KernelPlan, TemplateValue } from '../types.js';
import { gateUpNaming, gateUpVariants, type GateUpVariant } from '../variants.js';
import { decodeGateUpTransposedPlan } from './gate-up-transposed.js';
import { placeParts, rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import {
  activationTerms,
  expertAxes,
  gluConstants,
  gluTerms,
  partTerms,
  ROUTED_GLU,
  type ExpertAxes,
  type PartTerms,
} from './shared.js';

export function gateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return expertAxes(spec, 'gate_up').flatMap((axes) =>
    gateUpVariants(spec).flatMap((variant) => {
      if (variant.order === 'in_out' && axes.weight.element === null) return [];
      const tiles = TILE_NAMES.map((tile) => tiledPlan(spec, axes, variant, tile));
      return variant.order === 'in_out'
        ? [...tiles, decodeGateUpTransposedPlan(spec, axes, variant)]
        : [...tiles, rowPlan(spec, axes, variant, 'tile'), rowPlan(spec, axes, variant, 'assignment')];
    }),
  );
}

/** The matrices that the routed experts' gate_up kernels multiply. */
export function gateUpMatrices({ layout, order, hasBias, space }: GateUpVariant): Matrices {
  const columns = 'intermediate_size';
  const parts = gateUpParts(layout, { prefix: '', hasBias, columns });
  return { parts, order, columns, terms: space.width, isPerExpert: true };
}

function tiledPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
  name: TileName,
): KernelPlan {
  const { weight, activation, intermediate } = axes;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const form = tiledForm(name, { ...productUse(spec, axes, variant), input: inputDtype(axes, variant) });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName('gate_up', ...words, activation, weight.name, intermediate.suffix, form.suffix),
    family: 'gate_up',
    template: 'gate_up',
    summary: `Grouped gate and up projections of ${activation} tokens with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: { ...commonAxes(axes), ...variantAxes, tile: name },
    bindings: bindings(
      ...inputBuffers(axes, variant),
      ...tileBuffers(variant),
      resultBuffer(axes, 'rows in expert order'),
    ),
    ...form.plan,
    terms: { ...commonTerms(spec, axes, variant, 'tile'), ...form.terms },
  };
}

function rowPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
  source: RowSource,
): KernelPlan {
  const { weight, activation, intermediate } = axes;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const family = source === 'tile' ? 'skinny_gate_up' : 'decode_gate_up';
  const form = rowForm({ ...productUse(spec, axes, variant), source });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix),
    family,
    template: 'row_gate_up',
    summary: `Gate and up projections of ${source === 'tile' ? 'a few rows of each expert' : `a few ${activation} tokens`} with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: { ...commonAxes(axes), ...variantAxes },
    bindings: bindings(
      ...inputBuffers(axes, variant),
      ...(source === 'tile' ? tileBuffers(variant) : assignmentBuffers(variant)),
      resultBuffer(axes, source === 'tile' ? 'rows in expert order' : 'rows in token order'),
    ),
    ...form.plan,
    terms: {
      ...commonTerms(spec, axes, variant, source),
      ...form.terms,
      parts: placeParts(gateUpPartTerms(spec, axes, variant), form.partRows),
    },
  };
}

function productUse({ bf16Storage }: GenerationSpec, { weight }: ExpertAxes, variant: GateUpVariant) {
  return {
    matrices: gateUpMatrices(variant),
    weight,
    indirect: 'gate_up_threadgroups',
    isScaled: variant.isInputWeighted,
    bf16Storage,
  } as const;
}

export function inputDtype({ activation }: ExpertAxes, { space }: GateUpVariant): ActivationDtype {
  return space.isFloat ? 'f32' : activation;
}

function commonPlan(spec: GenerationSpec, { activation }: ExpertAxes, { glu, space }: GateUpVariant) {
  return {
    folder: activation,
    constants: constants(
      spec,
      space.width,
      'intermediate_size',
      'num_experts',
      'top_k',
      ...gluConstants(glu, ROUTED_GLU),
    ),
    mslVersion: spec.mslVersion,
  };
}

export function commonAxes({ activation, weight, intermediate }: ExpertAxes) {
  return { activation, weight: weight.name, intermediate: intermediate.dtype };
}

export function inputBuffers(axes: ExpertAxes, variant: GateUpVariant): Omit<Binding, 'index'>[] {
  const { space, layout, order } = variant;
  const { weight, activation } = axes;
  return [
    buffer(space.states, inputDtype(axes, variant), ['num_tokens', space.width]),
    ...matrixBuffers(
      gateUpMatrices(variant),
      weight,
      biasElement(weight, activation),
      layoutNote(layout, order),
    ),
  ];
}

function tileBuffers({ isInputWeighted }: GateUpVariant): Omit<Binding, 'index'>[] {
  return [
    buffer('sorted_assignments', 'u32', ['num_tokens * top_k']),
    buffer('tile_map', 'u32', ['max_tiles', '3'], { note: 'expert, first row, number of rows' }),
    ...(isInputWeighted ? [buffer('topk_weights', 'f32', ['num_tokens', 'top_k'])] : []),
  ];
}

export function assignmentBuffers({ isInputWeighted }: GateUpVariant): Omit<Binding, 'index'>[] {
  return [
    buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
    ...(isInputWeighted ? [buffer('topk_weights', 'f32', ['num_tokens', 'top_k'])] : []),
  ];
}

export function resultBuffer({ intermediate }: ExpertAxes, note: string): Omit<Binding, 'index'> {
  return buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], {
    access: 'write',
    note,
    open: ['gaps'],
  });
}

export function gateUpPartTerms(
  spec: GenerationSpec,
  { weight, activation }: ExpertAxes,
  variant: GateUpVariant,
  column = 'column',
): PartTerms[] {
  const { isInputWeighted, space } = variant;
  return partTerms(gateUpMatrices(variant), {
    column,
    biasLoad: storageTerms(biasElement(weight, activation), spec.bf16Storage).load,
    input: isInputWeighted ? 'x[h]' : `${space.states}[token, h]`,
    term: 'h',
    index: 'i',
  });
}

function commonTerms(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
  source: RowSource,
): Record<string, TemplateValue> {
  const { weight, activation, intermediate } = axes;
  const { glu, space, isInputWeighted } = variant;
  const dtype = inputDtype(axes, variant);
  const input = storageTerms(dtype, spec.bf16Storage);
  return {
    rows: rowTerms({
      source,
      isGathered: true,
      inWords:
        source === 'tile'
          ? 'the row r of a token and an expert'
          : 'each assignment r of a token to an expert topk_ids[r]',
    }),
    parts: gateUpPartTerms(spec, axes, variant),
    input: { name: space.states, msl: input.msl, load4: input.load4 },
    isScaled: isInputWeighted,
    result: { name: 'intermediate', store: storageTerms(intermediate.dtype, spec.bf16Storage).store },
    accessors: accessorTerms(
      [
        { dtype, loads4: true },
        ...formatUses(weight, activation, variant.hasBias),
        ...(variant.order === 'in_out' ? [{ dtype: weight.element ?? 'f32', loads4: true }] : []),
        { dtype: intermediate.dtype, stores: true },
      ],
      spec.bf16Storage,
    ),
    glu: gluTerms(glu, ROUTED_GLU),
    activation: activationTerms(glu),
  };
}
