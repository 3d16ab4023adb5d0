// `moegen compile`: any Metal file through one of the compilers, with diagnostics at the user's own lines.

import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import type { PtxAlignment, PtxMatrix } from '../../compile/ptx.js';
import type { Diagnostic, MslVersion, Subnormals } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { leaveCopy, outputPaths, targetFor } from '../compile-output.js';
import { describeKernels, type CompiledKernel } from '../compiled-kernel.js';
import { chooseCompiler, type Compiler, type CompileTarget } from '../compilers.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { startProgress } from '../progress.js';
import { parseDefine } from '../values.js';

export interface CompileOptions {
  readonly target: CompileTarget | 'auto';
  readonly include: readonly string[];
  readonly define: readonly string[];
  readonly msl?: MslVersion | undefined;
  /** Of PTX alone; the other targets leave subnormals to the processor or the GPU that runs the kernels. */
  readonly matrix?: PtxMatrix | undefined;
  readonly alignment?: PtxAlignment | undefined;
  readonly subnormals?: Subnormals | undefined;
  /** A file, or a folder. */
  readonly output?: string | undefined;
  readonly json: boolean;
}

export interface CompiledFile {
  readonly path: string;
  /** The file and all its kernels can be used. */
  readonly ok: boolean;
  readonly kernels: readonly CompiledKernel[];
  readonly diagnostics: readonly Diagnostic[];
  /** Where what was compiled lies, where that was asked for. */
  readonly output?: string;
}

export async function compile(given: readonly string[], options: CompileOptions, io: Io): Promise<ExitCode> {
  const { matrix, alignment, subnormals, output } = options;
  const target = output === undefined ? options.target : targetFor(output, options.target);
  if (target !== 'ptx' && (matrix ?? alignment) !== undefined) {
    throw new MoegenError('cli/not-for-ptx', 'expected --target ptx, which alone has a choice of these', {
      where: matrix === undefined ? '--alignment' : '--matrix',
      help: 'add --target ptx, or leave the option out',
    });
  }
  if (subnormals !== undefined && target !== 'ptx') throw subnormalsOf(target);
  const files = given.length > 0 ? given : await generatedFiles(io);
  assertReadable(files, io);
  const compiler = await chooseCompiler(target, io, {
    isKept: output !== undefined,
    ...(matrix && { matrix }),
    ...(alignment && { alignment }),
    ...(subnormals && { subnormals }),
  });
  const folder = given.length > 0 ? undefined : 'generated';
  const outputs =
    output === undefined ? [] : outputPaths(files, output, compiler.target, { cwd: io.cwd, folder });
  const results = await compileFiles(files, compiler, options, io, outputs);
  const isOk = results.every((result) => result.ok);
  if (options.json) {
    printJson(io, { files: results });
  } else {
    for (const result of results) io.out(describeFile(result));
    io.out(`${describeResults(results, compiler)}\n`);
  }
  return isOk ? EXIT.done : EXIT.answerIsNo;
}

function subnormalsOf(target: string): MoegenError {
  return new MoegenError('cli/no-ptx', `--subnormals is about code for NVIDIA GPUs, got --target ${target}`, {
    where: '--subnormals',
    help: 'add --target ptx; `moegen validate` and `moegen run` have the option for kernels that run here',
  });
}

/** Compiles files side by side; the compilers themselves keep to the number of cores. */
export async function compileFiles(
  files: readonly string[],
  compiler: Compiler,
  options: Pick<CompileOptions, 'include' | 'define' | 'msl'> & Partial<Pick<CompileOptions, 'json'>>,
  io: Io,
  /** One for each file, or none at all. */
  outputs: readonly string[] = [],
): Promise<CompiledFile[]> {
  const mslOptions = {
    includeDirs: options.include.map((folder) => path.resolve(io.cwd, folder)),
    defines: Object.fromEntries(options.define.map(parseDefine)),
    ...(options.msl !== undefined && { mslVersion: options.msl }),
  };
  const progress = await startProgress(io, `compiling (${compiler.target})`, files.length);
  try {
    return await Promise.all(
      files.map(async (file, at) => {
        const source = { path: path.resolve(io.cwd, file) };
        const outcome = await compiler.compile(source, mslOptions);
        const isDescribed = options.json === true && outcome.kernels.length > 0;
        const layouts = isDescribed ? await compiler.layouts?.(source, mslOptions) : undefined;
        progress.step();
        const asGiven = (diagnostic: Diagnostic): Diagnostic => ({
          ...diagnostic,
          file: path.resolve(diagnostic.file) === path.resolve(io.cwd, file) ? file : diagnostic.file,
        });
        const kernels = describeKernels(outcome, layouts).map((kernel) => {
          return { ...kernel, diagnostics: kernel.diagnostics.map(asGiven) };
        });
        const diagnostics = outcome.diagnostics.map(asGiven);
        const output = outcome.ok ? outputs[at] : undefined;
        if (output !== undefined && outcome.library !== undefined)
          await leaveCopy(outcome.library.path, path.resolve(io.cwd, output));
        return { path: file, ok: outcome.ok, kernels, diagnostics, ...(output && { output }) };
      }),
    );
  } finally {
    progress.stop();
  }
}

export function describeFile({ path: file, ok, kernels, diagnostics, output }: CompiledFile): string {
  const lines = diagnostics.map(
    ({ file, line, column, severity, message }) => `${file}:${line}:${column}: ${severity}: ${message}\n`,
  );
  const usable = kernels.filter((kernel) => kernel.ok);
  const refused = kernels.filter((kernel) => !kernel.ok).map(({ name }) => name);
  if (ok) return lines.join('') + (output === undefined ? '' : `${output}\n`);
  if (usable.length === 0) return `${lines.join('')}${file}: does not compile\n`;
  return `${lines.join('')}${file}: compiles without ${refused.join(', ')}\n`;
}

export function describeResults(results: readonly CompiledFile[], compiler: Compiler): string {
  const accepted = results.filter((result) => result.ok).length;
  const kernels = results.reduce((sum, result) => sum + result.kernels.length, 0);
  const where = compiler.target === 'metal' ? '' : '; not compiled with xcrun';
  return `${accepted} of ${results.length} files compile (${kernels} kernels) with ${compiler.version} for ${compiler.target}${where}`;
}

async function generatedFiles(io: Io): Promise<string[]> {
  const { readRecordedState } = await import('../../output/kernel-set.js');
  const { manifest, fault } = await readRecordedState(path.resolve(io.cwd, 'generated'));
  if (fault !== undefined) throw fault;
  if (manifest === undefined) {
    throw new MoegenError('cli/no-files', 'expected Metal files, or a folder `generated` with a manifest', {
      where: 'moegen compile',
      help: 'name the files, or run `moegen` first',
    });
  }
  return [...new Set(manifest.kernels.map((kernel) => path.join('generated', kernel.file)))];
}

function assertReadable(files: readonly string[], io: Io): void {
  for (const file of files) {
    const target = path.resolve(io.cwd, file);
    if (existsSync(target) && statSync(target).isFile()) continue;
    throw new MoegenError('cli/no-such-file', 'expected a Metal file', {
      where: file,
      help: 'check the path; it is relative to the current folder',
    });
  }
}
