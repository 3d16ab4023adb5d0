// What all targets of stock clang share: look into the cache, preprocess, translate, collect diagnostics, compile.

import { resolve } from 'node:path';

import { contentKey, defaultCacheDir } from './cache.js';
import { findClang, type Clang } from './clang.js';
import { readDiagnostics } from './diagnostics.js';
import { translate, type Translation } from './frontend/translate.js';
import type { CompileTarget } from './flags.js';
import type { Finding, Refusal, Target } from './frontend/unit.js';
import { codeHash, headersHash } from './headers.js';
import { refusalsIn } from './kernel-refusals.js';
import { recallOutcome, rememberOutcome } from './outcomes.js';
import { preprocess, readSource, type Preprocessed } from './preprocess.js';
import { checkSyntax, type SyntaxCheck } from './syntax-check.js';
import { createSourceMap, type SourceMap } from './source-map.js';
import type {
  CompileOutcome,
  ConstantValue,
  Diagnostic,
  FunctionConstantInfo,
  KernelInfo,
  KernelReport,
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
  readonly compileTarget: CompileTarget;
  readonly processor: readonly string[];
  /** Flags of its compilers. */
  readonly flags: readonly string[];
  readonly constantValues?: Readonly<Record<number, ConstantValue>>;
  /** Entries only name the types of the arguments' elements. */
  readonly namesElements?: boolean;
  build(program: TranslatedProgram): Promise<Build<Library>>;
}

export interface TranslatedProgram {
  readonly clang: Clang;
  readonly cacheDir: string;
  readonly translation: Translation;
  readonly map: SourceMap;
  /** The kernels that were asked for. */
  readonly kernels: readonly KernelInfo[];
  readonly constants: readonly FunctionConstantInfo[];
  /** Has the compiler check the program alone. */
  readonly syntaxCheck: () => Promise<SyntaxCheck>;
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
  const preprocessed = await preprocess(clang, { path: source.path, text }, options);
  if (!preprocessed.ok) {
    const diagnostics = [...preprocessed.refused, ...readDiagnostics(preprocessed.log)];
    return { ok: false, kernels: [], diagnostics };
  }
  const translator = { clang, cacheDir, preprocessed, source: { path: source.path, text }, options, plan };
  const outcome = await compileUsable(translator, []);
  if (outcome.library) await rememberOutcome(cacheDir, key, preprocessed.includes, outcome);
  return outcome;
}

/** Compiles what is left without the refused; where the compiler refuses more that single kernels pay for, once more. */
async function compileUsable<Library>(
  translator: Translator<Library>,
  refusals: readonly Refusal[],
): Promise<CompileOutcome<Library>> {
  const { translation, map } = await translateAsMeant(translator, refusals);
  const { clang, cacheDir, options, plan } = translator;
  const reports = reportKernels(translation, map);
  const isWanted = ({ name }: { name: string }): boolean => options.kernels?.includes(name) ?? true;
  const wanted = reports.filter(isWanted);
  const kernels = reports.map(({ name }) => name);
  const diagnostics = fileDiagnostics(translation, map, new Set(wanted.map(({ name }) => name)));
  const isUsable = wanted.length === 0 || wanted.some(({ ok }) => ok);
  if (translation.fails || !isUsable) return { ok: false, kernels, reports: failed(reports), diagnostics };
  const program = {
    clang,
    cacheDir,
    translation,
    map,
    kernels: reports.filter((report) => report.ok && isWanted(report)).map(({ info }) => info),
    constants: translation.constants,
  };
  const [built, passed] = await buildAndCheck(program, plan);
  if ('log' in built) {
    const more = passed.length > 0 ? undefined : refusalsIn(built.log, translation, map, refusals);
    if (more) return compileUsable(translator, [...refusals, ...more]);
  }
  if ('log' in built || passed.length > 0) {
    const printed = 'log' in built ? readDiagnostics(built.log, map) : [];
    return {
      ok: false,
      kernels,
      reports: failed(reports),
      diagnostics: [...diagnostics, ...printed, ...passed],
    };
  }
  return { ok: wanted.every(({ ok }) => ok), kernels, reports, diagnostics, library: built.library };
}

function failed(reports: readonly KernelReport[]): KernelReport[] {
  return reports.map((report) => ({ ...report, ok: false }));
}

function reportKernels(
  { kernels, refused, constants, usedConstants }: Translation,
  map: SourceMap,
): KernelReport[] {
  return kernels.map((info) => {
    const used = usedConstants.get(info.name) ?? [];
    const diagnostics = (refused.get(info.name) ?? []).map((finding) => diagnosticOf(finding, map));
    return {
      name: info.name,
      ok: !refused.has(info.name),
      diagnostics,
      info: used.length === 0 ? info : { ...info, constants: used },
      constants: constants.filter(({ index }) => used.includes(index)),
    };
  });
}

/** What is said about the program and the kernels that were asked for. */
function fileDiagnostics(
  { findings, refused }: Translation,
  map: SourceMap,
  wanted: ReadonlySet<string>,
): Diagnostic[] {
  const others = new Set([...refused].flatMap(([name, found]) => (wanted.has(name) ? [] : found)));
  for (const name of wanted) for (const finding of refused.get(name) ?? []) others.delete(finding);
  return findings.filter((finding) => !others.has(finding)).map((finding) => diagnosticOf(finding, map));
}

function diagnosticOf({ token, severity, message }: Finding, map: SourceMap): Diagnostic {
  return { ...map.ofToken(token), severity, message };
}

/** Builds, and at the same time looks for what the compiler lets pass. */
async function buildAndCheck<Library>(
  program: Omit<TranslatedProgram, 'syntaxCheck'>,
  plan: StockTarget<Library>,
): Promise<[Build<Library>, readonly Diagnostic[]]> {
  let check: Promise<SyntaxCheck> | undefined;
  const syntaxCheck = (): Promise<SyntaxCheck> =>
    (check ??= checkSyntax(program, plan.compileTarget, plan.processor));
  if (program.translation.needsTree) void syntaxCheck();
  const built = await plan.build({ ...program, syntaxCheck });
  return [built, check ? (await check).findings : []];
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

/** What the front end warns of in a program that another compiler accepts; nothing where it does not understand the program. */
export async function listWarnings(
  source: Required<MslSource>,
  options: MslOptions,
): Promise<readonly Diagnostic[]> {
  const preprocessed = await preprocess(await findClang(), source, options);
  if (!preprocessed.ok) return [];
  const translation = translate(preprocessed.text, { target: 'host', version: preprocessed.version });
  const map = createSourceMap(translation, new Map([[source.path, source.text]]));
  return diagnosticsOf(translation, map).filter(({ severity }) => severity === 'warning');
}

function diagnosticsOf({ findings }: Translation, map: SourceMap): Diagnostic[] {
  return findings.map(({ token, severity, message }) => ({ ...map.ofToken(token), severity, message }));
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

/** What a program is translated from, as often as it takes. */
interface Translator<Library> {
  readonly clang: Clang;
  readonly cacheDir: string;
  readonly preprocessed: Preprocessed;
  readonly source: Required<MslSource>;
  readonly options: StockOptions;
  readonly plan: StockTarget<Library>;
}

interface Translated {
  readonly translation: Translation;
  readonly map: SourceMap;
}

/** Translates; where methods for constant objects differ from others, once more when it is known which calls mean them. */
async function translateAsMeant<Library>(
  translator: Translator<Library>,
  refusals: readonly Refusal[],
): Promise<Translated> {
  const first = translateProgram(translator, refusals, []);
  const { translation } = first;
  if (translation.fails || ![...translation.constantMethods.values()].includes('different')) return first;
  const { clang, cacheDir, plan } = translator;
  const program = { clang, cacheDir, ...first };
  const { constantCalls } = await checkSyntax(program, plan.compileTarget, plan.processor);
  const positions = constantCalls.map((token) => translation.tokens.indexOf(token));
  return translateProgram(translator, refusals, positions);
}

function translateProgram<Library>(
  { preprocessed, source, options, plan }: Translator<Library>,
  refusals: readonly Refusal[],
  constantCalls: readonly number[],
): Translated {
  const translation = translate(preprocessed.text, {
    target: plan.target,
    version: preprocessed.version,
    only: options.kernels,
    constantValues: plan.constantValues,
    namesElements: plan.namesElements,
    constantCalls: new Set(constantCalls),
    refusals,
  });
  const texts = new Map([[source.path, source.text]]);
  return { translation, map: createSourceMap(translation, texts, preprocessed.includes) };
}
