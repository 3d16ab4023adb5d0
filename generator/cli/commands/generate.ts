// `moegen generate`: brings the output folder up to date, or with --check says how far it is from it, and compiles what it wrote.

import path from 'node:path';
import { MoegenError } from '../../errors.js';
import type { MslVersion } from '../../compile/types.js';
import { ACTIVATION_DTYPES, type ActivationDtype, type Bf16Storage } from '../../description/dtypes.js';
import { GENERAL_FORMAT_NAMES } from '../../description/weights.js';
import { flatPlan, type KernelForm } from '../../plan/flat.js';
import { prepareSet, type KernelSet, type SetRequest } from '../../output/kernel-set.js';
import type { Comparison } from '../../output/compare.js';
import type { WriteResult } from '../../output/write.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import type { Model, ModelFiles } from '../model.js';
import { covers, selectFiles, type Selection } from '../select.js';
import type { CompiledFile } from './compile.js';

export interface GenerateOptions extends Omit<Selection, 'dtype' | 'weights' | 'everyPair'>, ModelFiles {
  /** Without it, that of the model, or all. */
  readonly dtype?: readonly ActivationDtype[] | undefined;
  /** Without it, all formats, in the common pairs; for a model, its own, or those of the activations. */
  readonly weights?: readonly string[] | undefined;
  readonly bf16Storage?: Bf16Storage | undefined;
  readonly msl?: MslVersion | undefined;
  readonly form: KernelForm;
  /** Without it `generated`, or a folder in it with the model's name. */
  readonly out?: string | undefined;
  readonly check: boolean;
  readonly compile: boolean;
  readonly validate: boolean;
  readonly json: boolean;
}

export async function generate(given: GenerateOptions, io: Io): Promise<ExitCode> {
  if (given.form === 'flat' && given.validate) throw unvalidated();
  const model = await namedModel(given, io);
  const dtype = given.dtype ?? (model?.dtype === undefined ? ACTIVATION_DTYPES : [model.dtype]);
  const weights = given.weights ?? (model === undefined ? GENERAL_FORMAT_NAMES : dtype);
  const folder = model === undefined ? 'generated' : `generated/${model.name}`;
  const out = given.out ?? (given.form === 'flat' ? `${folder}/flat` : folder);
  const options: CompleteOptions = { ...given, dtype, weights, out, everyPair: given.weights !== undefined };
  const chosen = await chosenSet(options, model);
  const set = prepareSet({
    packageDir: PACKAGE_DIR,
    ...chosen,
    ...(given.form === 'flat' && { form: given.form, plans: chosen.plans.map(flatPlan) }),
    ...(options.bf16Storage !== undefined && { bf16Storage: options.bf16Storage }),
  });
  if (options.check || !options.validate) return produce(set, options, io);
  // One document for both, whatever they print.
  const printed: object[] = [];
  const own = options.json ? { ...io, out: (text: string) => printed.push(JSON.parse(text) as object) } : io;
  const code = await produce(set, options, own);
  const verdict =
    code !== EXIT.done
      ? code
      : model === undefined
        ? await validateGenerated(options, own)
        : await validateForModel(model, options, own);
  const [generated, validated = null] = printed;
  if (options.json) printJson(io, { ...generated, validated });
  return verdict;
}

/** Its constants are the host's. */
function unvalidated(): MoegenError {
  return new MoegenError('cli/flat-not-validated', 'expected --validate with kernels in the bound form', {
    where: '--form flat',
    help: 'validate the set without --form flat: both forms compute the same',
  });
}

type CompleteOptions = GenerateOptions & {
  readonly dtype: readonly ActivationDtype[];
  readonly weights: readonly string[];
  readonly everyPair: boolean;
  readonly out: string;
};

export interface ProduceOptions {
  readonly out: string;
  readonly check: boolean;
  readonly compile: boolean;
  readonly json: boolean;
}

/** Writes a set and compiles what changed, or with `check` compares it; `more` goes into the JSON that is printed. */
export async function produce(
  set: KernelSet,
  options: ProduceOptions,
  io: Io,
  more: object = {},
): Promise<ExitCode> {
  const outDir = path.resolve(io.cwd, options.out);
  if (options.check) return checkOutput(set, outDir, options, io);
  const { writeSet } = await import('../../output/write.js');
  const result = await writeSet(set, outDir);
  if (result.fault !== undefined) io.err(`warning: ${result.fault.message}; the manifest was written anew\n`);
  const compiled =
    options.compile && set.request.form !== 'flat' ? await compileGenerated(result, outDir, io) : undefined;
  printResult(set, result, compiled, options, io, more);
  return compiled?.files.some((file) => !file.ok) === true ? EXIT.answerIsNo : EXIT.done;
}

/** Reading models takes longer to load than the general set takes to check. */
async function namedModel(files: GenerateOptions, io: Io): Promise<Model | undefined> {
  if (files.config === undefined && files.spec === undefined) return undefined;
  const { readModel } = await import('../model.js');
  return readModel(files, io);
}

/** The folder of a model holds nothing but the model's set. */
async function chosenSet(
  options: CompleteOptions,
  model: Model | undefined,
): Promise<Pick<SetRequest, 'plans' | 'covers' | 'model'>> {
  if (model === undefined) return { plans: selectFiles(options), covers: covers(options) };
  const { planModelSet } = await import('../model.js');
  const { plans, description } = planModelSet(model, options);
  return { plans, covers: () => true, model: description };
}

interface CompileReport {
  readonly target: string;
  readonly compiler: string;
  readonly summary: string;
  readonly files: readonly CompiledFile[];
}

/** Compiles what was written with the best compiler there is; nothing written, nothing compiled. */
async function compileGenerated(
  result: WriteResult,
  outDir: string,
  io: Io,
): Promise<CompileReport | undefined> {
  if (result.written.length === 0) return undefined;
  const [{ chooseCompiler }, { compileFiles, describeFile, describeResults }] = await Promise.all([
    import('../compilers.js'),
    import('./compile.js'),
  ]);
  const compiler = await chooseCompiler('auto', io);
  const paths = result.written.map((file) => path.relative(io.cwd, path.join(outDir, file)));
  const files = await compileFiles(paths, compiler, { include: [], define: [] }, io);
  for (const file of files) io.err(describeFile(file));
  if (compiler.target === 'metal') {
    const accepted = files.filter((file) => file.ok).flatMap((file) => file.kernels.map(({ name }) => name));
    const { recordXcrun } = await import('../../output/write.js');
    await recordXcrun(outDir, result.manifest, new Map(accepted.map((kernel) => [kernel, compiler.version])));
  }
  return {
    target: compiler.target,
    compiler: compiler.version,
    summary: describeResults(files, compiler),
    files,
  };
}

function printResult(
  { kernels }: KernelSet,
  { written, deleted, unchanged }: WriteResult,
  compiled: CompileReport | undefined,
  options: ProduceOptions,
  io: Io,
  more: object,
): void {
  if (options.json) {
    const report = compiled && {
      target: compiled.target,
      compiler: compiled.compiler,
      files: compiled.files,
    };
    printJson(io, { out: options.out, written, deleted, unchanged, compiled: report ?? null, ...more });
    return;
  }
  const counts = [`${written.length} written`, `${unchanged} unchanged`, `${deleted.length} deleted`];
  io.out(`${options.out}: ${kernels.length} kernels; files: ${counts.join(', ')}\n`);
  if (compiled !== undefined) io.out(`${compiled.summary}\n`);
}

async function checkOutput(
  set: KernelSet,
  outDir: string,
  options: ProduceOptions,
  io: Io,
): Promise<ExitCode> {
  const { compareSet } = await import('../../output/compare.js');
  return printComparison(await compareSet(set, outDir), options, io);
}

/** How far a folder is from what belongs there. */
export function printComparison(
  { missing, changed, unexpected, compared }: Comparison,
  options: Pick<ProduceOptions, 'out' | 'json'>,
  io: Io,
): ExitCode {
  const isSame = missing.length + changed.length + unexpected.length === 0;
  if (options.json) {
    printJson(io, { out: options.out, ok: isSame, missing, changed, unexpected });
  } else if (isSame) {
    io.out(`${options.out}: ${compared} files are up to date\n`);
  } else {
    for (const file of missing) io.out(`missing     ${file}\n`);
    for (const { file, diff } of changed) io.out(`changed     ${file}\n${indent(diff)}\n`);
    for (const file of unexpected) io.out(`unexpected  ${file}\n`);
    io.err(`${options.out} differs from what moegen writes; run the same command without --check\n`);
  }
  return isSame ? EXIT.done : EXIT.answerIsNo;
}

function indent(text: string): string {
  return text
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n');
}

async function validateGenerated(options: CompleteOptions, io: Io): Promise<ExitCode> {
  const { validate } = await import('./validate.js');
  const { dtype, weights, everyPair, bf16Storage, kernel, json } = options;
  const rest = { device: 'auto', intermediate: 'stored', checks: [] } as const;
  return validate(kernel, { dtype, weights, everyPair, bf16Storage, json, ...rest }, io);
}

async function validateForModel(model: Model, options: CompleteOptions, io: Io): Promise<ExitCode> {
  const { runModel } = await import('./validate-blocks.js');
  const { dtype, weights, bf16Storage, json } = options;
  const rest = { device: 'auto', intermediate: 'stored', checks: [] } as const;
  return runModel(model, { dtype, weights, bf16Storage, json, ...rest }, io);
}
