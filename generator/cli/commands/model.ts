// `moegen model`: a checkpoint, or a configuration alone, into the set of kernels that its layers run with, and for each of their buffers
// the recipe that makes it from the tensors of the file.

import path from 'node:path';
import type { MslVersion } from '../../compile/types.js';
import { configuredDtype } from '../../checkpoint/formats/quantization.js';
import { describeModel, layerGroups, openModel, type DescribedModel } from '../../checkpoint/model.js';
import { checkTermOrders } from '../../checkpoint/term-order.js';
import { MoegenError } from '../../errors.js';
import type { ExpertPoolName } from '../../description/models/index.js';
import type { ActivationDtype, Bf16Storage } from '../../description/dtypes.js';
import { prepareSet } from '../../output/kernel-set.js';
import { planModel, type ModelDescription } from '../../plan/model.js';
import type { ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, type Io } from '../io.js';
import { modelName } from '../model.js';
import { generationOf } from '../select.js';
import { ranges, table } from '../table.js';
import { produce } from './generate.js';

export interface ModelOptions {
  /** A configuration without its checkpoint. */
  readonly config?: string | undefined;
  /** Of models with experts for text and for images; those for text. */
  readonly experts?: ExpertPoolName | undefined;
  /** Without it, what the configuration says. */
  readonly dtype?: readonly ActivationDtype[] | undefined;
  readonly bf16Storage?: Bf16Storage | undefined;
  readonly msl?: MslVersion | undefined;
  readonly out?: string | undefined;
  readonly check: boolean;
  readonly compile: boolean;
  readonly json: boolean;
}

export async function model(location: string | undefined, options: ModelOptions, io: Io): Promise<ExitCode> {
  const { config, blocks, layers } = await readHeaders(location, options, io);
  for (const warning of blocks.warnings ?? []) io.err(`warning: ${warning}\n`);
  if (layers.length === 0) throw noLayers(location ?? options.config ?? '');
  const name = modelName(config);
  const dtype = options.dtype ?? [configuredDtype(config) ?? 'bf16'];
  const selection = { ...options, dtype, weights: dtype, kernel: '*' };
  const planned = { ...blocks, blocks: layerGroups(layers) };
  const { plans, description } = planModel(name, planned, generationOf(selection));
  const set = prepareSet({
    packageDir: PACKAGE_DIR,
    plans,
    covers: () => true,
    model: description,
    ...(options.bf16Storage !== undefined && { bf16Storage: options.bf16Storage }),
  });
  const out = options.out ?? `generated/${name}`;
  if (!options.json) io.out(describe(description, dtype));
  return produce(set, { ...options, out }, io, { dtype, model: description });
}

async function readHeaders(
  location: string | undefined,
  { config, experts }: ModelOptions,
  io: Io,
): Promise<DescribedModel> {
  if (location !== undefined && config === undefined) {
    const opened = await openModel(path.resolve(io.cwd, location), undefined, experts);
    try {
      await checkTermOrders(opened.layers);
    } finally {
      await opened.checkpoint.close();
    }
    return opened;
  }
  if (location === undefined && config !== undefined)
    return describeModel(path.resolve(io.cwd, config), experts);
  const given = location === undefined ? 'neither' : 'both';
  throw new MoegenError(
    'cli/no-model',
    `expected a checkpoint, or --config config.json alone, got ${given}`,
    {
      where: 'moegen model',
      help: 'name the folder or the file of a checkpoint',
    },
  );
}

function noLayers(where: string): MoegenError {
  return new MoegenError('cli/no-moe-layer', 'no layer of this model has a MoE block', {
    where,
    help: 'all its layers are dense; there is nothing to generate',
  });
}

function describe(model: ModelDescription, dtypes: readonly string[]): string {
  const dense = model.denseLayers.length === 0 ? '' : `, dense: ${ranges(model.denseLayers)}`;
  return [
    `${model.modelType}: layers ${model.numLayers}${dense}, activations ${dtypes.join(', ')}`,
    ...model.groups.flatMap(describeGroup),
    '',
  ].join('\n');
}

function describeGroup({ layers, formats = {}, buffers = [] }: ModelDescription['groups'][number]): string[] {
  // One row for the planes that come from the same tensors.
  const rows = new Map<string, readonly [string[], string, string]>();
  for (const { binding, operation, perExpert, tensors, firstExpert, isTransposed, row: own } of buffers) {
    const sources = Object.values(tensors).join('\n');
    const recipe = [
      operation,
      ...(own === undefined ? [] : [`of row ${own}`]),
      ...(isTransposed === true ? ['of the transpose'] : []),
      ...(perExpert ? ['of each expert'] : []),
      ...(firstExpert === undefined ? [] : [`from ${firstExpert} on`]),
    ];
    const row = rows.get(sources) ?? [[], recipe.join(' '), sources];
    row[0].push(binding);
    rows.set(sources, row);
  }
  return [
    `layers ${ranges(layers)}`,
    `  ${Object.entries(formats)
      .map(([projection, format]) => `${projection} ${format}`)
      .join(', ')}`,
    ...table(
      ['buffers', 'recipe', 'tensors'],
      [...rows.values()].map(([bindings, recipe, sources]) => [bindings.join('\n'), recipe, sources]),
    )
      .split('\n')
      .map((line) => `  ${line}`.trimEnd()),
  ];
}
