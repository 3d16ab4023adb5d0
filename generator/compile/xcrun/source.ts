// What can be read off a Metal source without compiling it: the kernels it names, and the text of the files it includes.

import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { MoegenError } from '../../errors.js';
import type { MslSource } from '../types.js';

const INCLUDE = /^[ \t]*#[ \t]*(?:include|import)[ \t]*(?:"([^"\n]+)"|<([^>\n]+)>|(\S+))/gm;
const KERNEL = /(?:\bkernel|\[\[\s*kernel\s*\]\])\s+void\s+(\w+)\s*\(/g;
const HOST_NAME = /\[\[\s*host_name\s*\(\s*"([^"]+)"\s*\)\s*\]\]/g;

export async function readSource({ path, text }: MslSource): Promise<string> {
  if (text !== undefined) return text;
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new MoegenError(
      'compile/unreadable-source',
      `expected a Metal source, but ${path} cannot be read`,
      {
        where: path,
        cause,
      },
    );
  }
}

/** For sources that do not compile; templates count only through the names that their instantiations give them. */
export function kernelsNamedIn(text: string): string[] {
  const code = text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, '');
  const hostNames = [...code.matchAll(HOST_NAME)].map((match) => match[1] ?? '');
  const plain = [...code.matchAll(KERNEL)]
    .filter((match) => !/template\s*<[^;{}]*$/.test(code.slice(0, match.index)))
    .filter((match) => !/\[\[\s*host_name[^;{}]*$/.test(code.slice(0, match.index)))
    .map((match) => match[1] ?? '');
  return [...new Set([...plain, ...hostNames])];
}

/**
 * The texts that a source includes, directly or not, whatever the conditions around the directives. Files that are
 * nowhere to be found belong to the compiler. Nothing where a macro names the file, which only the compiler can follow.
 */
export async function includedTexts(
  path: string,
  text: string,
  includeDirs: readonly string[],
): Promise<string[] | undefined> {
  const seen = new Map<string, string>();
  const pending = [{ folder: dirname(path), text }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const [, quoted, bracketed, macro] of next.text.matchAll(INCLUDE)) {
      if (macro !== undefined) return undefined;
      const folders = quoted === undefined ? includeDirs : [next.folder, ...includeDirs];
      const found = await readFirst(folders, quoted ?? bracketed ?? '');
      if (found === undefined || seen.has(found.path)) continue;
      seen.set(found.path, found.text);
      pending.push({ folder: dirname(found.path), text: found.text });
    }
  }
  return [...seen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, content]) => content);
}

async function readFirst(
  folders: readonly string[],
  name: string,
): Promise<{ path: string; text: string } | undefined> {
  for (const folder of folders) {
    const path = join(folder, name);
    try {
      return { path, text: await readFile(path, 'utf8') };
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}
