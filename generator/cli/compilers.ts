// One face for the compilers: Apple's through xcrun, and stock clang for this machine's processors or for NVIDIA GPUs.

import { defaultCacheDir } from '../compile/cache.js';
import type { CompileOutcome, MslOptions, MslSource } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import type { Io } from './io.js';

export type CompileTarget = 'metal' | 'host' | 'ptx';

export interface Compiler {
  readonly target: CompileTarget;
  /** What compiles, for people and for the manifest. */
  readonly version: string;
  readonly compile: (source: MslSource, options: MslOptions) => Promise<CompileOutcome<unknown>>;
}

/** `auto` is Apple's compiler where there is one, else the host. */
export async function chooseCompiler(target: CompileTarget | 'auto', io: Io): Promise<Compiler> {
  switch (target) {
    case 'auto':
      return (await findMetal(io)) ?? findHost(io);
    case 'metal': {
      const metal = await findMetal(io);
      if (metal === undefined) throw await noMetal(io);
      return metal;
    }
    case 'host':
      return findHost(io);
    case 'ptx':
      return findPtx(io);
  }
}

async function findMetal(io: Io): Promise<Compiler | undefined> {
  const { compileMetal, findXcrunToolchain } = await import('../compile/xcrun.js');
  const toolchain = await findXcrunToolchain(io.env);
  if ('missing' in toolchain) return undefined;
  const cacheDir = defaultCacheDir(io.env);
  return {
    target: 'metal',
    version: toolchain.version,
    compile: (source, options) => compileMetal(toolchain, source, { ...options, cacheDir }),
  };
}

async function noMetal(io: Io): Promise<MoegenError> {
  const { findXcrunToolchain } = await import('../compile/xcrun.js');
  const toolchain = await findXcrunToolchain(io.env);
  const { missing, help } = 'missing' in toolchain ? toolchain : { missing: 'no compiler', help: '' };
  return new MoegenError('cli/no-xcrun', missing, { where: '--target metal', help });
}

async function findHost(io: Io): Promise<Compiler> {
  const { checkHost } = await import('../compile/host.js');
  const cacheDir = defaultCacheDir(io.env);
  return {
    target: 'host',
    version: await clangVersion(),
    // Nothing runs here, so no code is generated: seconds instead of a minute for hundreds of kernels.
    compile: (source, options) => checkHost(source, { ...options, cacheDir }),
  };
}

async function findPtx(io: Io): Promise<Compiler> {
  const { compilePtx } = await import('../compile/ptx.js');
  const cacheDir = defaultCacheDir(io.env);
  return {
    target: 'ptx',
    version: await clangVersion(),
    compile: (source, options) => compilePtx(source, { ...options, cacheDir }),
  };
}

async function clangVersion(): Promise<string> {
  const { findClang } = await import('../compile/clang.js');
  const { version } = await findClang();
  return `clang ${version}`;
}
