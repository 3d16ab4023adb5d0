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
import { expertBanks } from '../banks.js';
import { constants } from '../constants.js';
import { biasElement, formatUses } from '../format-terms.js';
import { biasTerms, matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { type RowSource } from '../rows.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { TILE_NAMES, type TileName } from '../tiles.js';
import type { Binding, KernelPlan } from '../types.js';
import { downNaming, downVariant, type DownVariant } from '../variants.js';
import { NO_FINISH, rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import { expertAxes, partInWords, type ExpertAxes } from './shared.js';
import { printed } from '../printed.js';

export function downPlans(spec: GenerationSpec): KernelPlan[] {
  return expertBanks(spec.block).flatMap((bank) => {
    const variant = downVariant(spec.block, bank);
    return expertAxes(spec, bank.projections.down).flatMap((axes) => plansOf(spec, axes, variant));
  });
}

function plansOf(spec: GenerationSpec, axes: ExpertAxes, variant: DownVariant): KernelPlan[] {
  if (variant.order === 'in_out' && axes.weight.element === null) return [];
  const tiles = TILE_NAMES.map((tile) => tiledPlan(spec, axes, variant, tile));
  return variant.order === 'in_out'
    ? [...tiles, decodeTransposedPlan(spec, axes, variant)]
    : [...tiles, rowPlan(spec, axes, variant, 'tile'), rowPlan(spec, axes, variant, 'assignment')];
}

/** The matrix that the routed experts' down kernels multiply. */
function downMatrices({ bank, order, hasBias, space }: DownVariant): Matrices {
  return {
    parts: [plainPart(`${bank.prefix}down`, space.width, hasBias)],
    order,
    columns: space.width,
    terms: bank.columns,
    owner: bank.owner,
  };
}

function tiledPlan(spec: GenerationSpec, axes: ExpertAxes, variant: DownVariant, name: TileName): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = downNaming(variant);
  const family = `${variant.bank.prefix}down` as const;
  const form = tiledForm(name, { ...productUse(spec, axes, variant), input: intermediate.dtype });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix, form.suffix),
    family,
    summary: `Grouped ${nameIn(variant)} projection of ${intermediate.dtype} rows with ${weight.summary} weights, ${outputIn(variant)}`,
    axes: { ...commonAxes(axes, variant), tile: name },
    bindings: bindings(...buffers(axes, variant, 'tile')),
    ...form.plan,
    ...printed('product', {
      ...commonTerms(spec, axes, variant, 'tile'),
      ...form.terms,
      finish: { ...NO_FINISH, ...storing(variant) },
      steps: [],
    }),
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
  const family = `${source === 'tile' ? 'skinny' : 'decode'}_${variant.bank.prefix}down` as const;
  const form = rowForm({ ...productUse(spec, axes, variant), source });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName(family, ...words, activation, weight.name, intermediate.suffix),
    family,
    summary: `${capitalised(nameIn(variant))} projection of ${source === 'tile' ? 'a few rows of each expert' : 'a few tokens'} with ${weight.summary} weights, ${outputIn(variant)}`,
    axes: commonAxes(axes, variant),
    bindings: bindings(...buffers(axes, variant, source)),
    ...form.plan,
    ...printed('row_product', {
      ...commonTerms(spec, axes, variant, source),
      ...form.terms,
      hasZeroExperts: false,
      finish: { ...NO_FINISH, ...storing(variant) },
      steps: [],
    }),
  };
}

function storing({ bank: { isAdded } }: DownVariant) {
  return { isAdded, isRow: !isAdded };
}

function productUse({ bf16Storage }: GenerationSpec, { weight }: ExpertAxes, variant: DownVariant) {
  return {
    matrices: downMatrices(variant),
    weight,
    indirect: variant.bank.grids.down,
    isScaled: false,
    bf16Storage,
  };
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
    summary: `Down projection of a few tokens with ${weight.summary} weights, float output`,
    axes: commonAxes(axes, variant),
    bindings: bindings(...buffers(axes, variant, 'assignment')),
    dispatch: {
      threadgroups: [`ceil_div(${variant.space.width}, ${BLOCK_COLUMNS})`, 'num_tokens * top_k', '1'],
      threadsPerThreadgroup: [COLUMN_THREADGROUP, 1, 1],
    },
    threadgroupBytes: COLUMNS_BYTES,
    ...printed('decode_down_transposed', {
      ...columnsTerms(),
      part,
      output,
      description,
      input,
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
    }),
  };
}

/** In a kernel's summary. */
function nameIn({ bank }: DownVariant): string {
  return bank.owner === 'adjugate' ? "shared neighbours' down" : 'down';
}

function outputIn({ bank }: DownVariant): string {
  return bank.isAdded ? "added to the experts' rows in float" : 'float output';
}

function capitalised(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function commonPlan(spec: GenerationSpec, { activation }: ExpertAxes, { bank, space }: DownVariant) {
  const added = bank.isAdded ? (['adjugate_scale'] as const) : [];
  return {
    folder: activation,
    constants: constants(spec, space.width, bank.columns, 'num_experts', ...bank.constants, ...added),
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
    buffer(variant.bank.intermediate, intermediate.dtype, ['num_tokens * top_k', variant.bank.columns], {
      note,
    }),
    ...matrixBuffers(downMatrices(variant), weight, biasElement(weight, activation)),
    source === 'tile'
      ? buffer('tile_map', 'u32', ['max_tiles', '3'], { note: 'expert, first row, number of rows' })
      : buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
    buffer('expert_output', 'f32', ['num_tokens * top_k', variant.space.width], {
      access: variant.bank.isAdded ? 'read_write' : 'write',
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
) {
  const { bank } = variant;
  const matrices = downMatrices(variant);
  const [part] = matrices.parts;
  const biasLoad = storageTerms(biasElement(weight, activation), spec.bf16Storage).load;
  const inWords = partInWords(matrices, part, {
    input: `${bank.intermediate}[r, i]`,
    term: 'i',
    index: 'h',
  });
  const input = storageTerms(intermediate.dtype, spec.bf16Storage);
  return {
    rows: rowTerms({ source, isGathered: false, inWords: '' }),
    part: biasTerms(matrices, part, biasLoad),
    description: [
      bank.isAdded
        ? `expert_output[r, h] += adjugate_scale * (${inWords})`
        : `expert_output[r, h] = ${inWords}`,
      source === 'tile'
        ? "with the expert of row r, left in float: it is rounded once, when combine has summed a token's slots."
        : "with expert = topk_ids[r], left in float: it is rounded once, when combine has summed a token's slots.",
    ],
    input: { name: bank.intermediate, msl: input.msl, load4: input.load4 },
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
