// The commands as functions: typed options in, typed results out. Options take the way of the command line, so that a wrong name
// or value is refused in the same words, as a MoegenError that is thrown.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { CompiledFile } from '../cli/commands/compile.js';
import { EXIT } from '../cli/exit-codes.js';
import { processIo, type Io } from '../cli/io.js';
import { execute } from '../cli/main.js';
import { blockLayers, parseConfig, type LayerBlocks } from '../description/models/index.js';
import type { Check } from '../native/types.js';
import type { EvaluatedModel } from '../plan/evaluate.js';
import type { FixtureVerdict } from '../validate/fixtures.js';
import type { KernelVerdict } from '../validate/kernels/run.js';
import type { RunJobResult } from '../jobs/run.js';
import type { TestOutcome } from '../jobs/testing/run.js';
import { runArrays, type ArrayJob, type ArrayRunResult } from './run-arrays.js';
import type {
  CallContext,
  CompileSettings,
  GenerateSettings,
  PlanSettings,
  RunSettings,
  TestSettings,
  ValidateSettings,
} from './settings.js';

/** `ok` is false where the answer is no: drift, a mismatch, a kernel that does not compile. */
interface Verdict {
  readonly ok: boolean;
}

export interface GenerateResult extends Verdict {
  readonly out: string;
  readonly written: readonly string[];
  readonly deleted: readonly string[];
  readonly unchanged: number;
  /** null where nothing was compiled. */
  readonly compiled: {
    readonly target: string;
    readonly compiler: string;
    readonly files: readonly CompiledFile[];
  } | null;
}

export interface CheckResult extends Verdict {
  readonly out: string;
  readonly missing: readonly string[];
  readonly changed: readonly { readonly file: string; readonly diff: string }[];
  readonly unexpected: readonly string[];
}

export interface CompileResult extends Verdict {
  readonly files: readonly CompiledFile[];
}

/** `kernels`, or for models and fixtures `fixtures`. */
export interface ValidateResult extends Verdict {
  readonly device: string;
  /** Of kernels, as the next two. */
  readonly machine?: string;
  readonly seed?: number;
  readonly checks?: readonly Check[];
  readonly kernels?: readonly KernelVerdict[];
  readonly fixtures?: readonly FixtureVerdict[];
  readonly refused?: readonly { readonly file: string; readonly code: string; readonly message: string }[];
}

export interface RunResult extends Verdict, RunJobResult {}

export interface TestResult extends Verdict {
  readonly device: string;
  readonly tests: readonly TestOutcome[];
}

export interface PlanResult extends Verdict, EvaluatedModel {
  readonly schemaVersion: 1;
}

/** The MoE blocks of a model, from its config.json. Throws a MoegenError for a model type that is not known. */
export function readConfig(file: string, { cwd = process.cwd() }: CallContext = {}): LayerBlocks {
  const text = readFileSync(path.resolve(cwd, file), 'utf8').replace(/^\uFEFF/, '');
  return blockLayers(parseConfig(text, file), file);
}

/** Writes what changed of a set of kernels, and compiles it. */
export function generate(settings: GenerateSettings = {}, context?: CallContext): Promise<GenerateResult> {
  const { compile: isCompiled = true, ...options } = settings;
  return call<GenerateResult>('generate', [], [options, isCompiled ? {} : { 'no-compile': true }], context);
}

/** Says how far the output folder is from what `generate` would write, and writes nothing. */
export function check(
  settings: Omit<GenerateSettings, 'compile'> = {},
  context?: CallContext,
): Promise<CheckResult> {
  return call<CheckResult>('generate', [], [settings, { check: true }], context);
}

/** Compiles Metal files, ours or not. */
export function compile(
  files: readonly string[],
  settings: CompileSettings = {},
  context?: CallContext,
): Promise<CompileResult> {
  return call<CompileResult>('compile', files, [settings], context);
}

/** Runs kernels, fixtures or the blocks of a model, and compares them with float64 references. */
export function validate(settings: ValidateSettings = {}, context?: CallContext): Promise<ValidateResult> {
  const { glob, ...options } = settings;
  return call<ValidateResult>('validate', glob === undefined ? [] : [glob], [options], context);
}

/** Runs kernels as a job file says; or as a job says that the program hands over, on the program's arrays. */
export function run(job: string, settings?: RunSettings, context?: CallContext): Promise<RunResult>;
export function run(job: ArrayJob, settings?: RunSettings, context?: CallContext): Promise<ArrayRunResult>;
export function run(
  job: string | ArrayJob,
  settings: RunSettings = {},
  context: CallContext = {},
): Promise<RunResult | ArrayRunResult> {
  return typeof job === 'string'
    ? call<RunResult>('run', [job], [settings], context)
    : runArrays(job, settings, context);
}

/** Runs the tests in files and folders, and compares their outputs with what they should be. */
export function test(
  files: readonly string[],
  settings: TestSettings = {},
  context?: CallContext,
): Promise<TestResult> {
  return call<TestResult>('test', files, [settings], context);
}

/** Every dispatch of the layers of a model for a number of tokens, with numbers only. */
export function plan(settings: PlanSettings, context?: CallContext): Promise<PlanResult> {
  return call<PlanResult>('plan', [], [settings], context);
}

type Options = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

async function call<T extends Verdict>(
  command: string,
  operands: readonly string[],
  options: readonly object[],
  { cwd, onMessage }: CallContext = {},
): Promise<T> {
  let out = '';
  const own = processIo();
  const io: Io = {
    ...own,
    out: (text) => (out += text),
    err: (text) => onMessage?.(text),
    isTerminal: false,
    cwd: cwd ?? own.cwd,
  };
  const flags = options.flatMap((each) => flagsOf(each as Options));
  const code = await execute([command, ...flags, '--json', '--', ...operands], io);
  return { ...(JSON.parse(out) as T), ok: code === EXIT.done };
}

/** Lists of names are joined by commas; files and definitions are given one by one. */
const ONE_BY_ONE: readonly string[] = ['include', 'define', 'fixture'];

function flagsOf(options: Options): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    if (value === undefined) return [];
    if (value === true) return [flag];
    if (typeof value !== 'object') return [`${flag}=${String(value)}`];
    return ONE_BY_ONE.includes(name)
      ? value.map((entry) => `${flag}=${entry}`)
      : [`${flag}=${value.join(',')}`];
  });
}
