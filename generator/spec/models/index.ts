// A model's config.json into the MoE blocks of its layers: the row of its model type, with the readers called.

import { distance } from 'fastest-levenshtein';
import { MoegenError } from '../../errors.js';
import type { MoeBlock } from '../block.js';
import { checkBlock } from '../check-block.js';
import { isRecord, type LayerConfig } from './config.js';
import type { ModelRow } from './parts.js';
import { resolveTemplate } from './readers.js';
import { MODEL_ROWS } from './table.js';

export interface LayerBlocks {
  readonly numLayers: number;
  /** The different blocks of the model, in the order of their first layers. */
  readonly blocks: readonly { readonly block: MoeBlock; readonly layers: readonly number[] }[];
  /** Layers without a MoE block. */
  readonly denseLayers: readonly number[];
}

interface Model {
  readonly row: ModelRow;
  readonly config: LayerConfig;
}

const NEAREST_SHOWN = 3;

/** What `model_type` may be, alphabetically. */
export function modelTypes(): readonly string[] {
  return MODEL_ROWS.map(({ types }) => types[0]).sort();
}

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

/** Which layers have which block. */
export function blockLayers(config: unknown, where: string): LayerBlocks {
  const model = findModel(config, where);
  const numLayers = model.row.layers.numLayers(model.config);
  const denseLayers: number[] = [];
  const blocks = new Map<string, { readonly block: MoeBlock; readonly layers: number[] }>();
  for (let layer = 0; layer < numLayers; layer += 1) {
    if (!model.row.layers.isMoe({ ...model.config, layer })) {
      denseLayers.push(layer);
      continue;
    }
    const block = blockOf(model, layer);
    const key = JSON.stringify(block);
    const group = blocks.get(key) ?? { block, layers: [] };
    group.layers.push(layer);
    blocks.set(key, group);
  }
  return { numLayers, blocks: Array.from(blocks.values()), denseLayers };
}

function blockOf({ row, config }: Model, layer: number): MoeBlock {
  const layerConfig = { ...config, layer };
  const traits = resolveTemplate(row.block, layerConfig) as object;
  const whole = checkBlock({ ...traits, tensors: {} }, config.where);
  const tensors = Object.entries(row.tensors)
    .filter(([role]) => role in whole.tensors)
    .map(([role, tensor]) => {
      const named = typeof tensor === 'string' ? { name: tensor, shape: null } : tensor;
      return [role, resolveTemplate(named, layerConfig)] as const;
    });
  return checkBlock({ ...traits, tensors: Object.fromEntries(tensors) }, config.where);
}

/** Of a whole model and its text part, the one that names a known type decides, the whole model first. */
function findModel(config: unknown, where: string): Model {
  if (!isRecord(config)) {
    throw new MoegenError('spec/invalid-config', 'a config.json must hold one JSON object', {
      where,
      help: 'name the config.json of a model',
    });
  }
  const text = isRecord(config['text_config']) ? config['text_config'] : null;
  const candidates = [config['model_type'], text?.['model_type']];
  for (const type of candidates) {
    const row = MODEL_ROWS.find(({ types }) => typeof type === 'string' && types.includes(type));
    if (row !== undefined) {
      return { row, config: { modelType: row.types[0], values: text ?? config, layer: 0, where } };
    }
  }
  throw unknownModelType(
    candidates.find((type) => type !== undefined),
    where,
  );
}

function unknownModelType(given: unknown, where: string): MoegenError {
  const help = 'describe the block by hand in a file and pass it with --spec block.json';
  const known = modelTypes();
  if (typeof given !== 'string') {
    const text = given === undefined ? 'nothing' : JSON.stringify(given);
    const message = `model_type must be one of the ${known.length} known types, got ${text}`;
    return new MoegenError('spec/unknown-model-type', message, { where: `${where}: model_type`, help });
  }
  const nearest = known.toSorted((a, b) => distance(given, a) - distance(given, b)).slice(0, NEAREST_SHOWN);
  return new MoegenError(
    'spec/unknown-model-type',
    `model_type must be one of the ${known.length} known types, got "${given}"; the nearest are ${nearest.join(', ')}`,
    { where: `${where}: model_type`, help },
  );
}
