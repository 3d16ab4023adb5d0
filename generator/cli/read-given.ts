// Reads a file that a user names.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import type { Io } from './io.js';

interface Refusal {
  readonly code: string;
  readonly expected: string;
  readonly help: string;
}

export const CHECK_PATH = 'check the path; it is relative to the current folder';

export function readGiven(file: string, io: Io, { code, expected, help }: Refusal): string {
  try {
    // Editors of Windows put a byte order mark before the text.
    return readFileSync(path.resolve(io.cwd, file), 'utf8').replace(/^\uFEFF/, '');
  } catch (cause) {
    throw new MoegenError(code, `expected ${expected} that can be read`, { where: file, help, cause });
  }
}
