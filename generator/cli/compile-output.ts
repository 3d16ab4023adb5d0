// Where `moegen compile -o` leaves what was compiled: in a file where the name ends as libraries do, else in a folder.

import { existsSync, statSync } from 'node:fs';
import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { removeWhenStopped } from '../stopping.js';
import type { CompileTarget } from './compilers.js';

/** Of a library for the host engine: a shared one, with symbols that only the engine knows. */
const SHARED_LIBRARY = process.platform === 'darwin' ? '.dylib' : '.so';

const ENDINGS: Readonly<Record<CompileTarget, string>> = {
  metal: '.metallib',
  host: SHARED_LIBRARY,
  ptx: '.ptx',
};

const TARGET_OF: Readonly<Record<string, CompileTarget>> = {
  '.metallib': 'metal',
  '.ptx': 'ptx',
  '.so': 'host',
  '.dylib': 'host',
};

/** The target that the name of the output asks for. Throws `cli/wrong-ending` where the option names another. */
export function targetFor(output: string, target: CompileTarget | 'auto'): CompileTarget | 'auto' {
  const ending = path.extname(output);
  const asked = TARGET_OF[ending];
  if (asked === undefined || asked === target) return target;
  if (target === 'auto') return asked;
  throw new MoegenError(
    'cli/wrong-ending',
    `a file with the ending ${ending} holds code for ${asked}, got --target ${target}`,
    { where: '-o', help: `name it *${ENDINGS[target]}, or use --target ${asked}` },
  );
}

/**
 * The output of each source, in their order, relative as given. `folder` is the one in which the sources are looked for: their places
 * below it are kept. Throws `cli/one-output` and `cli/same-output`.
 */
export function outputPaths(
  files: readonly string[],
  output: string,
  target: CompileTarget,
  { cwd, folder }: { readonly cwd: string; readonly folder: string | undefined },
): string[] {
  const names = files.map((file) => {
    const place = folder === undefined ? path.basename(file) : path.relative(folder, file);
    return path.join(path.dirname(place), path.parse(place).name + ENDINGS[target]);
  });
  const isFile = TARGET_OF[path.extname(output)] !== undefined && !isDirectory(path.resolve(cwd, output));
  if (files.length > 1 && isFile) {
    throw new MoegenError('cli/one-output', `expected a folder for ${files.length} files, got '${output}'`, {
      where: '-o',
      help: 'each file gives a library of its own: name a folder, or one file at a time',
    });
  }
  const outputs = isFile ? [output] : names.map((name) => path.join(output, name));
  outputs.forEach((each, at) => {
    const first = outputs.indexOf(each);
    if (first === at) return;
    const message = `${files[first] ?? ''} and ${files[at] ?? ''} would both be left as ${each}`;
    throw new MoegenError('cli/same-output', message, {
      where: '-o',
      help: 'compile them one by one, each with a name of its own',
    });
  });
  return outputs;
}

/** Whole or not at all. */
export async function leaveCopy(library: string, output: string): Promise<void> {
  const temporary = `${output}.moegen-${process.pid}.tmp`;
  const release = removeWhenStopped(temporary);
  try {
    await mkdir(path.dirname(output), { recursive: true });
    await copyFile(library, temporary);
    await rename(temporary, output);
  } catch (cause) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new MoegenError(
      'cli/unwritable',
      `the output could not be written: ${cause instanceof Error ? cause.message : ''}`,
      {
        where: output,
        help: 'check the path, its permissions and free space',
        cause,
      },
    );
  } finally {
    release();
  }
}

function isDirectory(place: string): boolean {
  return existsSync(place) && statSync(place).isDirectory();
}
