// `moegen bench`: what the kernels of a layer move and compute, beside the least there can be; on a GPU, how long they take.

import path from 'node:path';
import picomatch from 'picomatch';
import { benchBlock, type BenchKernels } from '../../bench/bench.js';
import type { LayerReport } from '../../bench/report.js';
import { runRival, type RivalReport } from '../../bench/rival.js';
import { MoegenError } from '../../errors.js';
import { kernelFile } from '../../manifest/build.js';
import type { MoeBlock } from '../../description/block.js';
import type { ActivationDtype, Bf16Storage } from '../../description/dtypes.js';
import { mixEntries, modelFormats, splitWeights, type FormatMix } from '../../description/weights.js';
import type { BlockOfLayers } from '../../description/models/index.js';
import type { LayerPath } from '../../plan/layer.js';
import type { Device } from '../../native/types.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { readModel, type Model, type ModelFiles } from '../model.js';
import { startProgress } from '../progress.js';
import { selectPlans, type Selection } from '../select.js';
import { textsOf } from '../texts.js';
import { suggest } from '../../description/nearest.js';
import { describeLayer, describeRival } from './bench-text.js';

export interface BenchOptions extends ModelFiles {
  readonly tokens?: readonly number[] | undefined;
  readonly dtype: ActivationDtype;
  /** Without it, the format of the activations. */
  readonly weights?: readonly string[] | undefined;
  readonly bf16Storage?: Bf16Storage | undefined;
  readonly path?: LayerPath | undefined;
  readonly device: 'auto' | 'host' | 'cuda';
  /** File of a job, and the stage beside which it stands. */
  readonly vs?: string | undefined;
  readonly stage?: string | undefined;
  readonly seed: number;
  readonly json: boolean;
}

/** Where kernels are watched, time goes by. */
const TOKENS = { host: [1, 2, 4, 8], cuda: [1, 4, 16, 64, 512] } as const;

interface Case {
  readonly weight: string;
  readonly numTokens: number;
}

export async function bench(glob: string | undefined, options: BenchOptions, io: Io): Promise<ExitCode> {
  const model = readModel(options, io);
  const [first] = model?.layers.blocks ?? [];
  const cases = casesOf(options, first?.formats);
  if (model === undefined || first === undefined) {
    throw new MoegenError('cli/nothing-to-bench', 'expected a model whose layer is to run', {
      where: 'moegen bench',
      help: 'use --config config.json or --spec block.json',
    });
  }
  assertRival(options, cases);
  const device = await openDevice(deviceName(options), io);
  const progress = await startProgress(io, `benching on ${device.name}`, cases.length);
  const reports: LayerReport[] = [];
  try {
    for (const each of cases) {
      reports.push(matching(await runCase(device, first, each, options), glob));
      progress.step();
    }
  } finally {
    progress.stop();
  }
  const rival = await rivalOf(device, options, reports, io);
  return print({ device, model, reports, rival }, options, io);
}

function deviceName({ device }: BenchOptions): 'host' | 'cuda' {
  return device === 'cuda' ? 'cuda' : 'host';
}

/** In the formats that are asked for, or the model's own, or that of the activations. */
function casesOf(options: BenchOptions, own: FormatMix | undefined): Case[] {
  const { names } = splitWeights(options.weights ?? []);
  const formats = modelFormats(names.length > 0 ? names : [own?.gate_up ?? options.dtype]);
  const tokens = options.tokens ?? TOKENS[deviceName(options)];
  return formats.flatMap(({ name }) => tokens.map((numTokens) => ({ weight: name, numTokens })));
}

function runCase(
  device: Device,
  { block, formats }: BlockOfLayers,
  { weight, numTokens }: Case,
  options: BenchOptions,
): Promise<LayerReport> {
  const { dtype: activation, bf16Storage, path: layerPath, seed } = options;
  const mix = formats ?? splitWeights(options.weights ?? []).mix;
  const choice = { activation, weight, mix, numTokens, path: layerPath };
  return benchBlock(
    device,
    kernelsOf(block, { dtype: [activation], weights: [weight, ...mixEntries(mix)], bf16Storage }),
    { block, choice },
    { seed, available: process.availableMemory() },
  );
}

/** Of the set that `generate` writes for the block, the texts that the layer needs. */
function kernelsOf(
  block: MoeBlock,
  selection: Pick<Selection, 'dtype' | 'weights' | 'bf16Storage'>,
): BenchKernels {
  const plans = selectPlans({ ...selection, kernel: '*', block });
  return {
    plans,
    textsOf: (own) => {
      const files = new Set(own.map(kernelFile));
      return textsOf(
        own,
        selection.bf16Storage,
        plans.filter((plan) => files.has(kernelFile(plan))),
      );
    },
  };
}

/** Sums stay those of the whole layer. */
function matching(report: LayerReport, glob = '*'): LayerReport {
  const stages = report.stages.filter(({ kernel }) => picomatch.isMatch(kernel, glob));
  if (stages.length > 0) return { ...report, stages };
  const names = report.stages.map(({ kernel }) => kernel);
  throw new MoegenError('cli/no-such-kernel', `no kernel of the layer matches '${glob}'`, {
    where: 'kernel name',
    help: suggest(glob, names, `its kernels are: ${names.join(', ')}`),
  });
}

function assertRival({ vs, stage }: BenchOptions, cases: readonly Case[]): void {
  if ((vs === undefined) !== (stage === undefined)) {
    throw new MoegenError('cli/half-a-rival', 'expected both --vs and --stage, or neither', {
      where: vs === undefined ? '--stage' : '--vs',
      help: 'use --vs JOB.json --stage gate_up',
    });
  }
  if (vs !== undefined && cases.length > 1) {
    throw new MoegenError(
      'cli/many-cases',
      `a job stands beside one layer, but ${cases.length} are asked for`,
      {
        where: '--vs',
        help: 'give one number of --tokens and one format of --weights, those of the job',
      },
    );
  }
}

interface Rival {
  readonly stage: string;
  readonly report: RivalReport;
  readonly ours: LayerReport['stages'];
}

async function rivalOf(
  device: Device,
  { vs, stage }: BenchOptions,
  [layer]: readonly LayerReport[],
  io: Io,
): Promise<Rival | undefined> {
  if (vs === undefined || stage === undefined || layer === undefined) return undefined;
  const ours = layer.stages.filter((own) => own.stage === stage);
  if (ours.length > 0) return { stage, report: await runRival(device, path.resolve(io.cwd, vs)), ours };
  const stages = [...new Set(layer.stages.map((own) => own.stage))];
  throw new MoegenError('cli/no-such-stage', `the layer has no stage '${stage}'`, {
    where: '--stage',
    help: suggest(stage, stages, `its stages are: ${stages.join(', ')}`),
  });
}

interface Result {
  readonly device: Device;
  readonly model: Model;
  readonly reports: readonly LayerReport[];
  readonly rival: Rival | undefined;
}

async function print(
  { device, model, reports, rival }: Result,
  { json }: BenchOptions,
  io: Io,
): Promise<ExitCode> {
  const machine = await device.describe();
  if (json) {
    const vs = rival === undefined ? {} : { vs: { stage: rival.stage, ...rival.report } };
    printJson(io, { model: model.name, device: device.name, machine, layers: reports, ...vs });
  } else {
    io.out(`${model.name} on ${device.name}: ${machine}\n`);
    for (const report of reports) io.out(describeLayer(report));
    if (rival !== undefined) io.out(describeRival(rival.stage, rival.report, rival.ours));
  }
  return EXIT.done;
}
