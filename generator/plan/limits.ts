// What a device of the Apple 7 family can hold, and what a tile must satisfy: a plan that breaks one of these is refused by
// name before any text exists. Limits are Apple's (Metal feature set tables).

import { MoegenError } from '../errors.js';
import { loaderRows, loaderTerms, tileBytes, tileThreads } from './tiles.js';
import type { KernelPlan, TileShape } from './types.js';

const MAX_THREADS_PER_THREADGROUP = 1024;
const MAX_THREADGROUP_BYTES = 32_768;
const MAX_BUFFERS = 31;

export function assertPlan(plan: KernelPlan): void {
  const [x, y, z] = plan.dispatch.threadsPerThreadgroup;
  expectAtMost(plan, 'threads per threadgroup', x * y * z, MAX_THREADS_PER_THREADGROUP);
  expectAtMost(plan, 'bytes of threadgroup memory', plan.threadgroupBytes, MAX_THREADGROUP_BYTES);
  assertBindings(plan);
  if (plan.tile !== undefined) {
    assertTile(plan, plan.tile);
    if (tileThreads(plan.tile) !== x * y * z) {
      refuse(plan, `a tile of ${tileThreads(plan.tile)} threads is dispatched with ${x * y * z}`);
    }
  }
}

/** In ascending order; an index may stay free. */
function assertBindings(plan: KernelPlan): void {
  let next = 0;
  for (const { name, index } of plan.bindings) {
    if (index < next) refuse(plan, `binding ${name} has index ${index}, where ${next} is the first free one`);
    next = index + 1;
  }
  expectAtMost(plan, 'buffers', next, MAX_BUFFERS);
}

function assertTile(plan: KernelPlan, tile: TileShape): void {
  const { blockM, blockN, blockK, simdgroupsM, simdgroupsN } = tile;
  if (blockM % (8 * simdgroupsM) !== 0 || blockN % (8 * simdgroupsN) !== 0) {
    refuse(
      plan,
      `${simdgroupsM} x ${simdgroupsN} simdgroups of whole 8 x 8 matrices do not cover ${blockM} x ${blockN}`,
    );
  }
  if (blockK % 8 !== 0) refuse(plan, `blockK must be a multiple of 8, got ${blockK}`);
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
  assertResults(plan, tile);
}

/** Results pass through the tiles, in rows as long as those of terms, a block of them for each matrix, or in rows of their own. */
function assertResults(plan: KernelPlan, tile: TileShape): void {
  const { blockM, blockN, blockK } = tile;
  const { resultStride } = plan;
  if (resultStride === undefined) {
    if (blockN > blockK)
      refuse(plan, `a result row of ${blockN} columns does not fit a tile row of ${blockK} terms`);
    return;
  }
  if (blockN > resultStride)
    refuse(plan, `a result row of ${blockN} columns does not fit a row of ${resultStride}`);
  if (blockM * resultStride * 4 > tileBytes(tile, 1))
    refuse(plan, `${blockM} result rows of ${resultStride} do not fit where the tiles were`);
}

function expectAtMost(plan: KernelPlan, what: string, value: number, limit: number): void {
  if (value > limit) refuse(plan, `${value} ${what}, at most ${limit} exist`);
}

function refuse(plan: KernelPlan, reason: string): never {
  throw new MoegenError('plan/impossible-kernel', `${plan.name} cannot be built: ${reason}`, {
    where: `family ${plan.family}`,
    help: 'choose another tile in generator/plan/tiles.ts',
  });
}
