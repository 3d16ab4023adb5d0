// Reads what lies in the output folder, and replaces files there as a whole: every new text is on disk under a temporary name
// before the first one takes its place, so a full disk or a stop leaves the old state.

import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { whenStopped } from '../stopping.js';
import { resolveInside } from './paths.js';

const TEMPORARY = /\.moegen-(\d+)\.tmp$/;

/** A file's text, or nothing where there is no such file. */
export function readText(outDir: string, file: string): string | undefined {
  return readBytes(outDir, file)?.toString('utf8');
}

/** The same without decoding it. */
export function readBytes(outDir: string, file: string): Buffer | undefined {
  try {
    return readFileSync(resolveInside(outDir, file));
  } catch (error) {
    if (isErrno(error, 'ENOENT') || isErrno(error, 'ENOTDIR')) return undefined;
    throw asOutputError(error, path.join(outDir, file), 'be read');
  }
}

/** All files below the folder, with forward slashes, sorted. */
export function listFiles(outDir: string): string[] {
  try {
    return readdirSync(outDir, { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => !entry.isDirectory())
      .map((entry) =>
        path.relative(outDir, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'),
      )
      .sort();
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw asOutputError(error, outDir, 'be listed');
  }
}

export interface Replacement {
  readonly file: string;
  readonly text: string;
}

/** Puts texts in place, in the order given; none of them if one cannot be written. */
export function replaceFiles(outDir: string, replacements: readonly Replacement[]): void {
  const staged: { temporary: string; target: string }[] = [];
  // Nothing interrupts what follows: a signal comes after it, when no temporary file is left.
  const release = whenStopped(() => undefined);
  let current = outDir;
  try {
    for (const { file, text } of replacements) {
      const target = resolveInside(outDir, file);
      current = target;
      const temporary = `${target}.moegen-${process.pid}.tmp`;
      mkdirSync(path.dirname(target), { recursive: true });
      staged.push({ temporary, target });
      writeFileSync(temporary, text);
    }
    for (const { temporary, target } of staged) {
      current = target;
      renameSync(temporary, target);
    }
  } catch (error) {
    for (const { temporary } of staged) rmSync(temporary, { force: true });
    throw asOutputError(error, current, 'be written');
  } finally {
    release();
  }
}

/** Deletes files, and folders that they leave empty. */
export function deleteFiles(outDir: string, files: readonly string[]): void {
  for (const file of files) {
    const target = resolveInside(outDir, file);
    try {
      rmSync(target, { force: true });
      const folder = path.dirname(target);
      if (folder !== path.resolve(outDir) && readdirSync(folder).length === 0)
        rmSync(folder, { recursive: true });
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw asOutputError(error, target, 'be deleted');
    }
  }
}

/** Temporary files of runs that were killed; those of a run that is still going are none. */
export function abandoned(files: readonly string[]): string[] {
  return files.filter((file) => {
    const owner = TEMPORARY.exec(file)?.[1];
    return owner !== undefined && !isRunning(Number(owner));
  });
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return isErrno(error, 'EPERM');
  }
}

export function isErrno(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

export function asOutputError(error: unknown, where: string, action: string): unknown {
  if (error instanceof MoegenError || !(error instanceof Error)) return error;
  return new MoegenError(
    'output/file-failed',
    `a file of the output folder could not ${action}: ${error.message}`,
    {
      where,
      help: isErrno(error, 'ENOSPC')
        ? 'free some space; the old files are still in place'
        : 'check the path and its permissions',
      cause: error,
    },
  );
}
