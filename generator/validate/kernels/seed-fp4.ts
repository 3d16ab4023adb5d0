// FP4 weights for trials: every code, scales of several sizes, groups that are and are not a multiple of a word.

import { decodeFp4 } from '../../reference/fp4.js';
import type { Random } from '../random.js';
import { store } from './trial.js';

export interface MadeFp4 {
  readonly wordBytes: Uint8Array;
  readonly scaleBytes: Uint8Array;
  readonly groupSize: number;
  /** [count, columns, terms] */
  readonly values: Float64Array;
}

const GROUP_SIZES = [32, 12, 128, 64] as const;

export function makeFp4(shape: { count: number; terms: number; columns: number }, random: Random): MadeFp4 {
  const { count, terms, columns } = shape;
  const groupSize = GROUP_SIZES[terms % GROUP_SIZES.length] ?? 32;
  const words = Uint32Array.from({ length: count * Math.ceil(terms / 8) * columns }, () =>
    random.below(2 ** 32),
  );
  const numScales = count * Math.ceil(terms / groupSize) * columns;
  const scales = store('f16', Float32Array.from(random.spread(numScales, 1 / Math.sqrt(terms)), Math.abs));
  return {
    wordBytes: new Uint8Array(words.buffer),
    scaleBytes: scales.bytes,
    groupSize,
    values: decodeFp4({ words, scales: scales.values, count, terms, columns, groupSize }),
  };
}
