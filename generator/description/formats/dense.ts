// Dense weights: numbers of one dtype, row after row.

import type { ActivationDtype } from '../dtypes.js';
import { PLAIN, rowPlane, type DenseFormat } from './types.js';

function dense(element: ActivationDtype, summary: string): DenseFormat {
  return {
    ...PLAIN,
    name: element,
    summary,
    element,
    blockTerms: 16,
    groupTerms: 1,
    hasScale: false,
    planes: [rowPlane('weight', element, 1, 1)],
    decoder: 'dense',
  };
}

export const DENSE_FORMATS: readonly DenseFormat[] = [
  dense('f16', 'dense half'),
  dense('bf16', 'dense bfloat16'),
  dense('f32', 'dense float'),
];
