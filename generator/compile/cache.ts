// The cache of compiled libraries: files named after a hash of everything that decides their content. Files appear whole or
// not at all, so several processes may share one cache.

import { createHash, randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

import { removeWhenStopped } from '../stopping.js';
import { isIntact, ownFolder, settle } from './cache-entries.js';

/** `MOEGEN_CACHE`, else the platform's cache folder. */
export function defaultCacheDir(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['MOEGEN_CACHE'];
  if (chosen !== undefined && chosen !== '') return chosen;
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'moegen');
  const base = environment['XDG_CACHE_HOME'];
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'moegen');
}

export function contentKey(parts: readonly string[]): string {
  const digest = createHash('sha256');
  for (const part of parts) digest.update(`${Buffer.byteLength(part)}:`).update(part);
  return digest.digest('hex').slice(0, 40);
}

const building = new Map<string, Promise<unknown>>();

/**
 * The path of a cached file. Where it is missing, `build` writes it to the path it is given and says whether that worked;
 * what it returns is handed through. Concurrent calls for one file wait for one build.
 */
export async function cached<Result extends { readonly ok: boolean }>(
  folder: string,
  name: string,
  build: (path: string) => Promise<Result>,
): Promise<{ readonly path: string; readonly result?: Result }> {
  const path = join(folder, name);
  const pending = building.get(path) as Promise<{ path: string; result?: Result }> | undefined;
  if (pending) return pending;
  const work = buildOnce(folder, path, build).finally(() => building.delete(path));
  building.set(path, work);
  return work;
}

async function buildOnce<Result extends { readonly ok: boolean }>(
  folder: string,
  path: string,
  build: (path: string) => Promise<Result>,
): Promise<{ path: string; result?: Result }> {
  await ownFolder(folder);
  if (await isIntact(path)) return { path };
  const temporary = `${path}.${process.pid}.${randomUUID().slice(0, 8)}`;
  const release = removeWhenStopped(temporary);
  try {
    const result = await build(temporary);
    if (result.ok) await settle(temporary, path);
    return { path, result };
  } finally {
    await rm(temporary, { force: true });
    release();
  }
}
