// What of nllb_moe's router a block description can say: the two best experts, as long as no expert can overflow. With a
// smaller capacity the result of a token depends on the tokens before it; such a configuration is refused by name.

import type { BlockTraitsInput } from '../block.js';
import { invalidValue, type LayerConfig } from './config.js';
import { stackOf } from './layers.js';
import { choice, count, flag, real } from './readers.js';

/** Machine epsilon of a float. */
const FLOAT_EPSILON = 2 ** -23;

export function nllbRouter(config: LayerConfig): BlockTraitsInput['router'] {
  choice('second_expert_policy', { all: 'all' }, 'all')(config);
  const capacityKey = 'moe_eval_capacity_token_fraction';
  const capacity = real(capacityKey, 1)(config);
  if (capacity < 1) {
    throw invalidValue(config, capacityKey, 'at least 1 (no expert may drop tokens)', capacity);
  }
  return {
    scoring: { kind: 'softmax' },
    logitBias: flag('router_bias', false)(config),
    normalize: { kind: 'floor', floor: FLOAT_EPSILON },
  };
}

export function nllbIntermediateSize(config: LayerConfig): number {
  return count(`${stackOf(config).stack}_ffn_dim`)(config);
}
