// Tells from what the compiler printed whether it costs single kernels alone: too much threadgroup memory does, and so does
// what follows from declarations that were taken out before.

import { readDiagnostics } from './diagnostics.js';
import { entryIndex } from './frontend/entries.js';
import { declarationAt, type TopLevel } from './frontend/refusals.js';
import type { Translation } from './frontend/translate.js';
import type { Refusal } from './frontend/unit.js';
import type { SourceMap } from './source-map.js';
import type { Diagnostic } from './types.js';

/** What the headers and the front end say about a kernel that Metal compiles, and then makes no pipeline of. */
const LIMITS = ["the kernel's threadgroup variables take more than 32768 bytes"];

/** Where an error lies, and the kernels that it costs where it does not cost a whole declaration. */
interface Blamed {
  readonly declaration: TopLevel | undefined;
  readonly kernels: readonly string[];
}

/** What the log costs; undefined where that is the program. */
export function refusalsIn(
  log: string,
  translation: Translation,
  map: SourceMap,
  earlier: readonly Refusal[],
): Refusal[] | undefined {
  const all = readDiagnostics(log);
  const isReduced = translation.refused.size > 0 || earlier.length > 0;
  const refusals: Refusal[] = [];
  let before: Blamed = { declaration: undefined, kernels: [] };
  for (const [index, error] of all.entries()) {
    if (error.severity !== 'error') continue;
    if (!isReduced && !LIMITS.some((limit) => error.message.includes(limit))) return undefined;
    const token = map.tokenAt(error);
    const position = token ? translation.tokens.indexOf(token) : -1;
    const declaration = declarationAt(translation, position);
    const named = instantiatedFor(all.slice(index + 1), translation);
    // Of several errors in one instantiation, the compiler says for the first alone what it is for.
    const isSame = named.length === 0 && declaration !== undefined && declaration === before.declaration;
    const kernels = isSame ? before.kernels : named;
    before = { declaration, kernels };
    const { message } = error;
    if (kernels.length > 0) refusals.push(...kernels.map((kernel) => ({ position, kernel, message })));
    else if (position >= 0) refusals.push({ position, message });
    else return undefined;
  }
  const known = new Set(earlier.map((refusal) => JSON.stringify(refusal)));
  const isNew = refusals.some((refusal) => !known.has(JSON.stringify(refusal)));
  return isNew ? refusals : undefined;
}

/** The kernels for whose sake a template was instantiated: the notes behind an error name their entries. */
function instantiatedFor(rest: readonly Diagnostic[], { entryNames }: Translation): string[] {
  const end = rest.findIndex(({ severity }) => severity !== 'note');
  const notes = end < 0 ? rest : rest.slice(0, end);
  return notes.flatMap(({ file }) => entryNames[entryIndex(file) ?? -1] ?? []);
}
