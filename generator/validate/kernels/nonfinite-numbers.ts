// Infinities and NaN at single places: what must come of them the references say, and that nothing else changes.

/** Rows of input: an infinity, a NaN and a negative infinity, each in a token of its own. */
export function spoilRows(rows: Float32Array, width: number): void {
  setIn(rows, width + 1, Infinity);
  setIn(rows, 4 * width - 1, NaN);
  setIn(rows, 5 * width, -Infinity);
}

/** Rows of the last of some matrices that lie one after the other: other experts have none. */
export function spoilMatrix(values: Float32Array, matrixSize: number, rowTerms: number): void {
  const start = values.length - matrixSize;
  setIn(values, start + 1, Infinity);
  setIn(values, start + rowTerms + 2, NaN);
  setIn(values, start + 2 * rowTerms, -Infinity);
}

/** Of the last of several rows of biases. */
export function spoilBias(values: Float32Array, rowSize: number): void {
  const start = values.length - rowSize;
  setIn(values, start + 3, Infinity);
  setIn(values, start + 4, NaN);
  setIn(values, start + 5, -Infinity);
}

function setIn(values: Float32Array, at: number, value: number): void {
  if (at >= 0 && at < values.length) values[at] = value;
}
