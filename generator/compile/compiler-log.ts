// What a compiler printed when it did not succeed.

import { MoegenError } from '../errors.js';
import type { Clang } from './clang.js';
import { hasErrors } from './diagnostics.js';

/** The log, which names an error: without one in it, the compiler itself is at fault. */
export function compilerLog(clang: Clang, code: number, log: string): { log: string } {
  if (hasErrors(log)) return { log };
  const message = `clang ${clang.version} ended with code ${code} and named no error`;
  throw new MoegenError('compile/compiler-failed', message, { log });
}
