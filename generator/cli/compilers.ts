// One face for the compilers: Apple's through xcrun, and stock clang for this machine's processors or for NVIDIA GPUs.

import { defaultCacheDir } from '../compile/cache.js';
import type { ArgumentLayouts } from '../compile/layouts.js';
import type { PtxOptions } from '../compile/ptx.js';
import type { CompileOutcome, MslOptions, MslSource } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import type { Io } from './io.js';

interface CompiledLibrary {
  readonly path: string;
}

export type CompileTarget = 'metal' | 'host' | 'ptx';

export interface Compiler {
  readonly target: CompileTarget;
  /** What compiles, for people and for the manifest. */
  readonly version: string;
  /** The library is missing where only errors were looked for. */
  readonly compile: (source: MslSource, options: MslOptions) => Promise<CompileOutcome<CompiledLibrary>>;
  /** How the elements of arguments lie in memory. Only from compilers that tell. */
  readonly layouts?: (source: MslSource, options: MslOptions) => Promise<ArgumentLayouts>;
}

/** What PTX alone has a choice of, and whether the host's library is wanted or only what is wrong. */
interface Choice extends Pick<PtxOptions, 'matrix' | 'alignment' | 'subnormals'> {
  readonly isKept?: boolean;
}

/** `auto` is Apple's compiler where there is one, else the host. */
export async function chooseCompiler(
  target: CompileTarget | 'auto',
  io: Io,
  choice: Choice = {},
): Promise<Compiler> {
  switch (target) {
    case 'auto':
      return (await findMetal(io)) ?? findHost(io, choice);
    case 'metal': {
      const metal = await findMetal(io);
      if (metal === undefined) throw await noMetal(io);
      return metal;
    }
    case 'host':
      return findHost(io, choice);
    case 'ptx':
      return findPtx(io, choice);
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

async function findHost(io: Io, { isKept = false }: Choice): Promise<Compiler> {
  const { checkHost, compileHost } = await import('../compile/host.js');
  const cacheDir = defaultCacheDir(io.env);
  return {
    target: 'host',
    version: await clangVersion(),
    // Where nothing is kept, no code is generated: seconds instead of a minute for hundreds of kernels.
    compile: (source, options) => (isKept ? compileHost : checkHost)(source, { ...options, cacheDir }),
    layouts: layoutsIn(cacheDir),
  };
}

async function findPtx(io: Io, { matrix, alignment, subnormals }: Choice): Promise<Compiler> {
  const forPtx = {
    ...(matrix && { matrix }),
    ...(alignment && { alignment }),
    ...(subnormals && { subnormals }),
  };
  const { compilePtx } = await import('../compile/ptx.js');
  const cacheDir = defaultCacheDir(io.env);
  return {
    target: 'ptx',
    version: await clangVersion(),
    compile: (source, options) => compilePtx(source, { ...options, ...forPtx, cacheDir }),
    layouts: layoutsIn(cacheDir),
  };
}

function layoutsIn(cacheDir: string): NonNullable<Compiler['layouts']> {
  return async (source, options) => {
    const { compileLayouts } = await import('../compile/layouts.js');
    return (await compileLayouts(source, { ...options, cacheDir })).library?.layouts ?? {};
  };
}

async function clangVersion(): Promise<string> {
  const { findClang } = await import('../compile/clang.js');
  const { version } = await findClang();
  return `clang ${version}`;
}
