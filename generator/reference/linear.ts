// Matrix products in double precision. The inner loops run over contiguous memory in both layouts.

import type { Values } from './weights.js';

/** y = x * W^T + bias: x is [rows, in], W lies as [out, in]. */
export function linearOutIn(
  x: Float64Array,
  weight: Values,
  bias: Values | null,
  inSize: number,
): Float64Array {
  const rows = x.length / inSize;
  const outSize = weight.length / inSize;
  const y = new Float64Array(rows * outSize);
  for (let out = 0; out < outSize; out += 1) {
    const start = out * inSize;
    for (let row = 0; row < rows; row += 1) {
      const from = row * inSize;
      let sum = 0;
      for (let i = 0; i < inSize; i += 1) sum += (x[from + i] ?? 0) * (weight[start + i] ?? 0);
      y[row * outSize + out] = sum + (bias?.[out] ?? 0);
    }
  }
  return y;
}

/** y = x * W + bias: x is [rows, in], W lies as [in, out]. */
export function linearInOut(
  x: Float64Array,
  weight: Values,
  bias: Values | null,
  inSize: number,
): Float64Array {
  const rows = x.length / inSize;
  const outSize = weight.length / inSize;
  const y = new Float64Array(rows * outSize);
  for (let row = 0; row < rows; row += 1) {
    const to = row * outSize;
    if (bias !== null) y.set(bias, to);
    for (let i = 0; i < inSize; i += 1) {
      const value = x[row * inSize + i] ?? 0;
      const start = i * outSize;
      for (let out = 0; out < outSize; out += 1) {
        y[to + out] = (y[to + out] ?? 0) + value * (weight[start + out] ?? 0);
      }
    }
  }
  return y;
}
