// Tiles of the drop-in matrix kernels, and what follows from them: who loads what, how much threadgroup memory it takes.

import { MoegenError } from '../../../errors.js';
import type { KernelPlan, TileShape } from '../../types.js';

export function tileThreads(tile: TileShape): number {
  return 32 * tile.simdgroupsM * tile.simdgroupsN;
}

/** Rows of a tile are padded by four floats, so that neighbouring rows start in different banks. */
function tileStride(tile: TileShape): number {
  return tile.blockK + 4;
}

/** Rows of blockK terms that all threads load in one pass, four terms a thread. */
function loaderRows(tile: TileShape): number {
  return tileThreads(tile) / (tile.blockK / 4);
}

export function tileBytes(tile: TileShape, weightMatrices: number): number {
  return (tile.blockM + weightMatrices * tile.blockN) * tileStride(tile) * 4;
}

export function tileTerms(tile: TileShape) {
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
function loaderTerms(tile: TileShape): number {
  return tileThreads(tile) / (tile.blockN / 4);
}

/** Refuses a plan whose tile its loaders do not cover, or whose results do not fit where the tiles were. */
export function assertDropInTile(plan: KernelPlan, tile: TileShape, resultStride: number): void {
  const { blockM, blockN, blockK } = tile;
  const rows = loaderRows(tile);
  if (!Number.isInteger(rows) || blockM % rows !== 0 || blockN % rows !== 0) {
    refuse(plan, `passes of ${rows} loaded rows do not cover tiles of ${blockM} and ${blockN} rows`);
  }
  const terms = loaderTerms(tile);
  if (!Number.isInteger(terms) || blockK % terms !== 0) {
    refuse(plan, `passes of ${terms} loaded terms of a transposed matrix do not cover tiles of ${blockK}`);
  }
  if (tileBytes(tile, 1) > plan.threadgroupBytes)
    refuse(plan, 'the tile is larger than the threadgroup memory declared');
  assertResults(plan, tile, resultStride);
}

/** Results pass through the tiles, in rows of their own. */
function assertResults(plan: KernelPlan, tile: TileShape, resultStride: number): void {
  const { blockM, blockN } = tile;
  if (blockN > resultStride)
    refuse(plan, `a result row of ${blockN} columns does not fit a row of ${resultStride}`);
  if (blockM * resultStride * 4 > tileBytes(tile, 1))
    refuse(plan, `${blockM} result rows of ${resultStride} do not fit where the tiles were`);
}

function refuse(plan: KernelPlan, reason: string): never {
  throw new MoegenError('plan/impossible-kernel', `${plan.name} cannot be built: ${reason}`, {
    where: `family ${plan.family}`,
    help: 'choose another tile for the drop-in kernels',
  });
}
