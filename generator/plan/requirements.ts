// What a host has to see to so that a kernel does what its plan says; the manifest hands it on.

import type { MslVersion } from '../compile/types.js';
import type { KernelPlan } from './types.js';

export const MATH_MODES = ['safe'] as const;

interface Requirements {
  /**
   * Of the compiler. A kernel's results are within their bounds in any mode, and the same bits in every batch and path in this
   * one: the others may reorder sums. Functions of Metal's library are called as `precise::` and need no mode.
   */
  readonly mathMode: (typeof MATH_MODES)[number];
  /** Bytes: every buffer starts at a multiple of it. */
  readonly alignment: number;
}

const BUFFER_ALIGNMENT = 16;

export function requirementsOf({ bindings }: Pick<KernelPlan, 'bindings'>): Requirements {
  const hasBuffers = bindings.some(({ access }) => access !== 'argument');
  return { mathMode: 'safe', alignment: hasBuffers ? BUFFER_ALIGNMENT : 1 };
}

/** Whether a file can state its math mode: the pragma came with the mode itself, in macOS 15. */
export function canStateMathMode(version: MslVersion): boolean {
  return Number(version) >= 3.2;
}
