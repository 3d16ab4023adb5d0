// Which layers of a model have a MoE block: rules for the table, each the way in which some models say it.

import { count, natural, naturalList, text, textList, type Reader } from './readers.js';
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

/** All layers but the first ones, whose number the key gives. */
export function afterDense(keys: Keys, ifAbsent: number): LayerRule {
  const numDense = natural(keys, ifAbsent);
  return { numLayers: numHiddenLayers, isMoe: (config) => config.layer >= numDense(config) };
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

/** Every n-th layer, except those listed as dense. */
export const sparseStep: LayerRule = {
  numLayers: numHiddenLayers,
  isMoe: (config) => {
    const isDense = naturalList('mlp_only_layers')(config)?.includes(config.layer) ?? false;
    return !isDense && everyNth('decoder_sparse_step', 1).isMoe(config);
  },
};

/** Every n-th layer between a first and a last one; -1 as the last one is the end. */
export const interval: LayerRule = {
  numLayers: numHiddenLayers,
  isMoe: (config) => {
    const end =
      config.values['moe_layer_end_index'] === -1
        ? Infinity
        : natural('moe_layer_end_index', Infinity)(config);
    const isInside = config.layer >= natural('moe_layer_start_index', 1)(config) && config.layer <= end;
    return isInside && isMultiple(config.layer + 1, natural('moe_layer_interval', 1)(config));
  },
};

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
