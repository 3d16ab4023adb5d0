/** Buffers come as flat typed arrays, half as float; shapes and function constants stand beside them. */
export function maskedSoftmax({ input, mask }, { shapes }) {
  const [rows, width] = shapes.input;
  const output = new Float64Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const places = Array.from({ length: width }, (_, i) => row * width + i).filter((at) => mask[at] === 1);
    const largest = Math.max(...places.map((at) => input[at]));
    const sum = places.reduce((total, at) => total + Math.exp(input[at] - largest), 0);
    for (const at of places) output[at] = Math.exp(input[at] - largest) / sum;
  }
  return { output };
}
