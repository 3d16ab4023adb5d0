// The version of this package, as results name it.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PACKAGE_DIR } from './io.js';

export function packageVersion(): string {
  const text = readFileSync(path.join(PACKAGE_DIR, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
