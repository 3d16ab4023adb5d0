// What a router kernel consists of: the general set leaves options open to constants, a given block has each of them or not.

import { MoegenError } from '../../errors.js';
import type { MoeBlock, Router } from '../../description/block.js';
import type { GenerationSpec } from '../../description/generation.js';
import { ROUTER_VARIANTS, routerVariant, type RouterVariant } from '../../description/routers.js';
import { MAX_EXPERTS, type ConstantName } from '../constants.js';
import type { Formula } from '../types.js';

/** `switched` by a bool constant that is bound when the pipeline is made. */
type Presence = 'always' | 'never' | 'switched';

/** What kernels with and without selection share. */
export interface LogitParts {
  readonly routerBias: Presence;
  readonly hasZeroExperts: boolean;
  /** In a kernel's text. */
  readonly numScored: string;
  /** In shapes. */
  readonly scoredShape: Formula;
  readonly maxExperts: number;
}

export interface RouterParts extends LogitParts {
  readonly variant: RouterVariant;
  readonly selectionBias: Presence;
  /** Marked tokens have another selection bias. */
  readonly hasMarks: boolean;
  readonly hasExpertScale: boolean;
  /** What `variant.normalize` leaves open. */
  readonly normalize: Router['normalize']['kind'] | 'switched';
  readonly hasEpsilon: boolean;
  readonly hasScale: boolean;
}

export function selectVariants({ block }: GenerationSpec): readonly RouterVariant[] {
  return block === null ? ROUTER_VARIANTS : [routerVariant(block.router)];
}

export function logitParts({ block, maxExperts }: GenerationSpec): LogitParts {
  const hasZeroExperts = block === null || block.numZeroExperts > 0;
  return {
    routerBias: presence(block?.router.logitBias),
    hasZeroExperts,
    numScored: hasZeroExperts ? 'num_scored' : 'num_experts',
    scoredShape: hasZeroExperts ? 'num_experts + num_zero_experts' : 'num_experts',
    maxExperts: maxExperts ?? (block === null ? MAX_EXPERTS : scoredExperts(block)),
  };
}

/** Zero experts are scored like the others. */
export function scoredExperts({ numExperts, numZeroExperts }: MoeBlock): number {
  return numExperts + numZeroExperts;
}

export function routerParts(spec: GenerationSpec, variant: RouterVariant): RouterParts {
  const router = spec.block?.router;
  const selectsByChoice = variant.selection !== 'table' && variant.scoring !== 'sparsemixer';
  return {
    ...logitParts(spec),
    variant,
    selectionBias: selectsByChoice ? presence(router?.selectionBias) : 'never',
    hasMarks: selectsByChoice && router?.markedSelectionBias === true,
    hasExpertScale: router?.expertScale === true,
    normalize: openNormalize(variant, router),
    hasEpsilon: router === undefined || (router.normalize.kind === 'sum' && router.normalize.epsilon !== 0),
    hasScale: variant.scoring !== 'sparsemixer' && router?.scale !== 1,
  };
}

function presence(value: boolean | undefined): Presence {
  if (value === undefined) return 'switched';
  return value ? 'always' : 'never';
}

function openNormalize(variant: RouterVariant, router: Router | undefined): RouterParts['normalize'] {
  if (variant.normalize !== 'sum') return variant.normalize;
  if (router === undefined) return 'switched';
  return router.normalize.kind === 'none' ? 'none' : 'sum';
}

export function logitConstants({ hasZeroExperts, routerBias }: LogitParts): ConstantName[] {
  return [
    'hidden_size',
    'num_experts',
    ...only(hasZeroExperts, 'num_zero_experts'),
    ...only(routerBias === 'switched', 'has_router_bias'),
  ];
}

export function selectConstants(parts: RouterParts): ConstantName[] {
  const { variant, normalize } = parts;
  return [
    'num_experts',
    ...only(parts.hasZeroExperts, 'num_zero_experts'),
    'top_k',
    ...only(parts.selectionBias === 'switched', 'has_selection_bias'),
    ...only(hasGroups(variant), 'num_groups', 'top_groups'),
    ...only(variant.selection === 'table', 'vocab_size'),
    ...only(normalize === 'switched', 'norm_topk_prob'),
    ...only((normalize === 'switched' || normalize === 'sum') && parts.hasEpsilon, 'norm_epsilon'),
    ...only(normalize === 'floor', 'norm_floor'),
    ...only(normalize === 'p_norm', 'norm_p'),
    ...only(parts.hasScale, 'weight_scale'),
    ...only(variant.scoring === 'sparsemixer', 'sparsemixer_epsilon'),
  ];
}

function only(condition: boolean, ...names: readonly ConstantName[]): readonly ConstantName[] {
  return condition ? names : [];
}

export function hasGroups({ selection }: RouterVariant): boolean {
  return selection === 'top2_groups' || selection === 'max_groups';
}

/** Lanes that rate groups. */
const MAX_GROUPS = 32;

/** Refuses, by name, what no router kernel can hold. */
export function assertRoutable({ numExperts, numZeroExperts, router }: MoeBlock): void {
  const scored = numExperts + numZeroExperts;
  const groups = router.groups?.count ?? 1;
  if (scored <= MAX_EXPERTS && groups <= MAX_GROUPS) return;
  const [what, value, limit] =
    groups > MAX_GROUPS ? ['groups', groups, MAX_GROUPS] : ['experts', scored, MAX_EXPERTS];
  throw new MoegenError(
    'plan/impossible-router',
    `a router selects from at most ${limit} ${what}, got ${value}`,
    {
      where: groups > MAX_GROUPS ? 'router.groups.count' : 'num_experts + num_zero_experts',
      help: 'describe a block with fewer of them with --spec, and route with kernels of your own',
    },
  );
}
