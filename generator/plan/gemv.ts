// Shape of the matrix-vector kernels. Where the terms of a column lie side by side, a simdgroup takes four weight rows at once
// and stages chunks of 8 blocks of 32 terms. Where the columns lie side by side, a threadgroup takes 32 of them, 16 blocks of
// terms at a time.

import { ELEMENT_TYPES } from '../spec/dtypes.js';
import type { WeightFormat } from '../spec/weights.js';
import type { TemplateValue } from './types.js';

/** Weight rows that one simdgroup multiplies at once. */
export const CHUNK_ROWS = 4;

/** Simdgroups of a decode kernel. */
export const SIMDGROUPS = 4;
export const THREADS = 32 * SIMDGROUPS;

/** A block of 32 terms, padded by 4. */
const BLOCK_TERMS = 32;
const BLOCK_STRIDE = BLOCK_TERMS + 4;

/** Elements of one staged row: 8 blocks. */
const CHUNK_STRIDE = 8 * BLOCK_STRIDE;

/** Threadgroup memory for the staged input, in float, and the staged weights, as stored, of all simdgroups. */
export function gemvBytes(simdgroups: number, weight: WeightFormat): number {
  return simdgroups * CHUNK_STRIDE * (4 + CHUNK_ROWS * ELEMENT_TYPES[weight.element].bytes);
}

/** Columns of a transposed matrix that one threadgroup multiplies; a thread takes four of them, for one block of terms. */
export const BLOCK_COLUMNS = 32;
const COLUMN_THREADS = BLOCK_COLUMNS / 4;
const CHUNK_BLOCKS = THREADS / COLUMN_THREADS;

/** Threadgroup memory for the staged input and the sums of all blocks. */
export const COLUMNS_BYTES = CHUNK_BLOCKS * (BLOCK_STRIDE + BLOCK_COLUMNS) * 4;

export function columnsTerms(): Record<string, TemplateValue> {
  return {
    blockColumns: BLOCK_COLUMNS,
    chunkBlocks: CHUNK_BLOCKS,
    columnThreads: COLUMN_THREADS,
    threads: THREADS,
  };
}
