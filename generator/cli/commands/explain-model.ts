// `moegen explain --config`: how the MoE layers of a model run: stages and dispatches, what they move and compute, and which
// tensor of the checkpoint goes where.

import { MoegenError } from '../../errors.js';
import type { Cost } from '../../plan/cost.js';
import {
  explainModel,
  type BlockAccount,
  type ModelAccount,
  type PathAccount,
  type StageAccount,
} from '../../plan/explain.js';
import { ELEMENT_TYPES, type ActivationDtype } from '../../spec/dtypes.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { planModelSet, readModel, type ModelFiles } from '../model.js';
import { table } from '../table.js';

export interface ExplainModelOptions extends ModelFiles {
  readonly dtype: ActivationDtype;
  /** Without it, the format of the activations. */
  readonly weights?: string | undefined;
  readonly tokens: readonly number[];
  readonly json: boolean;
}

export function explainLayers(options: ExplainModelOptions, io: Io): ExitCode {
  const model = readModel(options, io);
  if (model === undefined) {
    throw new MoegenError('cli/nothing-to-explain', 'expected the name of a kernel or a model, got neither', {
      where: 'moegen explain',
      help: 'use `moegen explain KERNEL`, or --config config.json, or --spec block.json',
    });
  }
  const { dtype, tokens, weights = dtype } = options;
  const plan = planModelSet(model, { dtype: [dtype], weights: [weights], kernel: '*' });
  const account = explainModel(plan, { activation: dtype, weight: weights, tokens });
  if (options.json) printJson(io, account);
  else io.out(describe(account));
  return EXIT.done;
}

function describe(account: ModelAccount): string {
  const { modelType, numLayers, denseLayers, activation, weight, blocks, assumptions, sizes } = account;
  const dense = denseLayers.length === 0 ? '' : `, dense: ${ranges(denseLayers)}`;
  return [
    `${modelType}: layers ${numLayers}, different MoE blocks ${blocks.length}${dense}`,
    `  activations ${activation}, weights ${weight}`,
    ...blocks.flatMap((block, at) => describeBlock(block, at)),
    '',
    '  what is counted',
    ...assumptions.map((assumption) => `    ${assumption}`),
    ...Object.entries(sizes).map(([name, formula]) => `    ${name} = ${formula}`),
    '',
  ].join('\n');
}

function describeBlock({ layers, constants, tensors, paths }: BlockAccount, at: number): string[] {
  const values = Object.entries(constants).map(([name, value]) => [name, String(value)]);
  const rows = tensors.map(({ tensor, shape, buffer, element, bufferShape, layout, bytes }) => [
    tensor,
    `[${shape.join(', ')}]`,
    buffer,
    ELEMENT_TYPES[element].label,
    `[${bufferShape.join(', ')}]`,
    grouped(bytes),
    layout,
  ]);
  return [
    '',
    `block ${at + 1}: layers ${ranges(layers)}`,
    '',
    '  constants',
    table(['name', 'value'], values, ['value']),
    '',
    '  tensors of the checkpoint, and the buffers that hold them, row-major',
    table(['tensor', 'shape', 'buffer', 'type', 'buffer shape', 'bytes', 'layout'], rows, ['bytes']),
    ...paths.flatMap(describePath),
  ];
}

function describePath({ path, tile, stages, batches }: PathAccount): string[] {
  const tokens = batches.map(({ numTokens }) => grouped(numTokens)).join(', ');
  const tiles = tile === 'none' ? '' : `, ${tile} tiles`;
  return [
    '',
    `  ${path} path${tiles}, tokens: ${tokens}`,
    table(
      ['stage', 'kernel', 'threadgroups', 'threads', 'threadgroup bytes'],
      stages.map((stage) => [
        stage.stage,
        stage.kernel,
        stage.threadgroups.join(' x ') + (stage.indirect === undefined ? '' : ` (${stage.indirect})`),
        stage.threadsPerThreadgroup.join(' x '),
        grouped(stage.threadgroupBytes),
      ]),
      ['threadgroup bytes'],
    ),
    ...batches.flatMap((batch) => describeBatch(stages, batch)),
  ];
}

const COSTS = ['weight bytes', 'activation bytes', 'written bytes', 'FLOPs'];

function describeBatch(
  stages: readonly StageAccount[],
  { numTokens, dispatches, total }: PathAccount['batches'][number],
): string[] {
  const rows = dispatches.map(({ threadgroups, ...cost }, at) => [
    stages[at]?.stage ?? '',
    threadgroups.join(' x '),
    ...costCells(cost),
  ]);
  const perToken = costCells(total, numTokens);
  return [
    '',
    table(
      [numTokens === 1 ? '1 token' : `${grouped(numTokens)} tokens`, 'threadgroups', ...COSTS],
      [...rows, ['all', '', ...costCells(total)], ['per token', '', ...perToken]],
      COSTS,
    ),
  ];
}

function costCells({ weightBytes, activationBytes, writtenBytes, flops }: Cost, share = 1): string[] {
  return [weightBytes, activationBytes, writtenBytes, flops].map((amount) => grouped(amount / share));
}

/** With a comma before every three digits; a fraction is rounded. */
function grouped(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `0-2, 5` for 0, 1, 2, 5. */
function ranges(numbers: readonly number[]): string {
  const starts = numbers.filter((value) => !numbers.includes(value - 1));
  const ends = numbers.filter((value) => !numbers.includes(value + 1));
  return starts
    .map((start, at) => (start === ends[at] ? String(start) : `${start}-${ends[at] ?? ''}`))
    .join(', ');
}
