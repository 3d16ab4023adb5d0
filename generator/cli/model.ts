// The model that a set is specialised for: a config.json of Hugging Face, or a block described by hand.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { planModel, type ModelPlan } from '../plan/model.js';
import { BESIDE_FILES, quantizationBeside } from '../checkpoint/formats/beside.js';
import { configuredLayers } from '../checkpoint/formats/configured-layers.js';
import { configuredDtype } from '../checkpoint/formats/quantization.js';
import type { ActivationDtype } from '../description/dtypes.js';
import { blockLayers, parseConfig, type LayerBlocks } from '../description/models/index.js';
import { wrappedConfigs } from '../description/models/find-model.js';
import { splitWeights, type FormatMix } from '../description/weights.js';
import { readBlockSpec } from '../description/read-spec.js';
import type { Io } from './io.js';
import { CHECK_PATH, readGiven } from './read-given.js';
import { chosenAmong, generationOf, type Selection } from './select.js';

export interface ModelFiles {
  readonly config?: string | undefined;
  readonly spec?: string | undefined;
}

export interface Model {
  /** `model_type`, or the name of a spec's file. */
  readonly name: string;
  readonly layers: LayerBlocks;
  /** Of the values that are not quantised, where the configuration says it. */
  readonly dtype?: ActivationDtype;
}

/** Nothing where no file is named. `weights` are formats that go before those of the configuration. */
export function readModel(
  { config, spec, weights }: ModelFiles & { readonly weights?: readonly string[] | undefined },
  io: Io,
): Model | undefined {
  if (config !== undefined && spec !== undefined) {
    throw new MoegenError('cli/two-models', '--config and --spec each describe the model; give one', {
      where: '--spec',
    });
  }
  if (config !== undefined) return readConfig(config, weights, io);
  if (spec === undefined) return undefined;
  const block = readBlockSpec(readModelFile(spec, io), spec);
  return {
    name: path.basename(spec, path.extname(spec)),
    layers: { numLayers: 1, blocks: [{ block, layers: [0] }], denseLayers: [] },
  };
}

function readConfig(config: string, weights: readonly string[] | undefined, io: Io): Model {
  const values = parseConfig(readModelFile(config, io), config);
  const layers = blockLayers(values, config);
  if (layers.blocks.length === 0) {
    throw new MoegenError('cli/no-moe-layer', 'no layer of this model has a MoE block', {
      where: config,
      help: 'all its layers are dense; there is nothing to generate',
    });
  }
  for (const warning of layers.warnings ?? []) io.err(`warning: ${warning}\n`);
  const dtype = configuredDtype(values);
  const { names, mix } = splitWeights(weights ?? []);
  return {
    name: modelName(values),
    layers:
      names.length > 0
        ? layers
        : withMix(configuredLayers(values, layers, config, readBeside(config, io)), mix),
    ...(dtype !== null && { dtype }),
  };
}

/** A format for some projections alone leaves the others in those of the configuration, where it names any. */
function withMix(layers: LayerBlocks, mix: FormatMix): LayerBlocks {
  const blocks = layers.blocks.map(({ formats, ...rest }) => {
    if (formats === undefined) return rest;
    const own = Object.entries(mix).filter(([projection]) => projection in formats);
    return { ...rest, formats: { ...formats, ...(Object.fromEntries(own) as FormatMix) } };
  });
  return { ...layers, blocks };
}

/** What tools write beside a configuration that says nothing itself. */
function readBeside(config: string, io: Io): unknown {
  const folder = path.dirname(path.resolve(io.cwd, config));
  const present = BESIDE_FILES.filter((file) => existsSync(path.join(folder, file)));
  const files = present.map((file) => {
    const where = path.join(folder, file);
    return [file, parseConfig(readModelFile(where, io), where)] as const;
  });
  return quantizationBeside(Object.fromEntries(files));
}

/** With the kernels whose names match alone, and the runs that have all of theirs. */
export function planModelSet(model: Model, selection: Selection): ModelPlan {
  const { plans, description, blocks } = planModel(model.name, model.layers, generationOf(selection));
  const chosen = chosenAmong(plans, selection.kernel);
  const names = new Set(chosen.map(({ name }) => name));
  const groups = description.groups.map((group) => ({
    ...group,
    runs: group.runs.filter(({ kernels }) => kernels.every((name) => names.has(name))),
  }));
  return { plans: chosen, description: { ...description, groups }, blocks };
}

function readModelFile(file: string, io: Io): string {
  return readGiven(file, io, {
    code: 'cli/unreadable-model',
    expected: 'a JSON file',
    help: CHECK_PATH,
  });
}

/** A whole multimodal model may lie around the text model that is meant. */
export function modelName(config: unknown): string {
  const types = wrappedConfigs(config as Readonly<Record<string, unknown>>).map((each) => each['model_type']);
  return types.find((type) => typeof type === 'string') ?? 'model';
}
