// Which layers of a model have a MoE block: rules for the table, each the way in which some models say it.

import { count, natural, naturalList, ofPool, real, text, textList, type Reader } from './readers.js';
import { invalidValue, type Keys, type LayerConfig } from './config.js';

export interface LayerRule {
  readonly numLayers: Reader<number>;
  /** About the layer that the configuration is seen from. */
  readonly isMoe: Reader<boolean>;
}

const numHiddenLayers = count('num_hidden_layers');

export const everyLayer: LayerRule = { numLayers: numHiddenLayers, isMoe: () => true };

export function everyOf(numLayersKeys: Keys): LayerRule {
  return { numLayers: count(numLayersKeys), isMoe: () => true };
}

/** All layers but the first ones, whose number the key gives; where `moe_layer_freq` is n, those alone whose number it divides. */
export function afterDense(keys: Keys, ifAbsent: number): LayerRule {
  const numDense = natural(keys, ifAbsent);
  const step = natural('moe_layer_freq', 1);
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => config.layer >= numDense(config) && isMultiple(config.layer, step(config)),
  };
}

/** A list with a type for each layer; the other rule decides where there is none. */
export function listedTypes(otherwise: LayerRule): LayerRule {
  const types = textList('mlp_layer_types', ['dense', 'sparse']);
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => {
      const list = types(config);
      return list === null ? otherwise.isMoe(config) : entryOf(config, 'mlp_layer_types', list) === 'sparse';
    },
  };
}

/** A list with 1 for each MoE layer and 0 for each dense one. */
export function listedFlags(key: string, otherwise: LayerRule): LayerRule {
  const flags = naturalList(key);
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => {
      const list = flags(config);
      return list === null ? otherwise.isMoe(config) : entryOf(config, key, list) !== 0;
    },
  };
}

/** The numbers of the MoE layers, as a list or as text between commas. */
export function listedNumbers(key: string, otherwise: LayerRule): LayerRule {
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => {
      const isText = typeof config.values[key] === 'string';
      const numbers = isText ? text(key)(config)?.split(',').map(Number) : naturalList(key)(config);
      return numbers?.includes(config.layer) ?? otherwise.isMoe(config);
    },
  };
}

/** Every n-th layer, the n-th being the first of them. */
export function everyNth(key: string, ifAbsent: number): LayerRule {
  const step = natural(key, ifAbsent);
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => isMultiple(config.layer + 1, step(config)),
  };
}

/** All layers but those of a list. */
export function exceptListed(key: string, ifAbsent: readonly number[]): LayerRule {
  const dense = naturalList(key);
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) => !(dense(config) ?? ifAbsent).includes(config.layer),
  };
}

/** Every n-th layer, except those listed as dense. */
export const sparseStep: LayerRule = {
  numLayers: numHiddenLayers,
  isMoe: (config) => {
    const isDense = naturalList('mlp_only_layers')(config)?.includes(config.layer) ?? false;
    return !isDense && everyNth('decoder_sparse_step', 1).isMoe(config);
  },
};

/** Every n-th layer between a first and a last one; -1 as the last one is the end. Of several pools of experts each has its own. */
export const interval: LayerRule = {
  numLayers: numHiddenLayers,
  isMoe: (config) => {
    const given = ofPool('moe_layer_end_index', (keys) => real(keys, -1))(config);
    const end = given === -1 ? Infinity : ofPool('moe_layer_end_index', (keys) => natural(keys, 0))(config);
    const start = ofPool('moe_layer_start_index', (keys) => natural(keys, 1))(config);
    const isInside = config.layer >= start && config.layer <= end;
    return isInside && isMultiple(config.layer + 1, natural('moe_layer_interval', 1)(config));
  },
};

/** Every n-th layer from an offset on. */
export function periodic(periodKey: string, offsetKey: string, period: number, offset: number): LayerRule {
  return {
    numLayers: numHiddenLayers,
    isMoe: (config) =>
      isMultiple(config.layer - natural(offsetKey, offset)(config), natural(periodKey, period)(config)),
  };
}

/** All layers of the rule, or none. */
export function layersIf(condition: Reader<boolean>, rule: LayerRule): LayerRule {
  return { ...rule, isMoe: (config) => condition(config) && rule.isMoe(config) };
}

const BLOCK_TYPES = ['linear_attention', 'mamba', 'full_attention', 'attention', 'mlp', 'moe'] as const;
const blockTypes = textList(['layers_block_type', 'layer_types'], BLOCK_TYPES);
const blockPattern = text('hybrid_override_pattern');

/** Layers that are either attention, state space, dense or MoE: a list, or a text with one letter for each, E for MoE. */
export const hybridLayers: LayerRule = {
  numLayers: (config) => hybridTypes(config).length,
  isMoe: (config) => ['moe', 'E'].includes(hybridTypes(config)[config.layer] ?? ''),
};

function hybridTypes(config: LayerConfig): readonly string[] {
  const types = blockTypes(config) ?? blockPattern(config)?.split('') ?? null;
  if (types === null)
    throw invalidValue(config, 'layers_block_type', 'a list with the type of each layer', undefined);
  return types;
}

/** The layers of the encoder, then those of the decoder. */
export const encoderThenDecoder: LayerRule = {
  numLayers: (config) => count('encoder_layers')(config) + count('decoder_layers')(config),
  isMoe: (config) => {
    const { stack, layer } = stackOf(config);
    return isMultiple(layer + 1, natural(`${stack}_sparse_step`, 4)(config));
  },
};

/** The encoder or the decoder, and the layer's number in it. */
export function stackOf(config: LayerConfig): {
  readonly stack: 'encoder' | 'decoder';
  readonly layer: number;
} {
  const encoderLayers = count('encoder_layers')(config);
  return config.layer < encoderLayers
    ? { stack: 'encoder', layer: config.layer }
    : { stack: 'decoder', layer: config.layer - encoderLayers };
}

/** A step of 0 means never. */
function isMultiple(value: number, step: number): boolean {
  return step > 0 && value % step === 0;
}

function entryOf<T>(config: LayerConfig, key: string, list: readonly T[]): T {
  const entry = list[config.layer];
  if (entry === undefined) {
    throw invalidValue(config, `${key}[${config.layer}]`, 'there, because the model has that layer', entry);
  }
  return entry;
}
