// One run at a time writes to an output folder: a second one reads what the first has written, instead of taking its files for
// strays. The lock is a file with the holder's process and machine; one that a dead process left is taken over.

import { mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MoegenError } from '../errors.js';
import { whenStopped } from '../stopping.js';
import { asOutputError, isErrno, isRunning } from './files.js';
import { LOCK_FILE } from './paths.js';

interface Patience {
  /** Milliseconds until another run's lock is an error. */
  readonly wait: number;
  /** Milliseconds after which a lock of another machine counts as left behind: whether its process lives cannot be seen. */
  readonly stale: number;
}

const PATIENCE: Patience = { wait: 120_000, stale: 600_000 };
const PAUSE = 50;

interface Holder {
  readonly pid: number;
  readonly host: string;
}

/** Runs `work` while this process alone writes to the folder. Throws `output/locked` where another run does not end. */
export async function withLock<T>(
  outDir: string,
  work: () => Promise<T> | T,
  patience = PATIENCE,
): Promise<T> {
  const file = path.join(outDir, LOCK_FILE);
  await acquire(file, patience);
  const release = whenStopped(() => {
    rmSync(file, { force: true });
  });
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
    release();
  }
}

async function acquire(file: string, { wait, stale }: Patience): Promise<void> {
  const end = performance.now() + wait;
  while (!create(file)) {
    const text = readLock(file);
    if (text !== undefined && isLeftBehind(file, text, stale)) remove(file, text);
    else if (performance.now() > end) throw locked(file, text);
    else await sleep(PAUSE);
  }
}

function create(file: string): boolean {
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const holder: Holder = { pid: process.pid, host: hostname() };
    writeFileSync(file, JSON.stringify(holder), { flag: 'wx' });
    return true;
  } catch (error) {
    if (isErrno(error, 'EEXIST')) return false;
    throw asOutputError(error, file, 'be written');
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw asOutputError(error, file, 'be read');
  }
}

function isLeftBehind(file: string, text: string, stale: number): boolean {
  const holder = parseHolder(text);
  if (holder?.host === hostname()) return !isRunning(holder.pid);
  const status = statSync(file, { throwIfNoEntry: false });
  return status !== undefined && Date.now() - status.mtimeMs > stale;
}

function parseHolder(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    const isWhole = typeof value?.pid === 'number' && typeof value.host === 'string';
    return isWhole ? (value as Holder) : undefined;
  } catch {
    return undefined;
  }
}

/** Of several that wait, one moves the file away; where it got a newer one, that goes back. */
function remove(file: string, text: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    const moved = readFileSync(aside, 'utf8');
    if (moved !== text) writeFileSync(file, moved, { flag: 'wx' });
  } catch (error) {
    if (!isErrno(error, 'ENOENT') && !isErrno(error, 'EEXIST'))
      throw asOutputError(error, file, 'be deleted');
  } finally {
    rmSync(aside, { force: true });
  }
}

function locked(file: string, text: string | undefined): MoegenError {
  const holder = parseHolder(text ?? '');
  const who = holder === undefined ? 'another run' : `process ${holder.pid} on ${holder.host}`;
  return new MoegenError('output/locked', `expected to write alone, but ${who} writes to this folder`, {
    where: file,
    help: 'wait for it to end, or delete the file where nothing runs any more',
  });
}
