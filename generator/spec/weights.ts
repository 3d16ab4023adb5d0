// The weight formats: one row each. A dense format is an element type; its rows lie one after the other.

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

export const WEIGHT_FORMAT_NAMES: readonly string[] = WEIGHT_FORMATS.map((format) => format.name);
