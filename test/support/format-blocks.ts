// Blocks, formats and cases with which packed weights are tried: few, and between them every kernel that reads such weights, tails
// of tiles and steps, and rows that are longer than what is staged at once.

import type { GenerationSpec } from '../../generator/description/generation.js';
import { checkBlock } from '../../generator/description/check-block.js';
import type { MoeBlock } from '../../generator/description/block.js';
import type { ActivationDtype, Bf16Storage } from '../../generator/description/dtypes.js';
import { formatNamed, QUANTISED_FORMATS } from '../../generator/description/weights.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { KernelCase } from '../../generator/validate/kernels/cases.js';

/** A format, the activations beside it, and how BF16 is declared. */
export interface FormatRun {
  readonly format: string;
  readonly activation: ActivationDtype;
  readonly bf16Storage: Bf16Storage;
}

/** A row of each kind: all bits, all groups, all dtypes of scales. */
export const PACKED_NAMES = [
  'affine4_g64_bf16',
  'affine8_g32_f32',
  'affine4_g128_f16',
  'mxfp4',
  'q8_0',
  'q4_K',
] as const;

/** Of formats that differ in the type or the size of groups alone, one. */
export const DISTINCT_FORMATS = QUANTISED_FORMATS.filter(
  ({ name, decoder }) =>
    (decoder !== 'affine' || name.endsWith('_g32_bf16')) &&
    (!name.startsWith('fp8_') || /128x128_f32|32x32_ue8m0|channel_bf16|tensor_f32/.test(name)),
);

/** Each with BF16, and some with what else there is: tiles of half, bfloat and float, of plain and paired blocks. */
export const PACKED_RUNS: readonly FormatRun[] = [
  ...PACKED_NAMES.map((format) => ({ format, activation: 'bf16', bf16Storage: 'ushort' }) as const),
  { format: 'q4_K', activation: 'f16', bf16Storage: 'ushort' },
  { format: 'mxfp4', activation: 'f16', bf16Storage: 'ushort' },
  { format: 'q8_0', activation: 'f32', bf16Storage: 'ushort' },
  { format: 'affine4_g64_bf16', activation: 'bf16', bf16Storage: 'bfloat' },
  { format: 'q4_K', activation: 'bf16', bf16Storage: 'bfloat' },
];

/** The smallest number of whole groups that holds so many terms. */
function wholeGroups(format: string, terms: number): number {
  const { groupTerms } = formatNamed(format);
  return Math.ceil(terms / groupTerms) * groupTerms;
}

/** Some 540 terms, which are no whole number of steps, and experts for a few rows each and for many. */
export function formatBlock(format: string, traits: object = {}): MoeBlock {
  return checkBlock(
    {
      hiddenSize: wholeGroups(format, 531),
      intermediateSize: wholeGroups(format, 93),
      numExperts: 4,
      topK: 2,
      router: { scoring: { kind: 'softmax' } },
      shared: { intermediateSize: wholeGroups(format, 93), layout: 'packed' },
      ...traits,
    },
    format,
  );
}

/** The kernels for a block, which take any sizes. */
export function openPlans({ format, activation, bf16Storage }: FormatRun, block: MoeBlock): KernelPlan[] {
  const spec: GenerationSpec = {
    activations: [activation],
    weights: [format],
    bf16Storage,
    mslVersion: bf16Storage === 'bfloat' ? '3.1' : '3.0',
    block,
  };
  return planKernels(spec).map(withOpenConstants);
}

/** The same text for any sizes. */
export function withOpenConstants(plan: KernelPlan): KernelPlan {
  return {
    ...plan,
    constants: plan.constants.map(({ index, name, type, note }) => ({ index, name, type, note })),
  };
}

/** In terms, which become whole groups: rows of many tokens, slots without an expert, and both sizes longer than a stage. */
const SIZES = [
  { numTokens: 33, numExperts: 3, topK: 2, hidden: 160, intermediate: 96, routing: 'one' },
  { numTokens: 7, numExperts: 5, topK: 3, hidden: 544, intermediate: 160, routing: 'nan' },
  { numTokens: 9, numExperts: 2, topK: 1, hidden: 96, intermediate: 544, routing: 'spread' },
  { numTokens: 2, numExperts: 2, topK: 1, hidden: 2080, intermediate: 32, routing: 'spread' },
  { numTokens: 1, numExperts: 1, topK: 1, hidden: 96, intermediate: 2080, routing: 'spread' },
] as const;

export function packedCases(format: string): KernelCase[] {
  return SIZES.map(({ hidden, intermediate, ...sizes }) => {
    const [hiddenSize, intermediateSize] = [wholeGroups(format, hidden), wholeGroups(format, intermediate)];
    return {
      ...sizes,
      name: `T=${sizes.numTokens} H=${hiddenSize} I=${intermediateSize} E=${sizes.numExperts} K=${sizes.topK}`,
      hiddenSize,
      intermediateSize,
      scale: 1,
      numbers: 'plain',
      isSparse: false,
      isChecked: sizes.routing === 'nan',
    };
  });
}
