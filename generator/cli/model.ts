// The model that a set is specialised for: a config.json of Hugging Face, or a block described by hand.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';
import { planModel, type ModelPlan } from '../plan/model.js';
import { blockLayers, parseConfig, type LayerBlocks } from '../spec/models/index.js';
import { readBlockSpec } from '../spec/read-spec.js';
import type { Io } from './io.js';
import { generationOf, type Selection } from './select.js';

export interface ModelFiles {
  readonly config?: string | undefined;
  readonly spec?: string | undefined;
}

export interface Model {
  /** `model_type`, or the name of a spec's file. */
  readonly name: string;
  readonly layers: LayerBlocks;
}

/** Nothing where no file is named. */
export function readModel({ config, spec }: ModelFiles, io: Io): Model | undefined {
  if (config !== undefined && spec !== undefined) {
    throw new MoegenError('cli/two-models', '--config and --spec each describe the model; give one', {
      where: '--spec',
    });
  }
  if (config !== undefined) {
    const values = parseConfig(readModelFile(config, io), config);
    const layers = blockLayers(values, config);
    if (layers.blocks.length > 0) return { name: modelType(values), layers };
    throw new MoegenError('cli/no-moe-layer', 'no layer of this model has a MoE block', {
      where: config,
      help: 'all its layers are dense; there is nothing to generate',
    });
  }
  if (spec === undefined) return undefined;
  const block = readBlockSpec(readModelFile(spec, io), spec);
  return {
    name: path.basename(spec, path.extname(spec)),
    layers: { numLayers: 1, blocks: [{ block, layers: [0] }], denseLayers: [] },
  };
}

export function planModelSet(model: Model, selection: Selection): ModelPlan {
  return planModel(model.name, model.layers, generationOf(selection));
}

function readModelFile(file: string, io: Io): string {
  try {
    return readFileSync(path.resolve(io.cwd, file), 'utf8');
  } catch (cause) {
    throw new MoegenError('cli/unreadable-model', 'expected a JSON file that can be read', {
      where: file,
      help: 'check the path; it is relative to the current folder',
      cause,
    });
  }
}

/** A whole multimodal model may lie around the text model that is meant. */
function modelType(config: unknown): string {
  const { model_type: type, text_config: text } = config as { model_type?: unknown; text_config?: unknown };
  return typeof type === 'string' ? type : modelType(text ?? { model_type: 'model' });
}
