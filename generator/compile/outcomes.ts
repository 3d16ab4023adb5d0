// Remembers what came out of a compile, under a key of everything but the included files; these are compared one by one.
// A program that was compiled before thus needs no compiler process at all.

import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import { removeWhenStopped } from '../stopping.js';
import { hashOf, isIntact, ownFolder, settle } from './cache-entries.js';
import type { CompileOutcome } from './types.js';

interface Remembered<Library> {
  /** Included files with hashes of their content. */
  readonly files: readonly (readonly [path: string, hash: string])[];
  readonly outcome: CompileOutcome<Library>;
}

/** The outcome under a key, if its library and all included files are still what they were. */
export async function recallOutcome<Library extends { readonly path: string }>(
  cacheDir: string,
  key: string,
): Promise<CompileOutcome<Library> | undefined> {
  const record = recordPath(cacheDir, key);
  if (!(await isIntact(record))) return undefined;
  const { files, outcome } = JSON.parse(await readFile(record, 'utf8')) as Remembered<Library>;
  if (!outcome.library || !(await isIntact(outcome.library.path))) return undefined;
  const results = await Promise.allSettled(files.map(([path, hash]) => requireHash(path, hash)));
  return results.every((result) => result.status === 'fulfilled') ? outcome : undefined;
}

export async function rememberOutcome<Library>(
  cacheDir: string,
  key: string,
  includes: readonly string[],
  outcome: CompileOutcome<Library>,
): Promise<void> {
  const files = await Promise.all(includes.map(async (path) => [path, await hashOf(path)] as const));
  const path = recordPath(cacheDir, key);
  const temporary = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
  await ownFolder(dirname(path));
  const release = removeWhenStopped(temporary);
  try {
    await writeFile(temporary, JSON.stringify({ files, outcome } satisfies Remembered<Library>));
    await settle(temporary, path);
  } finally {
    release();
  }
}

function recordPath(cacheDir: string, key: string): string {
  return join(cacheDir, 'outcomes', `${key}.json`);
}

async function requireHash(path: string, hash: string): Promise<void> {
  if ((await hashOf(path)) !== hash) throw new Error(`${path} has changed`);
}
