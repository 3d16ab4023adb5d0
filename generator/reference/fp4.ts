// FP4 (E2M1) weights as numbers: codes in words of eight along the terms, lowest bits first, with a scale for each group of terms.

/** Of the codes 0 to 7; those from 8 on are their negatives. */
const MAGNITUDES = [0, 0.5, 1, 1.5, 2, 3, 4, 6] as const;

export interface Fp4Matrices {
  /** [count, ceil(terms / 8), columns] */
  readonly words: Uint32Array;
  /** [count, ceil(terms / groupSize), columns] */
  readonly scales: ArrayLike<number>;
  readonly count: number;
  readonly terms: number;
  readonly columns: number;
  readonly groupSize: number;
}

function fp4Value(code: number): number {
  const magnitude = MAGNITUDES[code % 8] ?? NaN;
  return code < 8 ? magnitude : -magnitude;
}

/** The matrices in double precision, [count, columns, terms]. */
export function decodeFp4(matrices: Fp4Matrices): Float64Array {
  const { words, scales, count, terms, columns, groupSize } = matrices;
  const [wordRows, groups] = [Math.ceil(terms / 8), Math.ceil(terms / groupSize)];
  const values = new Float64Array(count * columns * terms);
  for (let matrix = 0; matrix < count; matrix += 1) {
    for (let column = 0; column < columns; column += 1) {
      for (let term = 0; term < terms; term += 1) {
        const word = words[(matrix * wordRows + Math.floor(term / 8)) * columns + column] ?? 0;
        const scale = scales[(matrix * groups + Math.floor(term / groupSize)) * columns + column] ?? NaN;
        values[(matrix * columns + column) * terms + term] =
          fp4Value((word >>> (4 * (term % 8))) & 15) * scale;
      }
    }
  }
  return values;
}
