// A checkpoint and the configuration beside it into the layers that kernels run: the block, the formats and the recipes of each.

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { publishedInPool, tensorsOfPool } from './expert-pools.js';
import {
  blockLayers,
  parseConfig,
  type ExpertPoolName,
  type LayerBlocks,
} from '../description/models/index.js';
import type { MoeBlock } from '../description/block.js';
import type { TensorRecipe } from '../description/recipes.js';
import type { FormatMix } from '../description/weights.js';
import { bindLayer, type BoundLayer } from './bind.js';
import { configOfGguf } from './gguf-config.js';
import { moeLayers, withoutRoles } from './formats/layers.js';
import { BESIDE_FILES, quantizationBeside } from './formats/beside.js';
import { configuredDtype, readQuantization, unquantised, type Quantization } from './formats/quantization.js';
import { openCheckpoint, type Checkpoint } from './open.js';
import { publishedGroups } from './published.js';

type Config = Readonly<Record<string, unknown>>;

export interface CheckpointModel {
  readonly checkpoint: Checkpoint;
  readonly config: Config;
  /** The file that the configuration comes from. */
  readonly where: string;
  readonly quantization: Quantization;
  readonly blocks: LayerBlocks;
  /** The MoE layers, in their order. */
  readonly layers: readonly BoundLayer[];
}

/**
 * `location` is what `openCheckpoint` takes; whoever opens closes its checkpoint. Layers that are not wanted are not looked at. Throws
 * what `openCheckpoint`, the model table and `bindLayer` throw.
 */
export async function openModel(
  location: string,
  isWanted: (layer: number) => boolean = () => true,
  experts?: ExpertPoolName,
): Promise<CheckpointModel> {
  const model = await openUnbound(location, experts);
  try {
    return {
      ...model,
      layers: bindLayers(model.checkpoint, model.quantization, model.blocks, location, isWanted),
    };
  } catch (error) {
    await model.checkpoint.close();
    throw error;
  }
}

export type UnboundModel = Omit<CheckpointModel, 'layers'>;

/** Whatever the formats of its layers are. */
export async function openUnbound(location: string, experts?: ExpertPoolName): Promise<UnboundModel> {
  const checkpoint = await openCheckpoint(location);
  try {
    const { config, where, beside } = await configOf(checkpoint, location);
    // Blocks of GGUF say themselves what they are.
    const quantization =
      checkpoint.kind === 'gguf' ? unquantised('f32') : readQuantization(config, where, beside);
    return { checkpoint, config, where, quantization, blocks: blockLayers(config, where, experts) };
  } catch (error) {
    await checkpoint.close();
    throw error;
  }
}

export type DescribedModel = Omit<CheckpointModel, 'checkpoint'>;

/** A configuration alone, with the tensors that its model is published with. Throws what `openModel` and `publishedGroups` throw. */
export async function describeModel(file: string, experts?: ExpertPoolName): Promise<DescribedModel> {
  const config = await readJson(file);
  if (config === null) {
    throw new MoegenError('checkpoint/no-config', 'expected a config.json, found none', {
      where: file,
      help: 'check the path',
    });
  }
  const quantization = readQuantization(config, file, await readBeside(path.dirname(file)));
  const blocks = blockLayers(config, file, experts);
  const { pool } = blocks;
  const type = { f16: 'F16', bf16: 'BF16', f32: 'F32' }[configuredDtype(config) ?? 'bf16'];
  const groups = publishedGroups({ config, quantization, blocks, type, where: file });
  const layers = groups.flatMap(({ block, layers: numbers, tensors }) => {
    const own = pool === undefined ? tensors : publishedInPool(tensors, pool);
    const bound = moeLayers(own, quantization).map((layer) => bindLayer(block, layer, file));
    // Where a number of a layer stands in a name, recipes have `{layer}`.
    return numbers.flatMap((index) => bound.map((layer) => ({ ...layer, index })));
  });
  return {
    ...{ config, where: file, quantization, blocks },
    layers: layers.sort((a, b) => a.index - b.index),
  };
}

/** The layers of the configuration with the tensors of theirs; further ones, which predict further tokens, are left out. */
function bindLayers(
  { tensors }: Pick<Checkpoint, 'tensors'>,
  quantization: Quantization,
  { blocks, denseLayers, numLayers, pool, ignored = [] }: LayerBlocks,
  where: string,
  isWanted: (layer: number) => boolean = () => true,
): BoundLayer[] {
  const own = pool === undefined ? tensors : tensorsOfPool(tensors, pool);
  const found = new Map(moeLayers(own, quantization).map((layer) => [layer.index, layer]));
  const surprise = denseLayers.find((layer) => found.has(layer));
  if (surprise !== undefined) {
    throw new MoegenError(
      'checkpoint/unused-tensor',
      `expected layer ${surprise} of ${numLayers} to be dense, as the configuration says, but it has experts`,
      {
        where: found.get(surprise)?.prefix ?? where,
        help: 'check that the configuration is that of the checkpoint',
      },
    );
  }
  const layers = blocks.flatMap(({ block, layers }) => layers.map((index) => ({ block, index })));
  return layers
    .filter(({ index }) => isWanted(index))
    .sort((a, b) => a.index - b.index)
    .map(({ block, index }) => {
      const layer = found.get(index);
      if (layer !== undefined) return bindLayer(block, withoutRoles(layer, ignored), where);
      const known = [...found.values()].map(({ prefix }) => prefix);
      throw new MoegenError(
        'checkpoint/missing-tensor',
        `expected experts in layer ${index} of ${numLayers}, found ${known.length === 0 ? 'none in any layer' : `them in ${known.join(', ')}`}`,
        {
          where,
          help: 'check that all files of the checkpoint are there, and that the configuration is its own',
        },
      );
    });
}

/** Layers with the same block, formats and recipes. */
export interface LayerGroup {
  readonly block: MoeBlock;
  readonly layers: readonly number[];
  readonly formats: FormatMix;
  readonly recipes: readonly TensorRecipe[];
}

/** In the order of their first layers. */
export function layerGroups(layers: readonly BoundLayer[]): LayerGroup[] {
  const groups = new Map<string, LayerGroup & { readonly layers: number[] }>();
  for (const { index, block, formats, sources } of layers) {
    const recipes = sources.flatMap((source) => source.recipes);
    const key = JSON.stringify([block, formats, recipes]);
    const group = groups.get(key) ?? { block, formats, recipes, layers: [] };
    group.layers.push(index);
    groups.set(key, group);
  }
  return [...groups.values()];
}

async function configOf(
  { kind, metadata, files }: Checkpoint,
  location: string,
): Promise<{ readonly config: Config; readonly where: string; readonly beside: Config | null }> {
  const [first = location] = files;
  const folder = path.dirname(first);
  const where = path.join(folder, 'config.json');
  const config = await readJson(where);
  if (config !== null) return { config, where, beside: await readBeside(folder) };
  if (kind === 'gguf') return { config: configOfGguf(metadata, first), where: first, beside: null };
  throw new MoegenError('checkpoint/no-config', 'expected the config.json of the model, found none', {
    where: folder,
    help: 'put it beside the tensors',
  });
}

async function readBeside(folder: string): Promise<Config | null> {
  const files = await Promise.all(
    BESIDE_FILES.map(async (file) => [file, await readJson(path.join(folder, file))] as const),
  );
  return quantizationBeside(Object.fromEntries(files));
}

/** null where there is no such file. */
async function readJson(file: string): Promise<Config | null> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    if ((cause as { code?: unknown }).code === 'ENOENT') return null;
    throw new MoegenError('checkpoint/unreadable', `expected a readable file: ${String(cause)}`, {
      where: file,
      cause,
    });
  }
  const value = parseConfig(text, file);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Config;
  throw new MoegenError('spec/invalid-config', 'expected one JSON object', {
    where: file,
    help: 'fetch the file again',
  });
}
