// Digests: of a text, and of all that a kernel's text depends on. Equal inputs give equal texts, so a kernel whose inputs and
// file are as recorded needs no rendering.

import { createHash } from 'node:crypto';
import { toContext, type ContextOptions } from '../emit/context.js';
import type { TemplateSources } from '../emit/sources.js';
import { MSL_STYLE } from '../format/style.js';
import type { KernelPlan } from '../plan/types.js';

/** Of a text, as of the bytes of its file. */
export function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

export interface SharedInputs {
  readonly templates: TemplateSources;
  /** Versions of this generator and of the packages that shape its output. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The digest of what all kernels of a set depend on. */
export function digestShared({ templates, versions }: SharedInputs): string {
  return sha256(JSON.stringify([[...templates], versions, MSL_STYLE]));
}

export function digestInputs(plan: KernelPlan, options: ContextOptions, shared: string): string {
  return sha256(JSON.stringify([shared, plan, toContext(plan, options)]));
}
