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
import type { Binding, FunctionConstant, KernelPlan } from '../types.js';
import { gateUpNaming, gateUpVariants, type GateUpVariant } from '../variants.js';
import { decodeGateUpTransposedPlan } from './gate-up-transposed.js';
import { placeParts, rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import { expertAxes, gluConstants, gluTerms, partTerms, ROUTED_GLU, type ExpertAxes } from './shared.js';
import { printed } from '../printed.js';

export function gateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return gateUpVariants(spec).flatMap((variant) =>
    expertAxes(spec, variant.bank.projections.gateUp).flatMap((axes) => {
      if (variant.order === 'in_out' && axes.weight.element === null) return [];
      const tiles = TILE_NAMES.map((tile) => tiledPlan(spec, axes, variant, tile));
      return variant.order === 'in_out'
        ? [...tiles, decodeGateUpTransposedPlan(spec, axes, variant)]
        : [...tiles, rowPlan(spec, axes, variant, 'tile'), rowPlan(spec, axes, variant, 'assignment')];
    }),
  );
}

/** The matrices that the routed experts' gate_up kernels multiply. */
export function gateUpMatrices({ bank, layout, order, hasBias, space }: GateUpVariant): Matrices {
  const { prefix, columns, owner } = bank;
  const parts = gateUpParts(layout, { prefix, hasBias, columns });
  return { parts, order, columns, terms: space.width, owner };
}

function tiledPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: GateUpVariant,
  name: TileName,
): KernelPlan {
  const { weight, activation, intermediate } = axes;
  const { words, axes: variantAxes } = gateUpNaming(variant);
  const family = `${variant.bank.prefix}gate_up` as const;
  const form = tiledForm(name, { ...productUse(spec, axes, variant), input: inputDtype(axes, variant) });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix, form.suffix),
    family,
    summary: `Grouped gate and up projections of ${activation} tokens${ofBank(variant)} with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: { ...commonAxes(axes), ...variantAxes, tile: name },
    bindings: bindings(
      ...inputBuffers(axes, variant),
      ...tileBuffers(variant),
      resultBuffer(axes, variant, 'rows in expert order'),
    ),
    ...form.plan,
    ...printed('gate_up', { ...commonTerms(spec, axes, variant, 'tile'), ...form.terms }),
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
  const family = `${source === 'tile' ? 'skinny' : 'decode'}_${variant.bank.prefix}gate_up` as const;
  const form = rowForm({ ...productUse(spec, axes, variant), source });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix),
    family,
    summary: `Gate and up projections of ${source === 'tile' ? 'a few rows of each expert' : `a few ${activation} tokens`}${ofBank(variant)} with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: { ...commonAxes(axes), ...variantAxes },
    bindings: bindings(
      ...inputBuffers(axes, variant),
      ...(source === 'tile' ? tileBuffers(variant) : assignmentBuffers(variant)),
      resultBuffer(axes, variant, source === 'tile' ? 'rows in expert order' : 'rows in token order'),
    ),
    ...form.plan,
    ...printed('row_gate_up', {
      ...commonTerms(spec, axes, variant, source),
      ...form.terms,
      parts: placeParts(gateUpPartTerms(spec, axes, variant), form.partRows),
    }),
  };
}

function productUse({ bf16Storage }: GenerationSpec, { weight }: ExpertAxes, variant: GateUpVariant) {
  return {
    matrices: gateUpMatrices(variant),
    weight,
    indirect: variant.bank.grids.gateUp,
    isScaled: variant.isInputWeighted,
    bf16Storage,
  };
}

export function inputDtype({ activation }: ExpertAxes, { space }: GateUpVariant): ActivationDtype {
  return space.isFloat ? 'f32' : activation;
}

function commonPlan(spec: GenerationSpec, { activation }: ExpertAxes, variant: GateUpVariant) {
  return { folder: activation, constants: gateUpConstants(spec, variant), mslVersion: spec.mslVersion };
}

export function gateUpConstants(
  spec: GenerationSpec,
  { bank, glu, space }: GateUpVariant,
): FunctionConstant[] {
  return constants(
    spec,
    space.width,
    bank.columns,
    'num_experts',
    'top_k',
    ...bank.constants,
    ...gluConstants(glu, ROUTED_GLU),
  );
}

/** In a kernel's summary. */
function ofBank({ bank }: GateUpVariant): string {
  return bank.owner === 'adjugate' ? ' by the experts that neighbours share' : '';
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

export function resultBuffer(
  { intermediate }: ExpertAxes,
  { bank }: GateUpVariant,
  note: string,
): Omit<Binding, 'index'> {
  return buffer(bank.intermediate, intermediate.dtype, ['num_tokens * top_k', bank.columns], {
    access: 'write',
    note,
    open: ['gaps'],
  });
}

export function gateUpPartTerms(
  spec: GenerationSpec,
  { weight, activation }: ExpertAxes,
  variant: GateUpVariant,
) {
  const { isInputWeighted, space } = variant;
  return partTerms(
    gateUpMatrices(variant),
    {
      input: isInputWeighted ? 'x[h]' : `${space.states}[token, h]`,
      term: 'h',
      index: 'i',
    },
    storageTerms(biasElement(weight, activation), spec.bf16Storage).load,
  );
}

function commonTerms(spec: GenerationSpec, axes: ExpertAxes, variant: GateUpVariant, source: RowSource) {
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
    result: {
      name: variant.bank.intermediate,
      store: storageTerms(intermediate.dtype, spec.bf16Storage).store,
    },
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
  };
}
