// `moegen compile`: any Metal file through one of the compilers, with diagnostics at the user's own lines.

import { statSync } from 'node:fs';
import path from 'node:path';
import type { Diagnostic, MslVersion } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { chooseCompiler, type Compiler, type CompileTarget } from '../compilers.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { startProgress } from '../progress.js';

export interface CompileOptions {
  readonly target: CompileTarget | 'auto';
  readonly include: readonly string[];
  readonly define: readonly string[];
  readonly msl?: MslVersion | undefined;
  readonly json: boolean;
}

export interface CompiledFile {
  readonly path: string;
  readonly ok: boolean;
  readonly kernels: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}

export async function compile(given: readonly string[], options: CompileOptions, io: Io): Promise<ExitCode> {
  const files = given.length > 0 ? given : await generatedFiles(io);
  assertReadable(files, io);
  const compiler = await chooseCompiler(options.target, io);
  const results = await compileFiles(files, compiler, options, io);
  const isOk = results.every((result) => result.ok);
  if (options.json) {
    printJson(io, { files: results });
  } else {
    for (const result of results) io.out(describeFile(result));
    io.out(`${describeResults(results, compiler)}\n`);
  }
  return isOk ? EXIT.done : EXIT.answerIsNo;
}

/** Compiles files side by side; the compilers themselves keep to the number of cores. */
export async function compileFiles(
  files: readonly string[],
  compiler: Compiler,
  options: Pick<CompileOptions, 'include' | 'define' | 'msl'>,
  io: Io,
): Promise<CompiledFile[]> {
  const mslOptions = {
    includeDirs: options.include.map((folder) => path.resolve(io.cwd, folder)),
    defines: Object.fromEntries(options.define.map(parseDefine)),
    ...(options.msl !== undefined && { mslVersion: options.msl }),
  };
  const progress = await startProgress(io, `compiling (${compiler.target})`, files.length);
  try {
    return await Promise.all(
      files.map(async (file) => {
        const outcome = await compiler.compile({ path: path.resolve(io.cwd, file) }, mslOptions);
        progress.step();
        const diagnostics = outcome.diagnostics.map((diagnostic) => ({
          ...diagnostic,
          file: path.resolve(diagnostic.file) === path.resolve(io.cwd, file) ? file : diagnostic.file,
        }));
        return { path: file, ok: outcome.ok, kernels: outcome.kernels, diagnostics };
      }),
    );
  } finally {
    progress.stop();
  }
}

export function describeFile({ path: file, ok, diagnostics }: CompiledFile): string {
  const lines = diagnostics.map(
    ({ file, line, column, severity, message }) => `${file}:${line}:${column}: ${severity}: ${message}\n`,
  );
  return `${lines.join('')}${ok ? '' : `${file}: does not compile\n`}`;
}

export function describeResults(results: readonly CompiledFile[], compiler: Compiler): string {
  const accepted = results.filter((result) => result.ok).length;
  const kernels = results.reduce((sum, result) => sum + result.kernels.length, 0);
  const where = compiler.target === 'metal' ? '' : '; not compiled with xcrun';
  return `${accepted} of ${results.length} files compile (${kernels} kernels) with ${compiler.version} for ${compiler.target}${where}`;
}

function parseDefine(definition: string): [string, string] {
  const [, name = '', value = ''] = /^([^=]*)=?(.*)$/s.exec(definition) ?? [];
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    throw new MoegenError('cli/bad-definition', `expected NAME or NAME=VALUE, got '${definition}'`, {
      where: '-D',
    });
  }
  return [name, value];
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
    if (statSync(target, { throwIfNoEntry: false })?.isFile() === true) continue;
    throw new MoegenError('cli/no-such-file', 'expected a Metal file', {
      where: file,
      help: 'check the path; it is relative to the current folder',
    });
  }
}
