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
  /** Versions of the packages that shape the output. */
  readonly versions: Readonly<Record<string, string>>;
}

/** The digest of what a kernel's text depends on beside its context: its template with all partials that this one calls. */
export type SharedDigest = (template: string) => string;

export function digestShared({ templates, versions }: SharedInputs): SharedDigest {
  const digests = new Map<string, string>();
  return (template) => {
    const file = `templates/kernels/${template}.metal.hbs`;
    const known =
      digests.get(file) ?? sha256(JSON.stringify([...calledFrom(templates, file), versions, MSL_STYLE]));
    digests.set(file, known);
    return known;
  };
}

export function digestInputs(plan: KernelPlan, options: ContextOptions, shared: SharedDigest): string {
  return sha256(JSON.stringify([shared(plan.template), toContext(plan, options)]));
}

/** By its name, or by one that a term completes: then any of the folder may be called. */
const PARTIAL_CALL = /\{\{>\s*(?:\(named "([\w/]+)"|([\w/]+))/g;

/** A template and the partials that it calls, or they call, by name: each with its text. */
function calledFrom(templates: TemplateSources, file: string): [string, string][] {
  const called = new Map<string, string>();
  const waiting = [file];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const text = templates.get(next);
    if (text === undefined || called.has(next)) continue;
    called.set(next, text);
    for (const [, folder, name = ''] of text.matchAll(PARTIAL_CALL)) {
      if (folder === undefined) waiting.push(`templates/partials/${name}.hbs`);
      else
        waiting.push(
          ...[...templates.keys()].filter((key) => key.startsWith(`templates/partials/${folder}/`)),
        );
    }
  }
  return [...called].sort(([a], [b]) => (a < b ? -1 : 1));
}
