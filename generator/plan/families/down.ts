// down: the product of the intermediate rows with down_weight, in tiles of many rows of one expert, in tiles of a few (skinny), or
// each by itself (decode). Its output stays in float, for combine to round.

import type { GenerationSpec } from '../../description/generation.js';
import { bindings, buffer } from '../bindings.js';
import {
  BLOCK_COLUMNS,
  COLUMN_THREADGROUP,
  COLUMNS_BYTES,
  columnProducts,
  columnsTerms,
} from '../columns.js';
import { constants } from '../constants.js';
import { biasElement, formatUses } from '../format-terms.js';
import { matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { type RowSource } from '../rows.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { TILE_NAMES, type TileName } from '../tiles.js';
import type { Binding, KernelPlan, TemplateValue } from '../types.js';
import { downNaming, downVariant, type DownVariant } from '../variants.js';
import { rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import { expertAxes, partTerm, type ExpertAxes } from './shared.js';

export function downPlans(spec: GenerationSpec): KernelPlan[] {
  const variant = downVariant(spec.block);
  return expertAxes(spec, 'down').flatMap((axes) => {
    if (variant.order === 'in_out' && axes.weight.element === null) return [];
    const tiles = TILE_NAMES.map((tile) => tiledPlan(spec, axes, variant, tile));
    return variant.order === 'in_out'
      ? [...tiles, decodeTransposedPlan(spec, axes, variant)]
      : [...tiles, rowPlan(spec, axes, variant, 'tile'), rowPlan(spec, axes, variant, 'assignment')];
  });
}

/** The matrix that the routed experts' down kernels multiply. */
function downMatrices({ order, hasBias, space }: DownVariant): Matrices {
  return {
    parts: [plainPart('down', space.width, hasBias)],
    order,
    columns: space.width,
    terms: 'intermediate_size',
    isPerExpert: true,
  };
}

function tiledPlan(spec: GenerationSpec, axes: ExpertAxes, variant: DownVariant, name: TileName): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = downNaming(variant);
  const form = tiledForm(name, { ...productUse(spec, axes, variant), input: intermediate.dtype });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName('down', ...words, activation, weight.name, intermediate.suffix, form.suffix),
    family: 'down',
    template: 'product',
    summary: `Grouped down projection of ${intermediate.dtype} rows with ${weight.summary} weights, float output`,
    axes: { ...commonAxes(axes, variant), tile: name },
    bindings: bindings(...buffers(axes, variant, 'tile')),
    ...form.plan,
    terms: {
      ...commonTerms(spec, axes, variant, 'tile'),
      ...form.terms,
      finish: { isStage: false, isMixing: false },
      steps: [],
    },
  };
}

function rowPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: DownVariant,
  source: RowSource,
): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = downNaming(variant);
  const family = source === 'tile' ? 'skinny_down' : 'decode_down';
  const form = rowForm({ ...productUse(spec, axes, variant), source });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix),
    family,
    template: 'row_product',
    summary: `Down projection of ${source === 'tile' ? 'a few rows of each expert' : 'a few tokens'} with ${weight.summary} weights, float output`,
    axes: commonAxes(axes, variant),
    bindings: bindings(...buffers(axes, variant, source)),
    ...form.plan,
    terms: {
      ...commonTerms(spec, axes, variant, source),
      ...form.terms,
      hasZeroExperts: false,
      finish: {
        isStage: false,
        isRow: true,
        isSigmoid: false,
        isLogit: false,
        isCapped: false,
        isMixing: false,
      },
      steps: [],
    },
  };
}

function productUse({ bf16Storage }: GenerationSpec, { weight }: ExpertAxes, variant: DownVariant) {
  return {
    matrices: downMatrices(variant),
    weight,
    indirect: 'down_threadgroups',
    isScaled: false,
    bf16Storage,
  } as const;
}

/** Of a transposed matrix, by columns. */
function decodeTransposedPlan(spec: GenerationSpec, axes: ExpertAxes, variant: DownVariant): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = downNaming(variant);
  const element = weight.element ?? 'f32';
  const stored = storageTerms(element, spec.bf16Storage);
  const { part, output, description, input } = commonTerms(spec, axes, variant, 'assignment');
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName('decode_down', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_down',
    template: 'decode_down_transposed',
    summary: `Down projection of a few tokens with ${weight.summary} weights, float output`,
    axes: commonAxes(axes, variant),
    bindings: bindings(...buffers(axes, variant, 'assignment')),
    dispatch: {
      threadgroups: [`ceil_div(${variant.space.width}, ${BLOCK_COLUMNS})`, 'num_tokens * top_k', '1'],
      threadsPerThreadgroup: [COLUMN_THREADGROUP, 1, 1],
    },
    threadgroupBytes: COLUMNS_BYTES,
    terms: {
      ...columnsTerms(),
      ...pick({ part, output, description, input }),
      product: columnProducts(downMatrices(variant), false),
      weight: { msl: stored.msl, load4: stored.load4 },
      accessors: accessorTerms(
        [
          { dtype: intermediate.dtype, loads4: true },
          { dtype: element, loads4: true },
          ...formatUses(weight, activation, variant.hasBias),
        ],
        spec.bf16Storage,
      ),
    },
  };
}

function pick(terms: Readonly<Record<string, TemplateValue | undefined>>): Record<string, TemplateValue> {
  return Object.fromEntries(
    Object.entries(terms).flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const])),
  );
}

function commonPlan(spec: GenerationSpec, { activation }: ExpertAxes, { space }: DownVariant) {
  return {
    folder: activation,
    constants: constants(spec, space.width, 'intermediate_size', 'num_experts'),
    mslVersion: spec.mslVersion,
  };
}

function commonAxes({ activation, weight, intermediate }: ExpertAxes, variant: DownVariant) {
  return {
    activation,
    weight: weight.name,
    ...downNaming(variant).axes,
    intermediate: intermediate.dtype,
  };
}

function buffers(axes: ExpertAxes, variant: DownVariant, source: RowSource): Omit<Binding, 'index'>[] {
  const { weight, activation, intermediate } = axes;
  const note = source === 'tile' ? 'rows in expert order' : 'rows in token order';
  return [
    buffer('intermediate', intermediate.dtype, ['num_tokens * top_k', 'intermediate_size'], { note }),
    ...matrixBuffers(downMatrices(variant), weight, biasElement(weight, activation)),
    source === 'tile'
      ? buffer('tile_map', 'u32', ['max_tiles', '3'], { note: 'expert, first row, number of rows' })
      : buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
    buffer('expert_output', 'f32', ['num_tokens * top_k', variant.space.width], {
      access: 'write',
      note,
      open: ['gaps'],
    }),
  ];
}

function commonTerms(
  spec: GenerationSpec,
  { weight, activation, intermediate }: ExpertAxes,
  variant: DownVariant,
  source: RowSource,
): Record<string, TemplateValue> {
  const matrices = downMatrices(variant);
  const part = partTerm(matrices, matrices.parts[0], {
    column: 'column',
    biasLoad: storageTerms(biasElement(weight, activation), spec.bf16Storage).load,
    input: 'intermediate[r, i]',
    term: 'i',
    index: 'h',
  });
  const input = storageTerms(intermediate.dtype, spec.bf16Storage);
  return {
    rows: rowTerms({ source, isGathered: false, inWords: '' }),
    part: { bias: part.bias },
    description: [
      `expert_output[r, h] = ${part.inWords}`,
      source === 'tile'
        ? "with the expert of row r, left in float: it is rounded once, when combine has summed a token's slots."
        : "with expert = topk_ids[r], left in float: it is rounded once, when combine has summed a token's slots.",
    ],
    input: { name: 'intermediate', msl: input.msl, load4: input.load4 },
    isScaled: false,
    output: { name: 'expert_output', store: 'float' },
    accessors: accessorTerms(
      [
        { dtype: intermediate.dtype, loads4: true },
        ...formatUses(weight, activation, variant.hasBias),
        ...(variant.order === 'in_out' ? [{ dtype: weight.element ?? 'f32', loads4: true }] : []),
      ],
      spec.bf16Storage,
    ),
  };
}
