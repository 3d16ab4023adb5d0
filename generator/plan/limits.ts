// What a device of the Apple 7 family can hold, and what a tile must satisfy: a plan that breaks one of these is refused by
// name before any text exists. Limits are Apple's (Metal feature set tables).

import { MoegenError } from '../errors.js';
import { loaderRows, tileBytes, tileThreads } from './tiles.js';
import type { KernelPlan, TileShape } from './types.js';

const MAX_THREADS_PER_THREADGROUP = 1024;
const MAX_THREADGROUP_BYTES = 32_768;
const MAX_BUFFERS = 31;

export function assertPlan(plan: KernelPlan): void {
  const [x, y, z] = plan.dispatch.threadsPerThreadgroup;
  expectAtMost(plan, 'threads per threadgroup', x * y * z, MAX_THREADS_PER_THREADGROUP);
  expectAtMost(plan, 'bytes of threadgroup memory', plan.threadgroupBytes, MAX_THREADGROUP_BYTES);
  expectAtMost(plan, 'buffers', plan.bindings.length, MAX_BUFFERS);
  plan.bindings.forEach((binding, position) => {
    if (binding.index !== position)
      refuse(plan, `binding ${binding.name} has index ${binding.index}, not ${position}`);
  });
  if (plan.tile !== undefined) {
    assertTile(plan, plan.tile);
    if (tileThreads(plan.tile) !== x * y * z) {
      refuse(plan, `a tile of ${tileThreads(plan.tile)} threads is dispatched with ${x * y * z}`);
    }
  }
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
  // Results pass through the tiles: a row of blockN columns in the place of blockK terms, a block of rows for each matrix.
  if (blockN > blockK)
    refuse(plan, `a result row of ${blockN} columns does not fit a tile row of ${blockK} terms`);
  if (tileBytes(tile, 1) > plan.threadgroupBytes)
    refuse(plan, 'the tile is larger than the threadgroup memory declared');
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
