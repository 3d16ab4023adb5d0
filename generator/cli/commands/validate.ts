// `moegen validate`: runs kernels on a device and compares them with float64 references, or runs whole blocks from fixtures and
// compares those with what the model's own code computed.

import type { PtxAlignment, PtxMatrix } from '../../compile/ptx.js';
import type { ExpertPoolName } from '../../description/models/index.js';
import { MoegenError } from '../../errors.js';
import type { Check, DeviceName, Subnormals } from '../../native/types.js';
import { GENERAL_FORMAT_NAMES } from '../../description/weights.js';
import type { KernelVerdict } from '../../validate/kernels/run.js';
import { describeMismatch } from '../../validate/threadgroup-memory.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import type { ModelFiles } from '../model.js';
import { startProgress } from '../progress.js';
import { selectFiles, selectPlans, type Selection } from '../select.js';
import { textsOf } from '../texts.js';

export interface ValidateOptions extends Pick<Selection, 'dtype' | 'bf16Storage'>, ModelFiles {
  readonly device: DeviceName | 'auto';
  /** Without it, kernels run in all formats, and fixtures in the activation's own. */
  readonly weights?: readonly string[] | undefined;
  readonly everyPair?: boolean;
  readonly fixture?: readonly string[] | undefined;
  /** A checkpoint, whose layers are run; without --dtype in the dtype that its configuration names. */
  readonly model?: string | undefined;
  readonly isDtypeGiven?: boolean;
  readonly experts?: ExpertPoolName | undefined;
  readonly layer?: number | undefined;
  readonly expect?: string | undefined;
  /** In a model's blocks; fixtures and kernels have their own. */
  readonly tokens?: number | undefined;
  readonly intermediate: 'stored' | 'float';
  readonly checks: readonly Check[];
  /** Of the device cuda. */
  readonly matrix?: PtxMatrix | undefined;
  readonly alignment?: PtxAlignment | undefined;
  readonly seed?: number | undefined;
  readonly subnormals?: Subnormals | undefined;
  readonly json: boolean;
}

export const DEFAULT_SEED = 1;

/** Kernels, or whole blocks: those of fixtures, or those of a model. */
export async function validate(
  glob: string | undefined,
  options: ValidateOptions,
  io: Io,
): Promise<ExitCode> {
  const { readModel } = await import('../model.js');
  const model = readModel(options, io);
  const subjects = [glob, options.fixture, model, options.model].filter((subject) => subject !== undefined);
  if (subjects.length > 1) {
    throw new MoegenError(
      'cli/two-subjects',
      'expected kernels, fixtures, a model or a checkpoint, got more than one',
      {
        where: 'moegen validate',
        help: 'validate one after the other',
      },
    );
  }
  refuseStray(options, model !== undefined);
  if (options.model !== undefined) {
    const { runCheckpoint } = await import('./validate-checkpoint.js');
    return runCheckpoint(options.model, options, io);
  }
  if (model === undefined && options.fixture === undefined) return runKernels(glob ?? '*', options, io);
  const { runFixtures, runModel } = await import('./validate-blocks.js');
  return model === undefined ? runFixtures(options.fixture ?? [], options, io) : runModel(model, options, io);
}

/** What is about a model or a checkpoint, without one. */
function refuseStray(options: ValidateOptions, hasModel: boolean): void {
  const { tokens, layer, expect, experts, model, weights } = options;
  const [stray] = Object.entries({ '--layer': layer, '--expect': expect, '--experts': experts }).flatMap(
    ([flag, value]) => (value === undefined ? [] : [flag]),
  );
  if (model === undefined && stray !== undefined) {
    throw new MoegenError('cli/no-checkpoint', `${stray} is about the layers of a checkpoint, got none`, {
      where: stray,
      help: 'add --model DIR or FILE',
    });
  }
  if (tokens !== undefined && !hasModel && model === undefined) {
    throw new MoegenError('cli/no-model', '--tokens is about the blocks of a model, got none', {
      where: '--tokens',
      help: 'add --config config.json, --spec block.json or --model DIR',
    });
  }
  const excess = tokens !== undefined && expect !== undefined ? '--tokens' : '--weights';
  if (model !== undefined && (excess === '--tokens' || weights !== undefined)) {
    throw new MoegenError('cli/decided', `what ${excess} says is decided by the files of the checkpoint`, {
      where: excess,
      help: `leave ${excess} out`,
    });
  }
}

async function runKernels(glob: string, options: ValidateOptions, io: Io): Promise<ExitCode> {
  const weights = options.weights ?? GENERAL_FORMAT_NAMES;
  const selection = { everyPair: true, ...options, kernel: glob, weights };
  const texts = await textsOf(selectPlans(selection), options.bf16Storage, selectFiles(selection));
  const { validateKernels } = await import('../../validate/validate.js');
  const device = await openDevice(options.device, io, options);
  const seed = options.seed ?? DEFAULT_SEED;
  const progress = await startProgress(io, `validating on ${device.name}`, texts.plans.length);
  const verdicts = await validateKernels(device, texts, {
    seed,
    checks: options.checks,
    subnormals: options.subnormals,
    onVerdict: progress.step,
  }).finally(progress.stop);
  const failed = verdicts.filter((verdict) => !verdict.ok);
  if (options.json) {
    const machine = await device.describe();
    printJson(io, { device: device.name, machine, seed, checks: options.checks, kernels: verdicts });
  } else {
    for (const verdict of failed) {
      io.out(`${describeFailure(verdict)}    again: ${commandFor(verdict, { ...options, seed })}\n`);
    }
    const agreeing = `${verdicts.length - failed.length} of ${verdicts.length} kernels`;
    io.out(`${agreeing} agree with the references on ${await device.describe()}, seed ${seed}\n`);
  }
  return failed.length === 0 ? EXIT.done : EXIT.answerIsNo;
}

/** What runs a kernel in the same way, and no other. */
function commandFor({ kernel }: KernelVerdict, options: ValidateOptions & { readonly seed: number }): string {
  const { dtype, weights, bf16Storage, device, checks, seed, subnormals } = options;
  const given = {
    '--dtype': dtype.join(','),
    '--weights': weights?.join(','),
    '--bf16-storage': bf16Storage,
    '--device': device,
    '--checks': checks.length > 0 ? checks.join(',') : undefined,
    '--subnormals': subnormals,
    '--seed': seed,
  };
  const words = Object.entries(given).flatMap(([flag, value]) => (value === undefined ? [] : [flag, value]));
  return ['moegen', 'validate', kernel, ...words].join(' ');
}

function describeFailure({ kernel, failures, reports, memory }: KernelVerdict): string {
  const wrong = failures.map(({ case: name, output, mismatches, worst }) => {
    const detail = worst === undefined ? '' : `, worst ${JSON.stringify(worst)}`;
    return `    ${name}: ${mismatches} wrong values in ${output}${detail}\n`;
  });
  const found = reports.map(({ check, message, file, line }) => {
    const place = file === undefined ? '' : ` (${file}:${line ?? 1})`;
    return `    ${check}: ${message}${place}\n`;
  });
  const sizes = memory.map((mismatch) => `    ${describeMismatch(mismatch)}\n`);
  return `FAILED ${kernel}\n${[...wrong, ...found, ...sizes].join('')}`;
}
