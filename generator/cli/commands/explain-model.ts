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
import { ELEMENT_TYPES, type ActivationDtype } from '../../description/dtypes.js';
import { splitWeights } from '../../description/weights.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { planModelSet, readModel, type Model, type ModelFiles } from '../model.js';
import { grouped, ranges, table } from '../table.js';

export interface ExplainModelOptions extends ModelFiles {
  /** Without it, that of the model, or BF16. */
  readonly dtype?: ActivationDtype | undefined;
  /** Without it, those of the model, or that of the activations. */
  readonly weights?: readonly string[] | undefined;
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
  const { dtype = model.dtype ?? 'bf16', tokens, weights = [dtype] } = options;
  const { names } = splitWeights(weights);
  if (names.length > 1) {
    throw new MoegenError('cli/several-formats', `expected one weight format, got ${names.join(', ')}`, {
      where: '--weights',
      help: 'explain one after the other; `projection=format` chooses the format of a projection',
    });
  }
  const entries = names.length > 0 ? weights : [dtype, ...weights];
  const plan = planModelSet(model, { dtype: [dtype], weights: entries, kernel: '*' });
  const account = explainModel(plan, { activation: dtype, tokens });
  if (options.json) printJson(io, account);
  else io.out(describe(account, isAssumed(model, options)));
  return EXIT.done;
}

/** Dense weights that nobody named. */
function isAssumed({ layers }: Model, { config, weights }: ExplainModelOptions): boolean {
  return config !== undefined && weights === undefined && layers.blocks.every(({ formats }) => !formats);
}

function describe(account: ModelAccount, isDenseAssumed: boolean): string {
  const { modelType, numLayers, denseLayers, activation, blocks, assumptions, sizes } = account;
  const weights = [...new Set(blocks.flatMap(({ formats }) => Object.values(formats)))];
  const dense = denseLayers.length === 0 ? '' : `, dense: ${ranges(denseLayers)}`;
  return [
    `${modelType}: layers ${numLayers}, different MoE blocks ${blocks.length}${dense}`,
    `  activations ${activation}, weights ${weights.join(', ')}`,
    ...(isDenseAssumed ? ['  the configuration names no quantised weights'] : []),
    ...blocks.flatMap((block, at) => describeBlock(block, at)),
    '',
    '  what is counted',
    ...assumptions.map((assumption) => `    ${assumption}`),
    ...Object.entries(sizes).map(([name, formula]) => `    ${name} = ${formula}`),
    '',
  ].join('\n');
}

function describeBlock(
  { layers, options, formats, constants, tensors, paths }: BlockAccount,
  at: number,
): string[] {
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
    '  options',
    table(
      ['option', 'value'],
      options.map(({ option, value }) => [option, value]),
    ),
    '',
    '  weight formats',
    table(['matrices', 'format'], Object.entries(formats)),
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
