// `moegen validate`: runs kernels on a device and compares them with float64 references, or runs whole blocks from fixtures and
// compares those with what the model's own code computed.

import path from 'node:path';
import type { Check, Device, DeviceName } from '../../native/types.js';
import { LAYER_PATHS } from '../../plan/layer.js';
import { kernelFile } from '../../manifest/build.js';
import { prepareSet, renderTexts } from '../../output/kernel-set.js';
import type { FixtureOptions, FixtureVerdict } from '../../validate/fixtures.js';
import type { KernelVerdict } from '../../validate/kernels/run.js';
import type { BlockTexts, KernelTexts } from '../../validate/validate.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import type { Model } from '../model.js';
import { startProgress } from '../progress.js';
import { selectFiles, selectPlans, type Selection } from '../select.js';
import { WEIGHT_FORMAT_NAMES } from '../../spec/weights.js';

export interface ValidateOptions extends Pick<Selection, 'dtype' | 'bf16Storage'> {
  readonly device: DeviceName | 'auto';
  /** Without it, kernels run in all formats, and fixtures in the activation's own. */
  readonly weights?: readonly string[] | undefined;
  readonly fixture?: readonly string[] | undefined;
  readonly intermediate: 'stored' | 'float';
  readonly checks: readonly Check[];
  readonly seed?: number | undefined;
  readonly json: boolean;
}

const DEFAULT_SEED = 1;

export function validate(glob: string, options: ValidateOptions, io: Io): Promise<ExitCode> {
  return options.fixture === undefined
    ? runKernels(glob, options, io)
    : runFixtures(options.fixture, options, io);
}

async function runKernels(glob: string, options: ValidateOptions, io: Io): Promise<ExitCode> {
  const weights = options.weights ?? WEIGHT_FORMAT_NAMES;
  const texts = await kernelTexts({ ...options, kernel: glob, weights });
  const { validateKernels } = await import('../../validate/validate.js');
  const device = await openDevice(options.device, io);
  const seed = options.seed ?? DEFAULT_SEED;
  const progress = await startProgress(io, `validating on ${device.name}`, texts.plans.length);
  const verdicts = await validateKernels(device, texts, {
    seed,
    checks: options.checks,
    onVerdict: progress.step,
  }).finally(progress.stop);
  const failed = verdicts.filter((verdict) => !verdict.ok);
  if (options.json) {
    printJson(io, { device: device.name, seed, kernels: verdicts });
  } else {
    for (const verdict of failed) {
      const again = `moegen validate ${verdict.kernel} --seed ${seed}`;
      io.out(`${describeFailure(verdict)}    again: ${again}\n`);
    }
    const agreeing = `${verdicts.length - failed.length} of ${verdicts.length} kernels`;
    io.out(`${agreeing} agree with the references on ${await device.describe()}, seed ${seed}\n`);
  }
  return failed.length === 0 ? EXIT.done : EXIT.answerIsNo;
}

function describeFailure({ kernel, failures, reports }: KernelVerdict): string {
  const wrong = failures.map(({ case: name, output, mismatches, worst }) => {
    const detail = worst === undefined ? '' : `, worst ${JSON.stringify(worst)}`;
    return `    ${name}: ${mismatches} wrong values in ${output}${detail}\n`;
  });
  const found = reports.map(({ check, message, file, line }) => {
    const place = file === undefined ? '' : ` (${file}:${line ?? 1})`;
    return `    ${check}: ${message}${place}\n`;
  });
  return `FAILED ${kernel}\n${wrong.join('')}${found.join('')}`;
}

async function runFixtures(files: readonly string[], options: ValidateOptions, io: Io): Promise<ExitCode> {
  const { validateFixtures } = await import('../../validate/validate.js');
  const paths = files.map((file) => path.resolve(io.cwd, file));
  return runBlocks(paths.length, options, io, (device, texts, run) =>
    validateFixtures(device, texts, paths, run),
  );
}

/** The blocks of a model, with parameters filled by rule. */
export async function runModel(model: Model, options: ValidateOptions, io: Io): Promise<ExitCode> {
  const { validateModel } = await import('../../validate/validate.js');
  return runBlocks(model.layers.blocks.length, options, io, (device, texts, run) =>
    validateModel(device, texts, model, run),
  );
}

type BlockRun = FixtureOptions & { readonly onVerdict: () => void };

/** Once for each activation dtype and weight format. */
async function runBlocks(
  count: number,
  options: ValidateOptions,
  io: Io,
  validateAll: (device: Device, texts: BlockTexts, run: BlockRun) => Promise<FixtureVerdict[]>,
): Promise<ExitCode> {
  const device = await openDevice(options.device, io);
  const runs = options.dtype.flatMap((activation) =>
    (options.weights ?? [activation]).map((weight) => ({ activation, weight })),
  );
  const progress = await startProgress(io, `validating on ${device.name}`, count * runs.length);
  const verdicts: FixtureVerdict[] = [];
  try {
    for (const { activation, weight } of runs) {
      const found = await validateAll(device, blockTexts(options), {
        activation,
        weight,
        intermediate: options.intermediate === 'float' ? 'f32' : activation,
        paths: LAYER_PATHS,
        checks: options.checks,
        seed: options.seed ?? DEFAULT_SEED,
        onVerdict: progress.step,
      });
      verdicts.push(...found);
    }
  } finally {
    progress.stop();
  }
  if (options.json) printJson(io, { device: device.name, fixtures: verdicts });
  else for (const verdict of verdicts) io.out(describeFixture(verdict, io));
  return verdicts.every((verdict) => verdict.ok) ? EXIT.done : EXIT.answerIsNo;
}

/** The set that `generate --config` writes for a block, with its sizes baked in. */
function blockTexts({ bf16Storage }: ValidateOptions): BlockTexts {
  return (block, { activation, weight }) =>
    kernelTexts({ dtype: [activation], weights: [weight], kernel: '*', bf16Storage, block });
}

/** The texts that `generate` writes, made in memory: what is validated is what a Mac would get. */
async function kernelTexts(selection: Selection): Promise<KernelTexts> {
  const plans = selectPlans(selection);
  const bf16Storage = selection.bf16Storage ?? 'ushort';
  const files = selectFiles(selection);
  const set = prepareSet({ plans: files, packageDir: PACKAGE_DIR, covers: () => false, bf16Storage });
  const texts = await renderTexts(set, set.kernels);
  return {
    plans,
    textOf: (plan) => {
      const file = kernelFile(plan);
      return { path: `generated/${file}`, text: texts.get(file) ?? '' };
    },
  };
}

function describeFixture(verdict: FixtureVerdict, io: Io): string {
  const { ok, file, dtype, rel_error, limit, rel_error_reference, rows, seconds } = verdict;
  const errors = `error ${rel_error.toExponential(2)} of ${limit.toExponential(2)} allowed`;
  const reference =
    rel_error_reference === 0 ? '' : ` (transformers in BF16: ${rel_error_reference.toExponential(2)})`;
  const name = path.relative(io.cwd, file);
  const mark = ok ? 'ok    ' : 'FAILED';
  return `${mark} ${name} ${dtype}: ${errors}${reference}, ${rows} rows, ${seconds.toFixed(2)} s\n`;
}
