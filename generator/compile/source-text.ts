// Looks at sources before the preprocessor does: they may read no files but those beside them and in the include folders.

import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, resolve } from 'node:path';

import type { Diagnostic, MslSource } from './types.js';

const DIRECTIVE =
  /^[ \t]*(?:#|%:|\?\?=)[ \t]*(embed|include|import|include_next)\b[ \t]*(?:"([^"\n]*)"|<([^>\n]*)>)?/gmu;
const LINE_MARKER = /^([ \t]*(?:#|%:)[ \t]*(?:line[ \t]+)?\d+[ \t]+"[^"\n]*")/gmu;

/** Other programs may have written the source: where their files are said to be is no place to look into. */
export function withoutLineMarkers(text: string): string {
  return text.replace(LINE_MARKER, (marker) => ' '.repeat(marker.length));
}

export interface SourceReads {
  /** What the source, or a file that it includes, may not read. */
  readonly refused: readonly Diagnostic[];
  /** The files that it includes, whether or not a condition leaves them out. */
  readonly files: ReadonlySet<string>;
}

export async function findReads(
  source: Required<MslSource>,
  includeDirs: readonly string[],
): Promise<SourceReads> {
  const refused = new Map<string, Diagnostic>();
  const files = new Set<string>();
  const pending = [source];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path: file } = next;
    for (const { directive, name, line } of directivesOf(next.text)) {
      const found = name === undefined ? undefined : await findFile(name, [dirname(file), ...includeDirs]);
      const message = problemOf(directive, name, found);
      if (message !== undefined)
        refused.set(`${file}:${line}`, { file, line, column: 1, severity: 'error', message });
      else if (found !== undefined && !files.has(found)) {
        files.add(found);
        pending.push({ path: found, text: await readFile(found, 'utf8') });
      }
    }
  }
  return { refused: [...refused.values()], files };
}

function problemOf(
  directive: string,
  name: string | undefined,
  found: string | undefined,
): string | undefined {
  if (directive === 'embed') return "'#embed' is not supported in Metal";
  if (name === undefined) return 'not supported: the name of an included file that a macro makes';
  if (isAbsolute(name)) return `an absolute path cannot be included: '${name}'`;
  return found === NO_FILE ? `'${name}' is no regular file` : undefined;
}

interface Directive {
  readonly directive: string;
  readonly name: string | undefined;
  readonly line: number;
}

/** Those that stand in the text whether or not a comment opens in front of them: a string may only look like one. */
function directivesOf(text: string): Directive[] {
  const joined = text.replace(/(?:[^\n]*\\\r?\n)+[^\n]*/gu, (lines) => {
    return lines.replace(/\\\r?\n/gu, '') + '\n'.repeat(lines.split('\n').length - 1);
  });
  return [joined, withoutComments(joined)].flatMap((variant) =>
    [...variant.matchAll(DIRECTIVE)].map(({ 1: directive = '', 2: quoted, 3: system, index }) => {
      return { directive, name: quoted ?? system, line: variant.slice(0, index).split('\n').length };
    }),
  );
}

function withoutComments(text: string): string {
  const blank = (comment: string): string => comment.replace(/[^\n]/gu, ' ');
  return text.replace(/\/\*[\s\S]*?\*\//gu, blank).replace(/\/\/.*/gu, blank);
}

/** Stands for what is there and is no regular file. */
const NO_FILE = '';

async function findFile(name: string, folders: readonly string[]): Promise<string | undefined> {
  for (const folder of isAbsolute(name) ? [] : folders) {
    const path = resolve(folder, name);
    const found = await stat(path).catch(() => undefined);
    if (found && !found.isDirectory()) return found.isFile() ? path : NO_FILE;
  }
  return undefined;
}
