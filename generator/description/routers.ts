// The router variants: which of a router's properties change the text of its kernels, and what a variant is called. Everything
// else about a router (biases, factors, numbers of groups) is a constant of the kernel.

import type { Router } from './block.js';

export interface RouterVariant {
  /** Part of a kernel's name, and the value of its axis `scoring`. */
  readonly name: string;
  readonly scoring: Router['scoring']['kind'];
  /** What becomes of the scores of the selected experts. */
  readonly post: Router['post'];
  /** Where the experts of a token come from; of groups, how they are rated. */
  readonly selection: 'top_k' | 'top2_groups' | 'max_groups' | 'table';
  /** `sum` is also no normalizing at all, by a constant. */
  readonly normalize: Router['normalize']['kind'];
  readonly summary: string;
}

type Traits = Omit<RouterVariant, 'name' | 'summary'>;

const SELECTION_NAMES = {
  top_k: '',
  top2_groups: 'top2_groups',
  max_groups: 'max_groups',
  table: 'table',
} as const;

const SELECTION_SUMMARIES = {
  top_k: 'top_k',
  top2_groups: 'top_k of the groups with the largest two best',
  max_groups: 'top_k of the groups with the best expert',
  table: 'experts from a table by token id',
} as const;

const plain = { post: 'none', selection: 'top_k', normalize: 'sum' } as const;

const softmax: Traits = { ...plain, scoring: 'softmax' };
const sigmoid: Traits = { ...plain, scoring: 'sigmoid' };
const sqrtsoftplus: Traits = { ...plain, scoring: 'sqrtsoftplus' };
const raw: Traits = { ...plain, scoring: 'raw' };
/** Weights that are a softmax sum to one already. */
const topkSoftmax: Traits = { ...raw, post: 'softmax', normalize: 'none' };

const topkSigmoid: Traits = { ...raw, post: 'sigmoid' };
const sparsemixer: Traits = { ...plain, scoring: 'sparsemixer', normalize: 'none' };

/** The variants that the general set has, one row each: those of known models, and what a block may well combine. */
const ROWS: readonly Traits[] = [
  softmax,
  { ...softmax, normalize: 'floor' },
  { ...softmax, normalize: 'p_norm' },
  { ...softmax, selection: 'max_groups' },
  { ...softmax, selection: 'top2_groups' },
  { ...softmax, selection: 'table' },
  sigmoid,
  { ...sigmoid, selection: 'max_groups' },
  { ...sigmoid, selection: 'top2_groups' },
  { ...sigmoid, selection: 'table' },
  sqrtsoftplus,
  { ...sqrtsoftplus, selection: 'top2_groups' },
  { ...sqrtsoftplus, selection: 'table' },
  raw,
  topkSoftmax,
  topkSigmoid,
  sparsemixer,
];

export const ROUTER_VARIANTS: readonly RouterVariant[] = ROWS.map(describe);

/** Every variant that a router can have. */
const ALL: readonly RouterVariant[] = [
  describe(sparsemixer),
  ...[softmax, sigmoid, sqrtsoftplus, raw, topkSoftmax, topkSigmoid].flatMap((scores) =>
    (['top_k', 'top2_groups', 'max_groups', 'table'] as const).flatMap((selection) =>
      (['none', 'sum', 'floor', 'p_norm'] as const).map((normalize) =>
        describe({ ...scores, selection, normalize }),
      ),
    ),
  ),
];

export function variantNamed(name: string): RouterVariant {
  const found = ALL.find((variant) => variant.name === name);
  if (found === undefined) throw new Error(`no router variant is called ${name}`);
  return found;
}

/** The variant that serves a router; not every one is in the general set. */
export function routerVariant(router: Router): RouterVariant {
  const { scoring, post, normalize } = router;
  if (scoring.kind === 'sparsemixer') return describe(sparsemixer);
  const isSwitched = normalize.kind === 'none' && post !== 'softmax';
  return describe({
    scoring: scoring.kind,
    post,
    selection: selectionOf(router),
    normalize: isSwitched ? 'sum' : normalize.kind,
  });
}

function selectionOf({ selection, groups }: Router): RouterVariant['selection'] {
  if (selection.kind === 'token_table') return 'table';
  if (groups === null) return 'top_k';
  return groups.score === 'max' ? 'max_groups' : 'top2_groups';
}

function describe(traits: Traits): RouterVariant {
  const { scoring, post, selection, normalize } = traits;
  const scores = post === 'none' ? scoring : `topk_${post}`;
  const usual = post === 'softmax' || scoring === 'sparsemixer' ? 'none' : 'sum';
  const name = [scores, SELECTION_NAMES[selection], normalize === usual ? '' : normalize]
    .filter(Boolean)
    .join('_');
  return { ...traits, name, summary: summaryOf(traits) };
}

function summaryOf({ scoring, post, selection, normalize }: Traits): string {
  if (scoring === 'sparsemixer') return 'sparsemixer';
  const scores = {
    softmax: 'softmax over all experts',
    sigmoid: 'sigmoid',
    sqrtsoftplus: 'square root of softplus',
    raw: 'raw logits',
  };
  const weights = { none: '', softmax: 'softmax over the selected', sigmoid: 'sigmoid of the selected' };
  const divisors = {
    none: '',
    sum: '',
    floor: 'weights over their sum or a floor',
    p_norm: 'weights over their p-norm',
  };
  return [scores[scoring], SELECTION_SUMMARIES[selection], weights[post], divisors[normalize]]
    .filter(Boolean)
    .join(', ');
}
