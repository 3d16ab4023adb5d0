// Selected experts into the order in which the expert kernels work: a stable counting sort of the assignments, an
// assignment being one slot of one token, numbered token * top_k + slot.

/** The row of an assignment that has none. */
export const NO_ROW = 0xffffffff;

export interface ExpertIndex {
  /** Assignments per expert. */
  readonly counts: Uint32Array;
  /** First row of each expert, and after them the number of rows. */
  readonly offsets: Uint32Array;
  /** The assignment at each row: experts ascending, within an expert assignments ascending. */
  readonly order: Uint32Array;
  /** The row of each assignment. */
  readonly inverse: Uint32Array;
}

/** Ids from `numExperts` on (experts without weights, unfilled slots) get no row. */
export function referenceIndex(ids: Uint32Array, numExperts: number): ExpertIndex {
  const counts = referenceHistogram(ids, numExperts);
  const offsets = new Uint32Array(numExperts + 1);
  counts.forEach((count, expert) => {
    offsets[expert + 1] = (offsets[expert] ?? 0) + count;
  });
  const order = new Uint32Array(offsets[numExperts] ?? 0);
  const inverse = new Uint32Array(ids.length).fill(NO_ROW);
  const next = offsets.slice();
  ids.forEach((expert, assignment) => {
    if (expert >= numExperts) return;
    const row = next[expert] ?? 0;
    order[row] = assignment;
    inverse[assignment] = row;
    next[expert] = row + 1;
  });
  return { counts, offsets, order, inverse };
}

/** How often each expert was selected. */
export function referenceHistogram(ids: Uint32Array, numExperts: number): Uint32Array {
  const counts = new Uint32Array(numExperts);
  for (const expert of ids) {
    if (expert < numExperts) counts[expert] = (counts[expert] ?? 0) + 1;
  }
  return counts;
}

/** The input row of each assignment in `order`: row order[i] / top_k of x. */
export function referenceGather(
  x: Float64Array,
  order: Uint32Array,
  topK: number,
  hiddenSize: number,
): Float64Array {
  const rows = new Float64Array(order.length * hiddenSize);
  order.forEach((assignment, row) => {
    const token = Math.floor(assignment / topK);
    rows.set(x.subarray(token * hiddenSize, (token + 1) * hiddenSize), row * hiddenSize);
  });
  return rows;
}
