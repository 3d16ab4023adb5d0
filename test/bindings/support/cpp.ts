// Compiles programs that include the C++ bindings, with the stand-in for metal-cpp.

import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { defaultCacheDir } from '../../../generator/compile/cache.js';
import { findCompilers } from '../../../generator/native/build.js';

const STAND_IN = path.resolve(import.meta.dirname, '../../../native/metal-cpp');

/** Without a warning, or it throws. */
export async function compileCpp(source: string, include: string, output: string): Promise<void> {
  const cacheDir = defaultCacheDir(process.env);
  const [compiler] = await findCompilers({ environment: process.env, cacheDir });
  if (compiler === undefined) throw new Error('expected a C++ compiler');
  const [program = '', ...args] = compiler.command;
  execFileSync(
    program,
    [
      ...args,
      ...['-std=c++17', '-O0', '-Wall', '-Wextra', '-Werror'],
      ...['-I', STAND_IN, '-I', include, source, '-o', output],
    ],
    { env: { ...process.env, ...compiler.environment }, encoding: 'utf8', stdio: 'pipe' },
  );
}
