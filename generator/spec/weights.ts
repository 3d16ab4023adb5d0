// The weight formats: one row each. A dense format is an element type; its rows lie one after the other. A packed one holds several
// values in a word.

import { MoegenError } from '../errors.js';
import type { ActivationDtype } from './dtypes.js';

export interface WeightFormat {
  readonly name: string;
  readonly summary: string;
  readonly element: ActivationDtype;
}

export const WEIGHT_FORMATS: readonly WeightFormat[] = [
  { name: 'f16', summary: 'dense half', element: 'f16' },
  { name: 'bf16', summary: 'dense bfloat16', element: 'bf16' },
  { name: 'f32', summary: 'dense float', element: 'f32' },
];

/** Eight E2M1 codes to a word, lowest bits first, and a half scale for each group of terms. */
export interface Fp4Format {
  readonly name: string;
  readonly summary: string;
  /** Which elements of a matrix have their words side by side: those of all columns, or those of one column. */
  readonly neighbours: 'columns' | 'terms';
}

export const FP4_FORMATS = [
  { name: 'fp4', summary: 'FP4, words [terms / 8, columns]', neighbours: 'columns' },
  { name: 'fp4_nk', summary: 'FP4, words [columns, terms / 8]', neighbours: 'terms' },
] as const satisfies readonly Fp4Format[];

export const WEIGHT_FORMAT_NAMES: readonly string[] = [...WEIGHT_FORMATS, ...FP4_FORMATS].map(
  (format) => format.name,
);

export function denseFormats(names: readonly string[]): WeightFormat[] {
  return WEIGHT_FORMATS.filter(({ name }) => names.includes(name));
}

/** Those in which the kernels of a model come; the drop-in kernels alone take the others. */
export function modelFormats(names: readonly string[]): WeightFormat[] {
  const formats = denseFormats(names);
  if (formats.length > 0) return formats;
  throw new MoegenError(
    'spec/no-dense-weights',
    `expected dense weights for a model, got ${names.join(', ')}`,
    {
      where: 'weight formats',
      help: `use ${WEIGHT_FORMATS.map(({ name }) => name).join(', ')}`,
    },
  );
}
