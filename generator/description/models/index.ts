// A model's config.json into the MoE blocks of its layers: the row of its model type, with the readers called.

import { MoegenError } from '../../errors.js';
import type { MoeBlock, TensorRole } from '../block.js';
import { checkBlock } from '../check-block.js';
import type { FormatMix } from '../weights.js';
import { misspelt } from './spelling.js';
import { findModel, type Model } from './find-model.js';
import { resolveTemplate } from './readers.js';

export { modelTypes } from './find-model.js';

export interface BlockOfLayers {
  readonly block: MoeBlock;
  readonly layers: readonly number[];
  /** Of each projection, where the model's own are known. */
  readonly formats?: FormatMix;
}

export interface LayerBlocks {
  readonly numLayers: number;
  /** The different blocks of the model, in the order of their first layers. */
  readonly blocks: readonly BlockOfLayers[];
  /** Layers without a MoE block. */
  readonly denseLayers: readonly number[];
  /** Tensors that lie in checkpoints, and that nothing reads, by the roles that they have in other models. */
  readonly ignored?: readonly TensorRole[];
  /** Which experts of the layers the blocks are about, where the model has several pools. */
  readonly pool?: ExpertPool;
  /** Sentences about what is odd in the configuration. */
  readonly warnings?: readonly string[];
}

/** Pools of experts, in the order in which models have them. */
export const EXPERT_POOLS = ['text', 'image'] as const;
export type ExpertPoolName = (typeof EXPERT_POOLS)[number];

export interface ExpertPool {
  readonly name: ExpertPoolName;
  readonly at: number;
  /** Number of its first expert among those of all pools. */
  readonly first: number;
  readonly count: number;
}

/** Beyond it a number of layers is a slip. */
const MAX_LAYERS = 1_000_000;

/** The text of a config.json; Python writes numbers into it that JSON does not know: NaN and infinities. */
export function parseConfig(text: string, where: string): unknown {
  const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?\bInfinity\b|\bNaN\b/g, (token) => {
    if (token.startsWith('"')) return token;
    if (token === 'NaN') return 'null';
    return token.replace('Infinity', '1e999');
  });
  try {
    return JSON.parse(strict);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MoegenError('spec/invalid-json', `expected the JSON text of a config.json: ${reason}`, {
      where,
      help: 'correct the JSON',
      cause,
    });
  }
}

/**
 * The MoE block of a layer, as the layer would have it if it is a dense one. `where` names the file. The text model may
 * lie under `text_config`.
 */
export function readBlock(config: unknown, layer: number, where: string): MoeBlock {
  return blockOf(findModel(config, where), layer);
}

/** The row of the model table that a configuration belongs to, by the first of its types. */
export function modelTypeOf(config: unknown, where: string): string {
  return findModel(config, where).config.modelType;
}

/** Which layers have which block, with the experts of that pool. Throws `spec/no-such-experts`. */
export function blockLayers(config: unknown, where: string, name: ExpertPoolName = 'text'): LayerBlocks {
  const found = findModel(config, where);
  const pool = poolOf(found, name);
  const model = { ...found, config: { ...found.config, pool: pool?.at ?? 0 } };
  const numLayers = model.row.layers.numLayers(model.config);
  if (numLayers > MAX_LAYERS) {
    throw new MoegenError(
      'spec/too-many-layers',
      `a model has at most ${MAX_LAYERS} layers, got ${numLayers}`,
      { where, help: 'correct the number of layers' },
    );
  }
  const denseLayers: number[] = [];
  const blocks = new Map<string, { readonly block: MoeBlock; readonly layers: number[] }>();
  for (let layer = 0; layer < numLayers; layer += 1) {
    if (!model.row.layers.isMoe({ ...model.config, layer })) {
      denseLayers.push(layer);
      continue;
    }
    const key = JSON.stringify(traitsOf(model, layer));
    const group = blocks.get(key) ?? { block: blockOf(model, layer), layers: [] };
    group.layers.push(layer);
    blocks.set(key, group);
  }
  const warnings = [...slips(model), ...(pool === null ? [] : [otherPool(pool, where)])];
  const { ignored = [] } = model.row;
  return {
    ...{ numLayers, blocks: Array.from(blocks.values()), denseLayers, ignored, warnings },
    ...(pool !== null && { pool }),
  };
}

/** Null for a model with a single pool, whose tokens are all alike. */
function poolOf({ row, config }: Model, name: ExpertPoolName): ExpertPool | null {
  const counts = row.pools?.(config) ?? [];
  const at = EXPERT_POOLS.indexOf(name);
  const count = counts[at];
  if (counts.length > 1 && count !== undefined) {
    const first = counts.slice(0, at).reduce((sum, each) => sum + each, 0);
    return { name, at, first, count };
  }
  if (name === 'text') return null;
  throw new MoegenError('spec/no-such-experts', `${config.modelType} has no experts for ${name}s alone`, {
    where: config.where,
    help: 'leave --experts out',
  });
}

function otherPool({ name }: ExpertPool, where: string): string {
  const [own, other] = name === 'text' ? ['text', 'images'] : ['images', 'text'];
  const flag = name === 'text' ? 'moegen model --experts image' : 'moegen model without --experts';
  return (
    `${where}: the blocks are those of ${own}; tokens of ${other} have a router and experts of their own: ` +
    `${flag} describes these, and each token runs through the block of its kind`
  );
}

/** Keys that nobody asked for and that look like one that was asked for in vain. */
function slips({ config }: Model): string[] {
  const missing = [...config.asked].filter((key) => (config.values[key] ?? null) === null);
  return Object.keys(config.values).flatMap((given) => {
    if (config.asked.has(given) || NO_SLIPS.has(given)) return [];
    const meant = misspelt(given, missing);
    return meant === null
      ? []
      : [`${config.where}: "${given}" is no key of ${config.modelType} that decides anything; "${meant}" is`];
  });
}

/** Keys of other parts of a model that are near those of its block. */
const NO_SLIPS: ReadonlySet<string> = new Set(['n_groups']);

function traitsOf({ row, config }: Model, layer: number): object {
  return resolveTemplate(row.block, { ...config, layer }) as object;
}

function blockOf(model: Model, layer: number): MoeBlock {
  const { row, config } = model;
  const layerConfig = { ...config, layer };
  const traits = traitsOf(model, layer);
  const whole = checkBlock({ ...traits, tensors: {} }, config.where);
  const tensors = Object.entries(row.tensors)
    .filter(([role]) => role in whole.tensors)
    .map(([role, tensor]) => {
      const named = typeof tensor === 'string' ? { name: tensor, shape: null } : tensor;
      return [role, resolveTemplate(named, layerConfig)] as const;
    });
  return checkBlock({ ...traits, tensors: Object.fromEntries(tensors) }, config.where);
}
