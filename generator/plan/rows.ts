// Shape of the kernels that multiply rows of weights with a few rows of input: weights go from memory into registers, a block of
// terms a lane, and the input is staged once per threadgroup as float.

import type { WeightFormat } from '../description/weights.js';

/** Which rows of input a threadgroup takes: one assignment's, those of a tile of one expert, or some tokens. */
export type RowSource = 'assignment' | 'tile' | 'token';

export interface RowShape {
  /** Lanes that share a row of weights. */
  readonly rowLanes: 8 | 16 | 32;
  /** Rows of weights that a lane multiplies with the same input; even, where these are gates and ups. */
  readonly laneRows: number;
  readonly simdgroups: number;
  /** Rows of input. */
  readonly maxRows: 1 | 2 | 4 | 8;
  /** Terms of the input that are staged at once, of all rows together. */
  readonly tileTerms: number;
}

/** Rows of input that one threadgroup of the skinny path, and of a product with tokens, takes. */
export const SKINNY_ROWS = 8;

/** Terms of a group with scales of two levels: a step never crosses from one into the next. */
const LARGE_GROUP = 256;

/**
 * The tile table of these kernels. Figures were measured on an NVIDIA H200 with the text that a Mac gets (docs/performance.md); no
 * Apple GPU was at hand. Dense weights need many bytes under way, so that more lanes share a row; packed ones need few
 * instructions for each weight, and their rows are short: the more lanes share one, the fewer steps are left, and the more rows
 * a threadgroup has, the less counts the input that each of them reads. Gate and up have the longer rows.
 */
export function rowShape(format: WeightFormat, source: RowSource, parts: number): RowShape {
  const isPacked = format.element === null;
  if (source !== 'assignment') {
    const laneRows = isPacked || source === 'token' ? 2 : 4;
    // The padding of small blocks takes the room of further simdgroups.
    const simdgroups = isPacked && format.blockTerms === 32 ? 8 : 4;
    return { rowLanes: 8, laneRows, simdgroups, maxRows: SKINNY_ROWS, tileTerms: 4096 };
  }
  const rowLanes = isPacked && (parts === 1 || format.groupTerms === LARGE_GROUP) ? 8 : 16;
  return { rowLanes, laneRows: 4, simdgroups: isPacked ? 8 : 4, maxRows: 1, tileTerms: 2048 };
}

/** Of the router for a few tokens, whose few rows are spread over many simdgroups. */
export const LOGIT_SHAPE: RowShape = {
  rowLanes: 32,
  laneRows: 1,
  simdgroups: 4,
  maxRows: 4,
  tileTerms: 4096,
};

/** Of a product with a single row. */
export const VECTOR_SHAPE: RowShape = {
  rowLanes: 32,
  laneRows: 1,
  simdgroups: 2,
  maxRows: 4,
  tileTerms: 4096,
};

/** Terms that a lane multiplies at once: a block. */
export function laneTerms({ blockTerms }: WeightFormat): number {
  return blockTerms;
}

/** Steps of a joint kernel that are written out one after the other. */
const UNROLLED_STEPS = 4;

function simdgroupRows({ rowLanes, laneRows }: RowShape): number {
  return (32 / rowLanes) * laneRows;
}

/** Columns of the result that a simdgroup, and a threadgroup, computes. */
export function simdgroupColumns(shape: RowShape, parts: number): number {
  return simdgroupRows(shape) / parts;
}

export function groupColumns(shape: RowShape, parts: number): number {
  return shape.simdgroups * simdgroupColumns(shape, parts);
}

export function rowThreads({ simdgroups }: RowShape): number {
  return 32 * simdgroups;
}

/** Rows of block sums that a simdgroup holds: also room for all its results. */
function sumRows(shape: RowShape): number {
  const all = shape.maxRows * simdgroupRows(shape);
  return Math.max(Math.min(all, 32), Math.ceil(all / (shape.rowLanes + 4)));
}

/**
 * Simdgroups take turns in adding the block sums of all rows of their threadgroup: a single row of input leaves most lanes of a
 * simdgroup without a sum of its own to add to. Packed weights alone, whose kernels wait for instructions and not for bytes.
 */
function isJoint({ hasScale }: WeightFormat, { maxRows }: RowShape): boolean {
  return hasScale && maxRows === 1;
}

/** Threadgroup memory as the kernel declares it. */
export function rowBytes(format: WeightFormat, shape: RowShape, source: RowSource, isScaled = false): number {
  const { maxRows, tileTerms, simdgroups, rowLanes } = shape;
  const terms = laneTerms(format);
  const input = (tileTerms / terms) * (terms + 4) * 4;
  const sums = format.hasOffset ? (tileTerms / format.blockTerms) * 4 : 0;
  const groupRows = simdgroups * simdgroupRows(shape);
  const results = isJoint(format, shape)
    ? groupRows * (2 * (rowLanes + 4) + 1) * 4
    : simdgroups * sumRows(shape) * (rowLanes + 4) * 4;
  const place = { assignment: 4, tile: 12, token: 0 }[source];
  return input + sums + results + maxRows * (isScaled ? 12 : 8) + place;
}

export function rowShapeTerms(format: WeightFormat, shape: RowShape, parts: number) {
  return {
    rowLanes: shape.rowLanes,
    laneRows: shape.laneRows,
    simdgroups: shape.simdgroups,
    maxRows: shape.maxRows,
    isSingle: shape.maxRows === 1,
    isJoint: isJoint(format, shape),
    unrolledSteps: UNROLLED_STEPS,
    tileTerms: shape.tileTerms,
    loads: Math.min(4, shape.tileTerms / (4 * rowThreads(shape))),
    takesTwo: shape.maxRows >= 2,
    takesFour: shape.maxRows >= 4,
    takesEight: shape.maxRows >= 8,
    laneTerms: laneTerms(format),
    threads: rowThreads(shape),
    sumRows: sumRows(shape),
    simdgroupColumns: simdgroupColumns(shape, parts),
    columns: groupColumns(shape, parts),
  };
}
