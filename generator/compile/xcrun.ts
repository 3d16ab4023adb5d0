// Turns Metal source into a metallib with Apple's offline compiler: source to AIR, AIR to metallib. What compiled once,
// with the same compiler, options and included files, is taken from the cache.

import { randomUUID } from 'node:crypto';
import { copyFile, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join, parse, resolve } from 'node:path';

import { cached, contentKey } from './cache.js';
import { versionOf } from './preprocess.js';
import type { CompileOutcome, Diagnostic, MslOptions, MslSource, MslVersion } from './types.js';
import { parseDiagnostics } from './xcrun/diagnostics.js';
import { metallibKernels } from './xcrun/metallib.js';
import { includedTexts, kernelsNamedIn, readSource } from './xcrun/source.js';
import type { MetalToolchain } from './xcrun/toolchain.js';
import { runTool, type ToolResult } from './xcrun/tools.js';

export { findXcrunToolchain } from './xcrun/toolchain.js';

export interface MetalLibrary {
  /** The metallib. */
  readonly path: string;
  readonly kernels: readonly string[];
}

export interface XcrunOptions extends MslOptions {
  /** Where compiled libraries are kept between runs. */
  readonly cacheDir: string;
  /** Where a copy of the metallib is left, named after the source. */
  readonly outDir?: string;
}

const DEFAULT_VERSION: MslVersion = '3.2';
const STRICT = ['-fno-fast-math', '-Wall', '-Wextra', '-Werror'] as const;

export async function compileMetal(
  toolchain: MetalToolchain,
  source: MslSource,
  options: XcrunOptions,
): Promise<CompileOutcome<MetalLibrary>> {
  const text = await readSource(source);
  const flags = compilerFlags(source.path, text, options);
  const key = await libraryKey(toolchain, source.path, text, flags, options.includeDirs ?? []);
  const { path: library, result } = await cached(
    join(resolve(options.cacheDir), 'xcrun'),
    `${key}.metallib`,
    (output) => build(toolchain, source, flags, output),
  );
  if (result?.ok === false) {
    return { ok: false, kernels: kernelsNamedIn(text), diagnostics: failure(result.stderr, source.path) };
  }
  const kernels = metallibKernels(await readFile(library)) ?? kernelsNamedIn(text);
  const path = options.outDir === undefined ? library : await copyTo(options.outDir, source.path, library);
  return { ok: true, kernels, diagnostics: [], library: { path, kernels } };
}

function compilerFlags(path: string, text: string, options: MslOptions): string[] {
  const defines = Object.entries(options.defines ?? {}).map(([name, value]) =>
    value === '' ? `-D${name}` : `-D${name}=${value}`,
  );
  const includes = (options.includeDirs ?? []).flatMap((folder) => ['-I', folder]);
  const version = options.mslVersion ?? versionOf(text, path) ?? DEFAULT_VERSION;
  return ['-x', 'metal', `-std=metal${version}`, ...STRICT, ...defines, ...includes];
}

/** Compiles and links; ends with the first tool that fails. */
async function build(
  toolchain: MetalToolchain,
  source: MslSource,
  flags: readonly string[],
  library: string,
): Promise<ToolResult> {
  const folder = await mkdtemp(join(dirname(library), 'metal-'));
  try {
    const { name } = parse(source.path);
    const air = join(folder, `${name}.air`);
    const linked = join(folder, `${name}.metallib`);
    const input = await inputArguments(source, folder);
    const [compiler, ...leading] = toolchain.compiler;
    const compiled = await runTool(compiler, [...leading, ...flags, ...input, '-o', air], toolchain.env);
    if (!compiled.ok) return compiled;
    const [linker, ...linkerLeading] = toolchain.linker;
    const link = await runTool(linker, [...linkerLeading, air, '-o', linked], toolchain.env);
    if (link.ok) await rename(linked, library);
    return link;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A text that is on no disk is compiled from a copy that claims to be `path`, and includes files as if it lay there. */
async function inputArguments(source: MslSource, folder: string): Promise<string[]> {
  if (source.text === undefined) return ['-c', source.path];
  const copy = join(folder, basename(source.path));
  await writeFile(copy, `#line 1 ${JSON.stringify(source.path)}\n${source.text}`);
  return ['-iquote', dirname(source.path), '-c', copy];
}

function failure(log: string, path: string): Diagnostic[] {
  const diagnostics = parseDiagnostics(log, path);
  if (diagnostics.some((diagnostic) => diagnostic.severity === 'error')) return diagnostics;
  const message = log.trim() === '' ? 'the Metal compiler failed without a message' : log.trim();
  return [...diagnostics, { file: path, line: 0, column: 0, severity: 'error', message }];
}

async function libraryKey(
  toolchain: MetalToolchain,
  path: string,
  text: string,
  flags: readonly string[],
  includeDirs: readonly string[],
): Promise<string> {
  const included = await includedTexts(path, text, includeDirs);
  // Where the included files are not known, nothing in the cache can be trusted.
  if (included === undefined) return `once-${randomUUID()}`;
  return contentKey([toolchain.version, toolchain.compilerPath, flags.join('\0'), text, ...included]);
}

async function copyTo(outDir: string, sourcePath: string, library: string): Promise<string> {
  await mkdir(outDir, { recursive: true });
  const path = join(outDir, `${parse(sourcePath).name}.metallib`);
  const partial = `${path}.${randomUUID()}.tmp`;
  await copyFile(library, partial);
  await rename(partial, path);
  return path;
}
