// Compiles Metal into a shared library for the host engine. Programs with many kernels are compiled in several pieces at
// once, which all hold the program but each its own share of the kernels.

import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { MoegenError } from '../errors.js';
import { cached, contentKey } from './cache.js';
import type { Clang } from './clang.js';
import { compilerLog } from './compiler-log.js';
import { hasErrors } from './diagnostics.js';
import { compileFlags, objectFlags, processorFlags, UNOPTIMISED, type CompileTarget } from './flags.js';
import { compileStock, type Build, type StockOptions, type TranslatedProgram } from './front.js';
import { promiseScalarAlignment } from './representation/alignment.js';
import { checkAlignments } from './representation/alignment-checks.js';
import { flushConversions } from './representation/bfloat-subnormals.js';
import { guardDivisions } from './representation/divisions.js';
import { hideLibraryLines } from './representation/lines.js';
import { fillLocals } from './representation/local-contents.js';
import { keepMeetingsApart } from './representation/meetings.js';
import { countOperations } from './representation/operations.js';
import { requireConstants } from './representation/required-constants.js';
import { chooseUnrolling } from './representation/unrolling.js';
import { linkHost } from './link.js';
import { codeHash } from './headers.js';
import { precompiledHeader } from './pch.js';
import { runCompiler, type ProcessResult } from './process.js';
import type { CompileOutcome, HostLibrary, MslSource } from './types.js';

export interface HostOptions extends StockOptions {
  /** Compile with memory-access callbacks, for checks and counters. */
  readonly instrument?: boolean;
}

/** Below this many kernels a second compiler process costs more than it saves. */
const KERNELS_PER_PIECE = 48;

/** The representation of a piece has to fit into one string. */
const LARGEST_PIECE = 160;

export async function compileHost(
  source: MslSource,
  options: HostOptions = {},
): Promise<CompileOutcome<HostLibrary>> {
  const instrument = options.instrument ?? false;
  const target = instrument ? 'host-instrumented' : 'host';
  const processor = hostProcessor();
  const flags = compileFlags(target, processor);
  return compileStock(source, options, {
    target: 'host',
    compileTarget: target,
    processor,
    flags,
    build: (program) => build(program, target, instrument, flags),
  });
}

/** Compiles as far as all errors are found, without generating code: seconds for programs with hundreds of kernels. */
export async function checkHost(
  source: MslSource,
  options: StockOptions = {},
): Promise<CompileOutcome<never>> {
  const processor = hostProcessor();
  const flags = [...compileFlags('host', processor), '-fsyntax-only'];
  const outcome = await compileStock<{ readonly path: string }>(source, options, {
    target: 'host',
    compileTarget: 'host',
    processor,
    flags,
    build: async ({ clang, syntaxCheck }) => {
      const { code, log, header } = await syntaxCheck();
      return code !== 0 || hasErrors(log) ? compilerLog(clang, code, log) : { library: { path: header } };
    },
  });
  const { ok, kernels, reports = [], diagnostics } = outcome;
  return { ok, kernels, reports, diagnostics };
}

/** Flags that name this machine's processor. */
export function hostProcessor(): readonly string[] {
  const flags = processorFlags();
  if (flags) return flags;
  const machine = `${process.platform}-${process.arch}`;
  throw new MoegenError(
    'compile/unknown-machine',
    `kernels run on Linux and macOS, x64 and arm64; this is ${machine}`,
  );
}

async function build(
  program: TranslatedProgram,
  target: CompileTarget,
  instrumented: boolean,
  flags: readonly string[],
): Promise<Build<HostLibrary>> {
  const { clang, cacheDir, translation, kernels, constants } = program;
  const header = await precompiledHeader(clang, target, hostProcessor(), cacheDir);
  const pieces = divide(translation.entries);
  const texts = pieces.map((piece, index) => {
    return translation.program + (index === 0 ? translation.storage : '') + piece.join('');
  });
  const key = contentKey([clang.identity, header, codeHash(), ...flags, ...texts]);
  const extension = process.platform === 'darwin' ? 'dylib' : 'so';
  const { path, result } = await cached(join(cacheDir, 'host'), `${key}.${extension}`, (output) =>
    produce(clang, texts, output, (text, object) =>
      compileObject([...clang.command, ...flags, '-include-pch', header], text, object, {
        clang,
        instrumented,
      }),
    ),
  );
  if (result && 'log' in result) return result;
  return { library: { path, kernels, constants, instrumented } };
}

function divide(entries: readonly string[]): (readonly string[])[] {
  const useful = Math.min(availableParallelism(), Math.floor(entries.length / KERNELS_PER_PIECE));
  const count = Math.max(1, useful, Math.ceil(entries.length / LARGEST_PIECE));
  const size = Math.max(1, Math.ceil(entries.length / count));
  return Array.from({ length: count }, (_, index) => entries.slice(index * size, (index + 1) * size));
}

/** By way of LLVM's representation of the program as it was written, where what Metal means otherwise is put right. */
async function compileObject(
  command: readonly string[],
  input: string,
  object: string,
  { clang, instrumented }: { clang: Clang; instrumented: boolean },
): Promise<ProcessResult> {
  const written = await runCompiler([...command, '-S', '-emit-llvm', ...UNOPTIMISED, '-', '-o', '-'], {
    input,
  });
  if (written.code !== 0 || hasErrors(written.stderr)) return written;
  const watched = instrumented ? fillLocals(checkAlignments(written.stdout)) : written.stdout;
  const own = chooseUnrolling(watched);
  const guarded = promiseScalarAlignment(keepMeetingsApart(guardDivisions(flushConversions(own))));
  const representation = instrumented
    ? hideLibraryLines(requireConstants(countOperations(guarded)))
    : guarded;
  const flags = objectFlags(instrumented, hostProcessor());
  return runCompiler([...clang.command, ...flags, '-c', '-', '-o', object], { input: representation });
}

async function produce(
  clang: Clang,
  texts: readonly string[],
  output: string,
  compile: (text: string, object: string) => Promise<ProcessResult>,
): Promise<{ ok: true } | { ok: false; log: string }> {
  const objects = texts.map((_, index) => `${output}.${index}.o`);
  try {
    const results = await Promise.all(texts.map((text, index) => compile(text, objects[index] ?? '')));
    const failed = results.find(({ code, stderr }) => code !== 0 || hasErrors(stderr));
    if (failed) return { ok: false, ...compilerLog(clang, failed.code, failed.stderr) };
    await linkHost(clang, objects, output);
    return { ok: true };
  } finally {
    await Promise.all(objects.map((object) => rm(object, { force: true })));
  }
}
