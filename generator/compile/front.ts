// What all targets of stock clang share: look into the cache, preprocess, translate, collect diagnostics, compile.

import { resolve } from 'node:path';

import { contentKey, defaultCacheDir } from './cache.js';
import { findClang, type Clang } from './clang.js';
import { readDiagnostics } from './diagnostics.js';
import { translate, type Translation } from './frontend/translate.js';
import type { Target } from './frontend/unit.js';
import { codeHash, headersHash } from './headers.js';
import { recallOutcome, rememberOutcome } from './outcomes.js';
import { preprocess, readSource } from './preprocess.js';
import { createSourceMap, type SourceMap } from './source-map.js';
import type {
  CompileOutcome,
  ConstantValue,
  Diagnostic,
  FunctionConstantInfo,
  KernelInfo,
  MslOptions,
  MslSource,
} from './types.js';

export interface StockOptions extends MslOptions {
  /** Kernels to compile; all of the file's when not given. */
  readonly kernels?: readonly string[];
  readonly cacheDir?: string;
}

/** What a target needs to be told apart in the cache, and how it turns a translated program into a library. */
export interface StockTarget<Library> {
  readonly target: Target;
  /** Flags of its compilers. */
  readonly flags: readonly string[];
  readonly constantValues?: Readonly<Record<number, ConstantValue>>;
  build(program: TranslatedProgram): Promise<Build<Library>>;
}

export interface TranslatedProgram {
  readonly clang: Clang;
  readonly cacheDir: string;
  readonly translation: Translation;
  /** The kernels that were asked for. */
  readonly kernels: readonly KernelInfo[];
  readonly constants: readonly FunctionConstantInfo[];
}

/** A library, or what the compiler printed instead. */
export type Build<Library> = { readonly library: Library } | { readonly log: string };

export async function compileStock<Library extends { readonly path: string }>(
  source: MslSource,
  options: StockOptions,
  plan: StockTarget<Library>,
): Promise<CompileOutcome<Library>> {
  const clang = await findClang();
  const cacheDir = resolve(options.cacheDir ?? defaultCacheDir());
  const text = source.text ?? (await readSource(source.path));
  const key = outcomeKey(clang, { path: source.path, text }, options, plan);
  const known = await recallOutcome<Library>(cacheDir, key);
  if (known) return known;
  const front = await translateSource(clang, { path: source.path, text }, options, plan);
  const { translation, map } = front;
  if (!translation) return { ok: false, kernels: front.kernels, diagnostics: front.diagnostics };
  const wanted = options.kernels;
  const built = await plan.build({
    clang,
    cacheDir,
    translation,
    kernels: translation.kernels.filter((kernel) => wanted?.includes(kernel.name) ?? true),
    constants: translation.constants,
  });
  if ('log' in built) {
    const diagnostics = [...front.diagnostics, ...readDiagnostics(built.log, map)];
    return { ok: false, kernels: front.kernels, diagnostics };
  }
  const outcome = {
    ok: true,
    kernels: front.kernels,
    diagnostics: front.diagnostics,
    library: built.library,
  };
  await rememberOutcome(cacheDir, key, front.includes, outcome);
  return outcome;
}

/** The kernels that a program declares, whether or not the compiler accepts what is in them. */
export async function listKernels(
  source: MslSource,
  options: StockOptions = {},
): Promise<readonly KernelInfo[]> {
  const text = source.text ?? (await readSource(source.path));
  const preprocessed = await preprocess(await findClang(), { path: source.path, text }, options);
  if (!preprocessed.ok) return [];
  return translate(preprocessed.text, { target: 'host', version: preprocessed.version }).kernels;
}

function outcomeKey<Library>(
  clang: Clang,
  source: Required<MslSource>,
  options: StockOptions,
  plan: StockTarget<Library>,
): string {
  const { includeDirs = [], defines = {}, mslVersion = '', kernels } = options;
  const settings = [plan.target, includeDirs.map((folder) => resolve(folder)), defines, mslVersion, kernels];
  const constants = plan.constantValues ?? {};
  const program = [source.path, resolve(source.path), source.text, JSON.stringify([settings, constants])];
  return contentKey([clang.identity, headersHash(), codeHash(), ...plan.flags, ...program]);
}

interface FrontResult {
  /** Missing where the program cannot be compiled any further. */
  readonly translation?: Translation;
  readonly map?: SourceMap;
  readonly kernels: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  readonly includes: readonly string[];
}

async function translateSource<Library>(
  clang: Clang,
  source: Required<MslSource>,
  options: StockOptions,
  plan: StockTarget<Library>,
): Promise<FrontResult> {
  const preprocessed = await preprocess(clang, source, options);
  if (!preprocessed.ok) return { kernels: [], diagnostics: readDiagnostics(preprocessed.log), includes: [] };
  const translation = translate(preprocessed.text, {
    target: plan.target,
    version: preprocessed.version,
    only: options.kernels,
    constantValues: plan.constantValues,
  });
  const map = createSourceMap(translation, new Map([[source.path, source.text]]));
  const diagnostics = translation.findings.map(({ token, severity, message }) => ({
    ...map.ofToken(token),
    severity,
    message,
  }));
  const kernels = translation.kernels.map((kernel) => kernel.name);
  const result = { kernels, diagnostics, includes: preprocessed.includes };
  const failed = diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  return failed ? result : { ...result, translation, map };
}
