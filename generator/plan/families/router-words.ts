// The sentences above a router kernel: what it selects, and what the experts weigh.

import type { RouterVariant } from '../../description/routers.js';
import type { RouterParts } from './router-parts.js';

const SCORES = {
  softmax: 'the softmax of its logit over all experts',
  sigmoid: 'the sigmoid of its logit',
  sqrtsoftplus: 'sqrt(log(1 + exp(logit)))',
  raw: 'its logit',
} as const;

const GROUPS = {
  top_k: [],
  top2_groups: ['  of those in the top_groups groups whose two best sum up highest'],
  max_groups: ['  of those in the top_groups groups whose best is highest'],
} as const;

export function describeSelection(parts: RouterParts): string[] {
  const { scoring } = parts.variant;
  if (scoring === 'sparsemixer') {
    return [
      'topk_ids[t], topk_weights[t] = the picks of moe_select_experts, and what they weigh.',
      ...emptySlots(parts),
    ];
  }
  return [
    `The score of an expert is ${SCORES[scoring]}.`,
    ...selection(parts),
    `topk_weights[t] = ${weights(parts)}.`,
    ...emptySlots(parts),
  ];
}

function selection({ variant, selectionBias, hasMarks }: RouterParts): readonly string[] {
  if (variant.selection === 'table') return ['topk_ids[t] = token_table[token_ids[t]].'];
  const marked = hasMarks ? ' (of marked tokens, + marked_selection_bias)' : '';
  const bias = {
    always: ` + selection_bias${marked}`,
    switched: ' (+ selection_bias)',
    never: '',
  }[selectionBias];
  const lines = [
    `topk_ids[t] = the top_k experts with the highest score${bias}`,
    ...GROUPS[variant.selection],
  ];
  return lines.map((line, at) => `${line}${at === lines.length - 1 ? '.' : ','}`);
}

function emptySlots({ variant, selectionBias, numScored }: RouterParts): readonly string[] {
  const contents = `the id ${numScored} and the weight NaN, and the others are weighted without it`;
  if (variant.selection === 'table') {
    return ['A slot that names no expert, or one whose logit is NaN, is empty: it gets', `${contents}.`];
  }
  const spoiled = selectionBias === 'never' ? 'logit' : 'logit or bias';
  return [
    `Equal experts go in ascending order. One whose ${spoiled} is NaN is never selected; a slot that finds no expert gets`,
    `${contents}.`,
  ];
}

const POSTS: Readonly<Record<RouterVariant['post'], string>> = {
  none: 'their scores',
  softmax: 'the softmax of their scores over themselves',
  sigmoid: 'the sigmoid of their scores',
};

function weights({ variant, normalize, hasEpsilon, hasScale, hasExpertScale }: RouterParts): string {
  const sum = hasEpsilon ? ', over their sum + norm_epsilon' : ', over their sum';
  const divisor = {
    none: '',
    sum,
    switched: `${sum} if norm_topk_prob`,
    floor: ', over the larger of their sum and norm_floor',
    p_norm: ', over the norm_p-th root of the sum of their powers of norm_p',
  }[normalize];
  return `${POSTS[variant.post]}${divisor}${hasScale ? ', times weight_scale' : ''}${hasExpertScale ? ', times expert_scale' : ''}`;
}
