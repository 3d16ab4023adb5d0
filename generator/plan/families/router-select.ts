// Selection of experts from logits: what its template prints, for the kernel of its own and for the router of few tokens.

import type { GenerationSpec } from '../../description/generation.js';
import type { RouterVariant } from '../../description/routers.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { kernelName } from '../names.js';
import type { Binding, KernelPlan, TemplateValue } from '../types.js';
import { hasGroups, routerParts, selectConstants, type RouterParts } from './router-parts.js';
import { describeSelection } from './router-words.js';

export function routerSelectPlan(spec: GenerationSpec, variant: RouterVariant): KernelPlan {
  const parts = routerParts(spec, variant);
  const simdgroups = hasChoices(parts) ? 2 : 4;
  const tiles = hasChoices(parts) ? 2 : 1;
  return {
    name: kernelName(
      'router_select',
      variant.name,
      parts.hasMarks ? 'marked_bias' : '',
      parts.hasExpertScale ? 'expert_scale' : '',
    ),
    family: 'router_select',
    folder: 'common',
    template: 'router_select',
    summary: `Selection of experts from logits: ${variant.summary}`,
    axes: { scoring: variant.name },
    constants: constants(spec, ...selectConstants(parts)),
    bindings: bindings(
      buffer('logits', 'f32', ['num_tokens', parts.scoredShape]),
      ...selectBindings(parts),
      argument('num_tokens'),
    ),
    dispatch: {
      threadgroups: [`ceil_div(num_tokens, ${simdgroups})`, '1', '1'],
      threadsPerThreadgroup: [32 * simdgroups, 1, 1],
    },
    threadgroupBytes: simdgroups * tiles * parts.maxExperts * 4,
    mslVersion: spec.mslVersion,
    terms: { simdgroups, threads: 32 * simdgroups, select: selectTerms(parts) },
  };
}

/** What a selection reads beside the logits, and what it writes. */
function selectBindings(parts: RouterParts): Omit<Binding, 'index'>[] {
  const { selectionBias, variant, scoredShape, numScored } = parts;
  const switched = { condition: 'has_selection_bias', note: 'if has_selection_bias' };
  return [
    ...(selectionBias === 'never'
      ? []
      : [
          buffer('selection_bias', 'f32', [scoredShape], {
            ...(selectionBias === 'switched' ? switched : {}),
            role: 'selection_bias',
          }),
        ]),
    ...(parts.hasMarks
      ? [
          buffer('marked_selection_bias', 'f32', [scoredShape], { role: 'marked_selection_bias' }),
          buffer('token_marks', 'u32', ['num_tokens'], { note: 'not 0 for marked tokens' }),
        ]
      : []),
    ...(parts.hasExpertScale ? [buffer('expert_scale', 'f32', [scoredShape], { role: 'expert_scale' })] : []),
    ...(variant.selection === 'table'
      ? [
          buffer('token_ids', 'u32', ['num_tokens'], { note: 'rows of token_table' }),
          buffer('token_table', 'u32', ['vocab_size', 'top_k'], {
            note: 'experts, which may repeat',
            role: 'token_table',
          }),
        ]
      : []),
    buffer('topk_ids', 'u32', ['num_tokens', 'top_k'], {
      access: 'write',
      note: `${numScored} for an empty slot`,
    }),
    buffer('topk_weights', 'f32', ['num_tokens', 'top_k'], {
      access: 'write',
      note: 'NaN for an empty slot',
    }),
  ];
}

/** Logits rank as their scores do, and more finely: without bias and groups they choose. */
function hasChoices({ selectionBias, variant }: RouterParts): boolean {
  return selectionBias !== 'never' || hasGroups(variant);
}

const SCORES = {
  softmax: 'moe_probability(logits[expert], highest, sum)',
  sigmoid: 'moe_sigmoid(logits[expert])',
  sqrtsoftplus: 'moe_sqrtsoftplus(logits[expert])',
  raw: 'logits[expert]',
  sparsemixer: '',
} as const satisfies Record<RouterVariant['scoring'], string>;

function selectTerms(parts: RouterParts): Record<string, TemplateValue> {
  const { variant, selectionBias } = parts;
  const { scoring, post, selection } = variant;
  const isSparsemixer = scoring === 'sparsemixer';
  const isTopkSoftmax = post === 'softmax';
  return {
    hasZeroExperts: parts.hasZeroExperts,
    numScored: parts.numScored,
    maxExperts: parts.maxExperts,
    isTopK: selection !== 'table' && !isSparsemixer,
    isTable: selection === 'table',
    isSparsemixer,
    isSoftmax: scoring === 'softmax',
    isSigmoid: scoring === 'sigmoid' || post === 'sigmoid',
    isSqrtsoftplus: scoring === 'sqrtsoftplus',
    isTopkSoftmax,
    hasSums: isSparsemixer || scoring === 'softmax' || isTopkSoftmax || parts.normalize !== 'none',
    hasBias: selectionBias !== 'never',
    hasExpertScale: parts.hasExpertScale,
    bias: biasOf(parts),
    biasNote: choosesLogits(parts) ? '; without a bias, the logits' : '',
    hasChoices: hasChoices(parts),
    choice: choiceOf(parts),
    values: hasChoices(parts) ? 'choices' : 'logits',
    hasGroups: hasGroups(variant),
    groups: {
      isTop2Sum: selection === 'top2_groups',
      rating: selection === 'top2_groups' ? 'max(best + second, lowest)' : 'best',
    },
    weights: weightTerms(parts),
    description: describeSelection(parts),
  };
}

function biasOf({ selectionBias, hasMarks }: RouterParts): string {
  if (selectionBias === 'switched') return 'has_selection_bias ? selection_bias[expert] : 0.0f';
  return hasMarks
    ? '(token_marks[token] == 0 ? selection_bias[expert] : marked_selection_bias[expert])'
    : 'selection_bias[expert]';
}

/** Without groups, a bias that is switched off leaves the choice to the logits; raw scores are logits anyway. */
function choosesLogits({ selectionBias, variant }: RouterParts): boolean {
  return selectionBias === 'switched' && variant.selection === 'top_k' && variant.scoring !== 'raw';
}

function choiceOf(parts: RouterParts): string {
  const score = SCORES[parts.variant.scoring];
  if (parts.selectionBias === 'never') return score;
  if (choosesLogits(parts)) return `has_selection_bias ? choices[expert] + ${score} : logits[expert]`;
  return `choices[expert] + ${score}`;
}

/** A selected expert's weight as it is first written, and what is done to all of them afterwards. */
function weightTerms(parts: RouterParts): Record<string, TemplateValue> {
  const { variant, normalize, hasScale } = parts;
  const hasDivisor = normalize !== 'none';
  const scale = hasScale ? ' * weight_scale' : '';
  const score = variant.post === 'sigmoid' ? SCORES.sigmoid : SCORES[variant.scoring];
  const divisor = 'moe_weight_divisor(topk_weights, lane)';
  return {
    first: hasDivisor || variant.post === 'softmax' ? score : `${score}${scale}`,
    share: `precise::divide(topk_weights[slot], sum)${hasDivisor ? '' : scale}`,
    hasDivisor,
    term: normalize === 'p_norm' ? 'precise::pow(abs(weight), norm_p)' : 'weight',
    divisor: divisorOf(parts),
    divisorCall: normalize === 'switched' ? `norm_topk_prob ? ${divisor} : 1.0f` : divisor,
    quotient: `precise::divide(topk_weights[slot], divisor)${scale}`,
  };
}

function divisorOf({ normalize, hasEpsilon }: RouterParts): string {
  if (normalize === 'floor') return 'max(moe_simd_sum(sum), norm_floor)';
  if (normalize === 'p_norm') return 'precise::pow(moe_simd_sum(sum), precise::divide(1.0f, norm_p))';
  return hasEpsilon ? 'moe_simd_sum(sum) + norm_epsilon' : 'moe_simd_sum(sum)';
}
