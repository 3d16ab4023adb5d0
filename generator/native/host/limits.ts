// The limits of Metal that a dispatch must keep: threads per threadgroup and threadgroup memory.

import type { KernelInfo } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import type { Dispatch, Size3 } from '../types.js';

const MAX_THREADS = 1024;
const MAX_THREADGROUP_BYTES = 32_768;

export function checkGrid(dispatch: Dispatch, kernel: KernelInfo, where: string): void {
  const threads = dispatch.threadsPerThreadgroup;
  const limit = kernel.maxTotalThreadsPerThreadgroup ?? MAX_THREADS;
  const total = threads[0] * threads[1] * threads[2];
  if (!threads.every((count) => Number.isInteger(count) && count >= 1) || total > limit) {
    const given = `${threads.join(' x ')} threads per threadgroup`;
    throw new MoegenError('native/bad-threads', `${given}; the kernel runs with 1 to ${limit}`, { where });
  }
  if (dispatch.threads !== undefined) checkThreads(dispatch.threads, dispatch, where);
  if ('indirect' in dispatch.threadgroups) return;
  const groups: Size3 = dispatch.threadgroups;
  if (groups.every((count) => Number.isInteger(count) && count >= 0 && count < 2 ** 32)) return;
  const message = `threadgroups are three whole numbers below 2^32, not ${groups.join(' x ')}`;
  throw new MoegenError('native/bad-threadgroups', message, { where });
}

function checkThreads(grid: Size3, { threadgroups, threadsPerThreadgroup }: Dispatch, where: string): void {
  const isRight = grid.every((count, axis) => {
    const groups = Math.ceil(count / (threadsPerThreadgroup[axis] ?? 1));
    const given = 'indirect' in threadgroups ? undefined : threadgroups[axis];
    return Number.isInteger(count) && count >= 1 && count < 2 ** 32 && groups === given;
  });
  if (isRight) return;
  const message = `threads of a grid are three whole numbers below 2^32, with the threadgroups that they take, not ${grid.join(' x ')}`;
  throw new MoegenError('native/bad-threads', message, { where });
}

export function checkThreadgroupMemory(
  dispatch: Dispatch,
  kernel: KernelInfo,
  where: string,
): readonly { readonly index: number; readonly bytes: number }[] {
  const lengths = dispatch.threadgroupMemory ?? {};
  const wanted = kernel.parameters.filter((parameter) => parameter.kind === 'threadgroup');
  for (const index of Object.keys(lengths).map(Number)) {
    if (wanted.some((parameter) => parameter.index === index)) continue;
    throw new MoegenError('native/unknown-binding', `the kernel has no threadgroup argument ${index}`, {
      where,
    });
  }
  const memory = wanted.map((parameter) => {
    const bytes = lengths[parameter.index];
    if (bytes === undefined) {
      const message = `threadgroup argument ${parameter.index} (${parameter.name}) has no length`;
      throw new MoegenError('native/missing-binding', message, {
        where,
        help: `The kernel declares it as '${parameter.text}': add it to threadgroupMemory.`,
      });
    }
    if (!Number.isInteger(bytes) || bytes < 0 || bytes % 16 !== 0) {
      const message = `a threadgroup length is a multiple of 16 bytes, not ${bytes}`;
      throw new MoegenError('native/bad-threadgroup-memory', message, { where });
    }
    return { index: parameter.index, bytes };
  });
  const total = memory.reduce((sum, item) => sum + item.bytes, 0);
  if (total <= MAX_THREADGROUP_BYTES) return memory;
  const message = `the threadgroup arguments take ${total} bytes; the limit is ${MAX_THREADGROUP_BYTES}`;
  throw new MoegenError('native/threadgroup-memory', message, { where });
}
