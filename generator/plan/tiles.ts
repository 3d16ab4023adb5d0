// Tiles of the matrix kernels of the pipeline, and what follows from them: in which type a tile holds its elements, who loads
// what, how much threadgroup memory it takes.

import type { ActivationDtype, Bf16Storage } from '../description/dtypes.js';
import type { WeightFormat } from '../description/weights.js';
import { laneTerms } from './rows.js';
import type { TileShape } from './types.js';

/** Wide tiles for prompts, low ones for a few rows per expert. Results do not depend on which one ran. */
export const TILE_NAMES = ['wide', 'low'] as const;
export type TileName = (typeof TILE_NAMES)[number];

/** Rows of a tile: the same for gate_up and down, which share the tile map. */
export const TILE_ROWS: Readonly<Record<TileName, number>> = { wide: 64, low: 16 };

/** What decides a tile beside its name. */
export interface TileUse {
  readonly input: ActivationDtype;
  /** Each term is multiplied by a weight before it is used: a float. */
  readonly isScaled: boolean;
  readonly format: WeightFormat;
  readonly isByRows: boolean;
  /** Matrices side by side: gate and up. */
  readonly parts: number;
  readonly bf16Storage: Bf16Storage;
}

/** The type in which operands lie in a tile: 16 bits where these hold both of them exactly. */
type TileElement = 'half' | 'bfloat' | 'float';

export interface TilePlan extends TileUse {
  readonly shape: TileShape;
  readonly element: TileElement;
}

/**
 * The tile table. Figures were measured on an NVIDIA H200 with the text that a Mac gets (docs/performance.md); no Apple GPU was at
 * hand. In wide tiles each of four simdgroups has 32 rows and 32 columns of gate and of up: whatever it reads from a tile, it uses
 * often. Low ones have four simdgroups side by side.
 */
export function planTile(name: TileName, use: TileUse): TilePlan {
  const element = tileElement(use);
  const { format, parts } = use;
  const isLow = name === 'low';
  // Of paired blocks a tile takes both; in float these need room.
  const isLarge = format.isPaired && element === 'float';
  // Block sums beside those of rows, in float or of pairs, leave registers for half as many columns.
  const isHalf = !isLow && format.hasScale && (format.isPaired || element === 'float');
  const weightRows = isLarge ? 32 : isHalf ? 64 : 128;
  // Of 16 bits, 64 terms of all rows fit: half as many barriers. Wide tiles of weights with scales keep half of them, for a second
  // block's sums would not stay in registers.
  const isDeep = element !== 'float' && (isLow || !format.hasScale);
  const shape: TileShape = {
    blockM: TILE_ROWS[name],
    blockN: weightRows / parts,
    blockK: format.isPaired || isDeep ? 64 : 32,
    simdgroupsM: isLow ? 1 : 2,
    simdgroupsN: isLow && !isLarge ? 4 : 2,
  };
  return { ...use, shape, element };
}

function tileElement({ input, isScaled, format, bf16Storage }: TileUse): TileElement {
  if (isScaled || (format.element !== null && format.element !== input)) return 'float';
  if (input === 'f16') return 'half';
  return input === 'bf16' && bf16Storage === 'bfloat' ? 'bfloat' : 'float';
}

export function tileName({ blockM, blockN, blockK, simdgroupsM, simdgroupsN }: TileShape): string {
  return `bm${blockM}_bn${blockN}_bk${blockK}_wm${simdgroupsM}_wn${simdgroupsN}`;
}

export function tileThreads({ simdgroupsM, simdgroupsN }: TileShape): number {
  return 32 * simdgroupsM * simdgroupsN;
}

function weightRows({ shape, parts }: TilePlan): number {
  return shape.blockN * parts;
}

/** Rows are padded by 16 bytes, so that neighbouring rows start in different banks. */
function padding({ element }: TilePlan): number {
  return element === 'float' ? 4 : 8;
}

export function tileBytes(tile: TilePlan): number {
  const { shape, element, format, isByRows } = tile;
  const { blockM, blockK } = shape;
  const rows = weightRows(tile);
  const stride = blockK + padding(tile);
  const weights = isByRows ? rows * stride : blockK * (rows + padding(tile));
  const blocks = format.hasScale ? blockK / format.blockTerms : 0;
  const scales = (rows * (format.hasOffset ? 2 : 1) + (format.hasOffset ? blockM : 0)) * blocks * 4;
  const elements = (blockM * stride + weights) * (element === 'float' ? 4 : 2);
  return elements + scales;
}

export function tileTerms(tile: TilePlan) {
  const { shape, element, format, parts, isByRows, input, isScaled } = tile;
  const { blockM, blockN, blockK, simdgroupsM, simdgroupsN } = shape;
  const threads = tileThreads(shape);
  const terms = isByRows ? laneTerms(format) : blockK;
  const simdgroupRows = blockM / simdgroupsM;
  const simdgroupColumns = blockN / simdgroupsN;
  const sameType = { half: 'f16', bfloat: 'bf16', float: 'f32' }[element];
  return {
    blockM,
    blockN,
    blockK,
    threads,
    parts,
    isPair: parts === 2,
    simdgroups: simdgroupsM * simdgroupsN,
    simdgroupsN,
    isShared: simdgroupsM > 1,
    simdgroupRows,
    simdgroupColumns,
    fragmentsM: simdgroupRows / 8,
    fragmentsN: simdgroupColumns / 8,
    weightRows: weightRows(tile),
    stride: blockK + padding(tile),
    weightStride: weightRows(tile) + padding(tile),
    laneTerms: terms,
    inputPasses: (blockM * blockK) / 4 / threads,
    weightPasses: Math.ceil((weightRows(tile) * (blockK / terms)) / threads),
    msl: element,
    codeBits: element === 'half' ? '0x64006400u' : '0x43004300u',
    codeBase: (element === 'half' ? 1024 : 128) + format.zero,
    isInputAsStored: !isScaled && sameType === input,
  };
}

/** What the format's partial prints for a tile: dense weights lie there in the very bits of memory, small codes come in pairs. */
export function tileFormatTerms({ format, element, isByRows }: TilePlan) {
  return {
    isByRows,
    isAsStored: format.element === { half: 'f16', bfloat: 'bf16', float: 'f32' }[element],
    isByPairs: element !== 'float' && format.pairs !== null,
  };
}
