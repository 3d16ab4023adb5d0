// Selection of experts from logits: what its template prints, for the kernel of its own and for the router of few tokens.

import type { GenerationSpec } from '../../description/generation.js';
import type { RouterVariant } from '../../description/routers.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { kernelName } from '../names.js';
import type { Binding, KernelPlan } from '../types.js';
import { hasGroups, routerParts, selectConstants, type RouterParts } from './router-parts.js';
import { describeSelection } from './router-words.js';
import { printed } from '../printed.js';

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
    ...printed('router_select', { simdgroups, threads: 32 * simdgroups, select: selectTerms(parts) }),
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

function selectTerms(parts: RouterParts) {
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
    isTopkSoftmax,
    hasSums: isSparsemixer || scoring === 'softmax' || isTopkSoftmax || parts.normalize !== 'none',
    hasBias: selectionBias !== 'never',
    hasExpertScale: parts.hasExpertScale,
    bias: {
      isSwitched: selectionBias === 'switched',
      isMarked: selectionBias === 'always' && parts.hasMarks,
      isPlain: selectionBias === 'always' && !parts.hasMarks,
    },
    choosesLogits: choosesLogits(parts),
    hasChoices: hasChoices(parts),
    score: scoreOf(variant),
    values: hasChoices(parts) ? 'choices' : 'logits',
    hasGroups: hasGroups(variant),
    groups: { isTop2Sum: selection === 'top2_groups' },
    weights: weightTerms(parts),
    description: describeSelection(parts),
  };
}

/** Without groups, a bias that is switched off leaves the choice to the logits; raw scores are logits anyway. */
function choosesLogits({ selectionBias, variant }: RouterParts): boolean {
  return selectionBias === 'switched' && variant.selection === 'top_k' && variant.scoring !== 'raw';
}

/** A selected expert's weight as it is first written, and what is done to all of them afterwards. */
function weightTerms(parts: RouterParts) {
  const { variant, normalize, hasEpsilon, hasScale } = parts;
  const hasDivisor = normalize !== 'none';
  return {
    score: weightScoreOf(variant),
    hasScale,
    isScaledFirst: hasScale && !hasDivisor && variant.post !== 'softmax',
    isScaledShare: hasScale && !hasDivisor,
    hasDivisor,
    divisor: divisorOf(normalize),
    hasEpsilon,
    isSwitched: normalize === 'switched',
  };
}

type Score = Exclude<RouterVariant['scoring'], 'sparsemixer'>;

/** The sparse mixer ranks raw logits. */
function scoreOf({ scoring }: RouterVariant): Score {
  return scoring === 'sparsemixer' ? 'raw' : scoring;
}

function weightScoreOf(variant: RouterVariant): Score {
  return variant.post === 'sigmoid' ? 'sigmoid' : scoreOf(variant);
}

function divisorOf(normalize: RouterParts['normalize']): 'sum' | 'floor' | 'p_norm' {
  return normalize === 'floor' || normalize === 'p_norm' ? normalize : 'sum';
}
