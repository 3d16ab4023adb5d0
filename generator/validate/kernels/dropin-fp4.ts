// FP4 weights for trials: every code, scales of several sizes, groups that are and are not a multiple of a word, in both packings.

import { decodeFp4 } from '../../reference/fp4.js';
import type { Random } from '../random.js';
import { spoilMatrix } from './nonfinite-numbers.js';
import { store } from './trial.js';

export interface MatrixShape {
  readonly count: number;
  readonly terms: number;
  readonly columns: number;
  /** The only matrix that is made. */
  readonly only?: number | undefined;
  /** Some numbers of the last matrix are infinite or NaN. */
  readonly isSpoiled?: boolean;
}

export interface MadeFp4 {
  readonly wordBytes: Uint8Array;
  readonly scaleBytes: Uint8Array;
  readonly groupSize: number;
  /** [count, columns, terms] */
  readonly values: Float64Array;
}

const GROUP_SIZES = [32, 12, 128, 64] as const;

/** Words [count, terms / 8, columns]. */
export function makeFp4(shape: MatrixShape, random: Random): MadeFp4 {
  const { count, terms, columns } = shape;
  const groupSize = GROUP_SIZES[terms % GROUP_SIZES.length] ?? 32;
  const words = Uint32Array.from({ length: count * Math.ceil(terms / 8) * columns }, () =>
    random.below(2 ** 32),
  );
  const numScales = count * Math.ceil(terms / groupSize) * columns;
  const numbers = Float32Array.from(random.spread(numScales, 1 / Math.sqrt(terms)), Math.abs);
  if (shape.isSpoiled === true) spoilMatrix(numbers, numScales / count, 0);
  const scales = store('f16', numbers);
  return {
    wordBytes: new Uint8Array(words.buffer),
    scaleBytes: scales.bytes,
    groupSize,
    values: decodeFp4({ words, scales: scales.values, count, terms, columns, groupSize }),
  };
}

/** Words [count, columns, terms / 8]; the scales stay where they are. */
export function makeFp4ByColumns(shape: MatrixShape, random: Random): MadeFp4 {
  const { columns, terms } = shape;
  const rows = Math.ceil(terms / 8);
  const made = makeFp4(shape, random);
  const words = new Uint32Array(made.wordBytes.buffer);
  const packed = words.map((_, at) => {
    const [row, column] = [at % rows, Math.floor(at / rows) % columns];
    return words[at - (at % (rows * columns)) + row * columns + column] ?? 0;
  });
  return { ...made, wordBytes: new Uint8Array(packed.buffer) };
}
