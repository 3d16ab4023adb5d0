// Shape of the matrix-vector kernels whose matrices are transposed: the columns lie side by side, a threadgroup takes 32 of them,
// 16 blocks of 16 terms at a time.

import { startTerms, type Matrices } from './matrices.js';

export const COLUMN_THREADGROUP = 128;

/** Columns that one threadgroup multiplies; a thread takes four of them, for one block of terms. */
export const BLOCK_COLUMNS = 32;
const COLUMN_THREADS = BLOCK_COLUMNS / 4;
const CHUNK_BLOCKS = COLUMN_THREADGROUP / COLUMN_THREADS;

/** A block of 16 terms, padded by 4. */
const BLOCK_STRIDE = 16 + 4;

/** Threadgroup memory for the staged input and the sums of all blocks. */
export const COLUMNS_BYTES = CHUNK_BLOCKS * (BLOCK_STRIDE + BLOCK_COLUMNS) * 4;

export function columnsTerms() {
  return {
    blockColumns: BLOCK_COLUMNS,
    chunkBlocks: CHUNK_BLOCKS,
    columnThreads: COLUMN_THREADS,
    threads: COLUMN_THREADGROUP,
  };
}

/** One product for each matrix, or a single one whose even columns are gates and whose odd ones are ups. */
export function columnProducts(matrices: Matrices, isScaled: boolean) {
  const { parts, terms, columns } = matrices;
  const [first] = parts;
  return {
    columns,
    terms,
    isPairs: first.place === 'even',
    first: startTerms(matrices, first),
    operands: parts.map((part) => ({ name: part.name, isScaled, ...startTerms(matrices, part) })),
  };
}
