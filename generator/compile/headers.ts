// Where the Metal headers for stock clang lie, and hashes over them and over the code that translates programs.

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The include folder that Metal programs see; the library itself is in its folder `detail`. */
export const HEADER_FOLDER = fileURLToPath(new URL('../../native/msl', import.meta.url));
export const LIBRARY_HEADER = join(HEADER_FOLDER, 'detail', 'msl.h');

const CODE_FOLDER = fileURLToPath(new URL('.', import.meta.url));

let headers: string | undefined;
let code: string | undefined;

/** Changes whenever a header changes. */
export function headersHash(): string {
  headers ??= hashFolder(HEADER_FOLDER);
  return headers;
}

/** Changes whenever the translation of programs may change. */
export function codeHash(): string {
  code ??= hashFolder(CODE_FOLDER);
  return code;
}

function hashFolder(folder: string): string {
  const digest = createHash('sha256');
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  for (const file of files.sort()) digest.update(file.slice(folder.length)).update(readFileSync(file));
  return digest.digest('hex');
}
