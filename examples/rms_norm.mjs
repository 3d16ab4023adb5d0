/** Buffers come as flat typed arrays under their names; what a function constant switches off is not there. */
export function rmsNorm({ x, weight, epsilon, width: [width] }) {
  const out = new Float64Array(x.length);
  for (let row = 0; row < x.length; row += width) {
    const sum = x.subarray(row, row + width).reduce((total, value) => total + value * value, 0);
    const factor = 1 / Math.sqrt(sum / width + epsilon[0]);
    for (let i = 0; i < width; i += 1) out[row + i] = x[row + i] * factor * (weight?.[i] ?? 1);
  }
  return out;
}
