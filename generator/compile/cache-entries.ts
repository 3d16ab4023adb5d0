// What keeps the cache honest: its folders belong to the user alone, for what lies in them is executed; an entry comes with a hash,
// written before it, and one whose hash does not fit is none.

import { createHash } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { MoegenError } from '../errors.js';

const OWN_MODE = 0o700;
/** Writable by the group, or by all. */
const OTHERS_WRITE = 0o022;
/** In a folder with this bit, others cannot rename what is not theirs. */
const STICKY = 0o1000;

/** Makes a folder of the cache, or checks that it is one's own. */
export async function ownFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: OWN_MODE });
  } catch (cause) {
    throw new MoegenError('compile/cache-unwritable', `cannot create the cache folder '${folder}'`, {
      help: 'Set MOEGEN_CACHE to a folder that can be written.',
      cause,
    });
  }
  await requireOwn(folder, 0);
  await requireOwn(dirname(folder), STICKY);
}

/** Oneself, or who may do anything in any case. */
function isTrusted(owner: number): boolean {
  const user = process.getuid?.();
  return user === undefined || owner === user || owner === 0;
}

/** `excusing`: a bit of the mode that makes up for others who may write. */
async function requireOwn(folder: string, excusing: number): Promise<void> {
  const { uid, mode } = await stat(folder);
  if (process.getuid === undefined || (mode & excusing) !== 0) return;
  if (!isTrusted(uid)) refuse(folder, `belongs to the user ${uid}, not to ${process.getuid()}`);
  if ((mode & OTHERS_WRITE) === 0) return;
  await chmod(folder, mode & ~OTHERS_WRITE & 0o7777).catch(() => {
    refuse(folder, 'can be written by others');
  });
}

function refuse(folder: string, reason: string): never {
  throw new MoegenError('compile/cache-unsafe', `the cache folder '${folder}' ${reason}`, {
    help: 'Set MOEGEN_CACHE to a folder of your own: what lies in it is executed.',
  });
}

/** Entries that were found intact, as they were then. */
const intact = new Map<string, string>();

/** Whether an entry is there, and what it was when it was written. */
export async function isIntact(path: string): Promise<boolean> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined || !isTrusted(status.uid)) return false;
  const state = `${status.ino} ${status.size} ${status.mtimeMs}`;
  if (intact.get(path) === state) return true;
  const [wanted, found] = await Promise.all([
    readFile(sumPath(path), 'utf8').catch(() => undefined),
    hashOf(path),
  ]);
  if (wanted !== found) return false;
  intact.set(path, state);
  return true;
}

/** Puts what lies at `temporary` into its place: on the disk whole, or not at all. */
export async function settle(temporary: string, path: string): Promise<void> {
  const sum = sumPath(path);
  await ownFolder(dirname(sum));
  // Beside it and named after it: what is removed with it when the process is stopped.
  const temporarySum = `${temporary}.sum`;
  await writeFile(temporarySum, await hashOf(temporary));
  await rename(temporarySum, sum);
  await flush(temporary);
  await rename(temporary, path);
}

async function flush(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function sumPath(path: string): string {
  return join(dirname(dirname(path)), 'sums', basename(path));
}

/** Of a file's content. */
export async function hashOf(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
