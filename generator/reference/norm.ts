// Root mean square normalisation in double precision.

import type { Values } from './weights.js';

/** Rows of x over their root mean square, times a weight for each column, times a factor. */
export function rmsNorm(
  x: Float64Array,
  weight: Values,
  { epsilon, factor = 1 }: { readonly epsilon: number; readonly factor?: number },
): Float64Array {
  const width = weight.length;
  const y = new Float64Array(x.length);
  for (let start = 0; start < x.length; start += width) {
    let squares = 0;
    for (let at = start; at < start + width; at += 1) squares += (x[at] ?? NaN) ** 2;
    const scale = factor / Math.sqrt(squares / width + epsilon);
    for (let column = 0; column < width; column += 1) {
      y[start + column] = (x[start + column] ?? NaN) * scale * (weight[column] ?? NaN);
    }
  }
  return y;
}
