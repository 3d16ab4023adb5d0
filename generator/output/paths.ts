// Places inside the output folder, and nowhere else: a manifest, or a link, must not lead a write or a delete astray.

import { realpathSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';

export const MANIFEST_FILE = 'manifest.json';
export const LOCK_FILE = '.moegen.lock';

/** The absolute path of a file below `outDir`; refuses what lies, or links, outside of it. */
export function resolveInside(outDir: string, file: string): string {
  const target = path.resolve(outDir, file);
  if (!isBelow(path.resolve(outDir), target)) throw outside(outDir, file);
  const realFolder = realPathOf(path.dirname(target));
  const realOut = realPathOf(path.resolve(outDir));
  if (realFolder !== realOut && !isBelow(realOut, realFolder)) throw outside(outDir, file);
  return target;
}

function isBelow(folder: string, target: string): boolean {
  const relative = path.relative(folder, target);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

/** The real path of the part of a folder that exists, with the rest as given. */
function realPathOf(folder: string): string {
  try {
    return realpathSync(folder);
  } catch {
    const parent = path.dirname(folder);
    return parent === folder ? folder : path.join(realPathOf(parent), path.basename(folder));
  }
}

function outside(outDir: string, file: string): MoegenError {
  return new MoegenError('output/outside-folder', `expected a file below the output folder, got '${file}'`, {
    where: outDir,
    help: 'correct the manifest or remove the link, then run moegen again',
  });
}
