// What a device of the Apple 7 family can hold, and what a tile must satisfy: a plan that breaks one of these is refused by
// name before any text exists. Limits are Apple's (Metal feature set tables).

import { MoegenError } from '../errors.js';
import { kernelFormats } from '../description/weights.js';
import { assertDropInTile } from './families/dropin/tiles.js';
import { tileThreads } from './tiles.js';
import type { KernelPlan, TileShape } from './types.js';

const MAX_THREADS_PER_THREADGROUP = 1024;
const MAX_THREADGROUP_BYTES = 32_768;
const MAX_BUFFERS = 31;

export function assertPlan(plan: KernelPlan): void {
  const [x, y, z] = plan.dispatch.threadsPerThreadgroup;
  expectAtMost(plan, 'threads per threadgroup', x * y * z, MAX_THREADS_PER_THREADGROUP);
  expectAtMost(plan, 'bytes of threadgroup memory', plan.threadgroupBytes, MAX_THREADGROUP_BYTES);
  assertBindings(plan);
  assertGroups(plan);
  if (plan.tile !== undefined) {
    assertTile(plan, plan.tile);
    if (plan.resultStride === undefined) assertLoader(plan, plan.tile);
    else assertDropInTile(plan, plan.tile, plan.resultStride);
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

/** Rows of packed weights hold whole groups of terms. Where the number of terms is bound later, that is up to the host. */
function assertGroups({ name, axes, bindings, constants }: KernelPlan): void {
  const [format] = kernelFormats([axes['weight'] ?? '']);
  if (format === undefined) return;
  for (const { matrix } of bindings) {
    const terms = constants.find((constant) => constant.name === matrix?.[1]);
    if (terms === undefined || Number(terms.value ?? 0) % format.groupTerms === 0) continue;
    throw new MoegenError(
      'plan/partial-group',
      `${name} cannot be built: expected ${terms.name} to be whole groups of ${format.groupTerms} terms, got ${String(terms.value)}`,
      {
        where: `weights ${format.name}`,
        help: 'use a format with smaller groups for this projection (--weights PROJECTION=FORMAT), or dense weights',
      },
    );
  }
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

/** Simdgroups of whole 8 x 8 matrices cover the tile. */
function assertTile(plan: KernelPlan, { blockM, blockN, blockK, simdgroupsM, simdgroupsN }: TileShape): void {
  if (blockM % (8 * simdgroupsM) !== 0 || blockN % (8 * simdgroupsN) !== 0) {
    refuse(
      plan,
      `${simdgroupsM} x ${simdgroupsN} simdgroups of whole 8 x 8 matrices do not cover ${blockM} x ${blockN}`,
    );
  }
  if (blockK % 8 !== 0) refuse(plan, `blockK must be a multiple of 8, got ${blockK}`);
}

/** Passes of all threads cover the tile of the input, four terms a thread, and a thread stays at its terms of a row. */
function assertLoader(plan: KernelPlan, tile: TileShape): void {
  const { blockM, blockK } = tile;
  const threads = tileThreads(tile);
  if ((blockM * blockK) % (4 * threads) !== 0 || (4 * threads) % blockK !== 0) {
    refuse(
      plan,
      `passes of ${threads} threads with four terms each do not cover ${blockM} rows of ${blockK}`,
    );
  }
}
