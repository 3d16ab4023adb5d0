// Whole MoE blocks on a device, compared with the block in double precision: those that fixtures record, and those of a model, with
// parameters filled by rule.

import path from 'node:path';
import type { Device } from '../../native/types.js';
import { LAYER_PATHS } from '../../plan/layer.js';
import { mixEntries, modelFormats, splitWeights } from '../../description/weights.js';
import type { FixtureVerdict } from '../../validate/fixtures.js';
import { describeMismatch } from '../../validate/threadgroup-memory.js';
import type { BlockRunOptions, BlockTexts } from '../../validate/validate.js';
import { openDevice } from '../devices.js';
import type { ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { planModelSet, type Model } from '../model.js';
import { selectPlans } from '../select.js';
import { textsOf } from '../texts.js';
import { endOf, runEach } from './block-runs.js';
import type { ValidateOptions } from './validate.js';

/** Whole blocks recorded in files. */
export async function runFixtures(
  files: readonly string[],
  options: ValidateOptions,
  io: Io,
): Promise<ExitCode> {
  const { validateFixtures } = await import('../../validate/validate.js');
  const paths = files.map((file) => path.resolve(io.cwd, file));
  return runBlocks(paths.length, options, io, (device, run) =>
    validateFixtures(device, blockTexts(options), paths, run),
  );
}

/** The blocks of a model, with parameters filled by rule. */
export async function runModel(model: Model, options: ValidateOptions, io: Io): Promise<ExitCode> {
  const { validateModel } = await import('../../validate/validate.js');
  return runBlocks(model.layers.blocks.length, options, io, (device, run) =>
    validateModel(device, modelTexts(model, options), { ...model, numTokens: options.tokens }, run),
  );
}

/** Once for each activation dtype and weight format. */
async function runBlocks(
  count: number,
  options: ValidateOptions,
  io: Io,
  validateAll: (device: Device, run: BlockRunOptions) => Promise<FixtureVerdict[]>,
): Promise<ExitCode> {
  const device = await openDevice(options.device, io, options);
  const { names, mix } = splitWeights(options.weights ?? []);
  const runs = options.dtype.flatMap((activation) =>
    modelFormats(names.length > 0 ? names : [activation]).map(({ name }) => ({ activation, weight: name })),
  );
  const outcomes = await runEach<FixtureVerdict>(device, runs, count, options, io, (settings) =>
    validateAll(device, { ...settings, mix, paths: LAYER_PATHS }),
  );
  if (options.json) {
    const refused = outcomes.refusals.map(({ code, message, where }) => ({ file: where, code, message }));
    printJson(io, { device: device.name, fixtures: outcomes.verdicts, refused });
  } else {
    for (const verdict of outcomes.verdicts) io.out(describeFixture(verdict, io));
  }
  return endOf(outcomes, io);
}

/** The set that `generate --config` writes for a block, with its sizes baked in. */
function blockTexts({ bf16Storage, weights = [] }: ValidateOptions): BlockTexts {
  return (block, { activation, weight }) => {
    const selection = {
      dtype: [activation],
      weights: [weight, ...mixed(weights)],
      kernel: '*',
      bf16Storage,
      block,
    };
    return textsOf(selectPlans(selection), bf16Storage);
  };
}

/** The same for one of several blocks of a model, which share kernels. */
function modelTexts(model: Model, { bf16Storage, weights = [] }: ValidateOptions): BlockTexts {
  return (block, { activation, weight }) => {
    const selection = { dtype: [activation], weights: [weight, ...mixed(weights)], kernel: '*', bf16Storage };
    const formats = model.layers.blocks.find((each) => each.block === block)?.formats;
    const chosen = formats === undefined ? selection.weights : [weight, ...mixEntries(formats)];
    const own = new Set(selectPlans({ ...selection, weights: chosen, block }).map(({ name }) => name));
    const { plans } = planModelSet(model, selection);
    return textsOf(
      plans.filter(({ name }) => own.has(name)),
      bf16Storage,
    );
  };
}

/** What is said of single projections. */
function mixed(weights: readonly string[]): string[] {
  return weights.filter((entry) => entry.includes('='));
}

function describeFixture(verdict: FixtureVerdict, io: Io): string {
  const { ok, file, dtype, rel_error, limit, rel_error_reference, rows, seconds, memory } = verdict;
  const errors = `error ${rel_error.toExponential(2)} of ${limit.toExponential(2)} allowed`;
  const reference =
    rel_error_reference === 0 ? '' : ` (transformers in BF16: ${rel_error_reference.toExponential(2)})`;
  const name = path.relative(io.cwd, file);
  const sizes = memory.map((mismatch) => `    ${describeMismatch(mismatch)}\n`);
  const mark = ok ? 'ok    ' : 'FAILED';
  return `${mark} ${name} ${dtype}: ${errors}${reference}, ${rows} rows, ${seconds.toFixed(2)} s\n${sizes.join('')}`;
}
