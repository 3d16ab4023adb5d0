// The tile of the drop-in matrix kernels: each threadgroup owns some rows of the output and multiplies, expert after expert, those
// of them that take the expert. What the row_tile and add_product partials print follows from it.

import { ELEMENT_TYPES } from '../../../spec/dtypes.js';
import type { TemplateValue } from '../../types.js';

const ROWS = 32;
const COLUMNS = 64;
const TERMS = 32;
const SIMDGROUPS = 4;
const STRIDE = TERMS + 4;

export const ROW_TILE = { rows: ROWS, columns: COLUMNS, threads: 32 * SIMDGROUPS } as const;

/** Staged inputs and weights, and for each row its place, its position and its weight. */
export const ROW_TILE_BYTES =
  (ROWS + COLUMNS) * STRIDE * ELEMENT_TYPES.f32.bytes + 3 * ROWS * ELEMENT_TYPES.u32.bytes;

export function rowTileTerms(): Record<string, TemplateValue> {
  return {
    rows: ROWS,
    columns: COLUMNS,
    terms: TERMS,
    simdgroups: SIMDGROUPS,
    threads: ROW_TILE.threads,
    stride: STRIDE,
    resultStride: COLUMNS + 4,
    threadRows: (ROWS * COLUMNS) / ROW_TILE.threads,
  };
}
