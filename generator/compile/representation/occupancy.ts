// Tells CUDA's assembler how many threads a large threadgroup has, where the kernel says so, so that it gives each of them no more
// registers than lets several threadgroups lie on one multiprocessor: their loads then overlap. Small ones are left alone: told
// the same, the assembler would use up all registers that the promise leaves.

import type { KernelInfo } from '../types.js';

/** Threads that a multiprocessor should hold at least; 65,536 registers make 128 for each. */
const RESIDENT_THREADS = 512;

/** Threads of a threadgroup that would fill a multiprocessor's registers alone. */
const LARGE = 256;

/** Adds the directives to the entries of a PTX text. */
export function stateThreads(ptx: string, kernels: readonly KernelInfo[]): string {
  return kernels.reduce((text, { symbol, maxTotalThreadsPerThreadgroup: threads }) => {
    if (threads === undefined || threads < LARGE) return text;
    const groups = Math.max(1, Math.floor(RESIDENT_THREADS / threads));
    const directives = `.maxntid ${threads}, 1, 1\n.minnctapersm ${groups}\n`;
    const head = `.entry ${symbol}(`;
    const start = text.indexOf(head);
    const end = start < 0 ? -1 : text.indexOf(')\n', start);
    return end < 0 ? text : `${text.slice(0, end + 2)}${directives}${text.slice(end + 2)}`;
  }, ptx);
}
