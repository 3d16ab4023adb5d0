// Whether kernels take the threadgroup memory that their plans say: hosts choose sizes by the plans, and limits are checked on them.

import type { DispatchResult } from '../native/types.js';
import type { KernelPlan } from '../plan/types.js';

/** A kernel whose text and plan disagree; both in bytes. */
export interface MemoryMismatch {
  readonly kernel: string;
  readonly declared: number;
  readonly planned: number;
}

/** Of the plans whose kernels ran on a device that tells; a kernel's largest dispatch counts, for threads may end early. */
export function memoryMismatches(
  plans: readonly KernelPlan[],
  dispatches: readonly DispatchResult[],
): MemoryMismatch[] {
  const declared = new Map<string, number>();
  for (const { kernel, threadgroups, threadgroupMemory } of dispatches) {
    if (threadgroups === 0 || threadgroupMemory === undefined) continue;
    declared.set(kernel, Math.max(threadgroupMemory, declared.get(kernel) ?? 0));
  }
  const planned = new Map(plans.map(({ name, threadgroupBytes }) => [name, threadgroupBytes]));
  return [...planned].flatMap(([kernel, bytes]) => {
    const found = declared.get(kernel) ?? bytes;
    return found === bytes ? [] : [{ kernel, declared: found, planned: bytes }];
  });
}

export function describeMismatch({ kernel, declared, planned }: MemoryMismatch): string {
  return `${kernel} declares ${declared} bytes of threadgroup memory, its plan says ${planned}`;
}
