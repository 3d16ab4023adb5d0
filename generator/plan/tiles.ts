// Tiles of the matrix kernels, and what follows from them: who loads what, how much threadgroup memory it takes.

import type { ConstantName } from './constants.js';
import type { TemplateValue, TileShape } from './types.js';

/**
 * Wide tiles for prompts, low ones for a few rows per expert (short prompts, small batches). Every tile adds sums of
 * blockK = 32 terms in ascending order: results do not depend on which one ran.
 */
export const TILES = {
  wide: { blockM: 32, blockN: 32, blockK: 32, simdgroupsM: 2, simdgroupsN: 2 },
  low: { blockM: 8, blockN: 32, blockK: 32, simdgroupsM: 1, simdgroupsN: 2 },
} as const satisfies Record<string, TileShape>;
export type TileName = keyof typeof TILES;

export function tileName({ blockM, blockN, blockK, simdgroupsM, simdgroupsN }: TileShape): string {
  return `bm${blockM}_bn${blockN}_bk${blockK}_wm${simdgroupsM}_wn${simdgroupsN}`;
}

export function tileThreads(tile: TileShape): number {
  return 32 * tile.simdgroupsM * tile.simdgroupsN;
}

/** Rows of a tile are padded by four floats, so that neighbouring rows start in different banks. */
function tileStride(tile: TileShape): number {
  return tile.blockK + 4;
}

/** Rows of blockK terms that all threads load in one pass, four terms a thread. */
export function loaderRows(tile: TileShape): number {
  return tileThreads(tile) / (tile.blockK / 4);
}

export function tileBytes(tile: TileShape, weightMatrices: number): number {
  return (tile.blockM + weightMatrices * tile.blockN) * tileStride(tile) * 4;
}

export function tileTerms(tile: TileShape): Record<string, TemplateValue> {
  const simdgroupRows = tile.blockM / tile.simdgroupsM;
  const simdgroupColumns = tile.blockN / tile.simdgroupsN;
  return {
    blockM: tile.blockM,
    blockN: tile.blockN,
    blockK: tile.blockK,
    threads: tileThreads(tile),
    simdgroups: tile.simdgroupsM * tile.simdgroupsN,
    simdgroupsN: tile.simdgroupsN,
    simdgroupRows,
    simdgroupColumns,
    fragmentsM: simdgroupRows / 8,
    fragmentsN: simdgroupColumns / 8,
    stride: tileStride(tile),
    loaderRows: loaderRows(tile),
    loaderTerms: loaderTerms(tile),
  };
}

/** Terms of a transposed matrix of which all threads load the tile's columns in one pass, four columns a thread. */
export function loaderTerms(tile: TileShape): number {
  return tileThreads(tile) / (tile.blockN / 4);
}

/** A weight matrix that a tiled kernel multiplies. */
export interface Operand {
  readonly [term: string]: TemplateValue;
  readonly name: string;
  /** Elements from one row of the weights to the next. */
  readonly stride: string;
}

/** The weight matrices that are multiplied side by side: also where each one's tile and result lie in threadgroup memory. */
export function placeOperands(operands: readonly Operand[], load4: string): TemplateValue[] {
  return operands.map((operand, position) => ({
    ...operand,
    load4,
    resultStart:
      position === 0 ? 'tiles' : `tiles + ${position === 1 ? '' : `${position} * `}block_m * tile_stride`,
    tileStart:
      position === 0
        ? 'input_tile + block_m * tile_stride'
        : `${operands[position - 1]?.name ?? ''}_tile + block_n * tile_stride`,
  }));
}

/** Operands of kernels that say themselves where a thread starts to read. */
export function operandTerms(names: readonly string[], load4: string, terms: ConstantName): TemplateValue[] {
  return placeOperands(
    names.map((name) => ({ name, stride: terms })),
    load4,
  );
}
