// Which way a layer runs for a number of tokens: an ordered list of rules, which the manifest publishes as it stands.

import type { MoeBlock } from '../description/block.js';
import { kernelFormats } from '../description/weights.js';
import { evaluateFormula } from './formula.js';
import { SKINNY_ROWS } from './rows.js';
import { TILE_ROWS, type TileName } from './tiles.js';
import type { Formula } from './types.js';

/**
 * `decode` multiplies each assignment of a few tokens by itself; `skinny` sorts assignments by expert and reads the weights of each
 * expert once for a few rows; `batched` sorts them and multiplies tiles.
 */
export const LAYER_PATHS = ['decode', 'skinny', 'batched'] as const;
export type LayerPath = (typeof LAYER_PATHS)[number];

/** Tokens up to which each assignment is multiplied by itself, with dense weights: few experts are shared then. */
const DECODE_TOKENS = 4;

/** Whose weights have scales: they wait for instructions, of which a path that reads the weights of an expert once saves none. */
const PACKED_ASSIGNMENTS = 'num_experts';

/** The first rule that holds, of those whose path the layer has, says how it runs. */
export interface SelectionRule {
  readonly path: LayerPath;
  readonly tile: TileName | 'none';
  /** Holds where `value` is at most `limit`; without it always. `value` is a multiple of num_tokens. */
  readonly when: { readonly value: Formula; readonly limit: Formula } | null;
}

const ASSIGNMENTS = 'num_tokens * top_k';

const DENSE_DECODE = { value: 'num_tokens', limit: String(DECODE_TOKENS) };
const PACKED_DECODE = { value: ASSIGNMENTS, limit: PACKED_ASSIGNMENTS };

/**
 * Rows per expert are counted on average; low tiles are for less than half a wide one. Figures were measured on an NVIDIA H200
 * (docs/performance.md).
 */
function selectionRules(isPacked: boolean): readonly SelectionRule[] {
  return [
    { path: 'decode', tile: 'none', when: isPacked ? PACKED_DECODE : DENSE_DECODE },
    { path: 'skinny', tile: 'none', when: { value: ASSIGNMENTS, limit: `${SKINNY_ROWS} * num_experts` } },
    {
      path: 'batched',
      tile: 'low',
      when: { value: ASSIGNMENTS, limit: `${TILE_ROWS.wide / 2} * num_experts - 1` },
    },
    { path: 'batched', tile: 'wide', when: null },
  ];
}

/** Those of sets with dense weights, and of sets with both. */
export const DENSE_RULES = selectionRules(false);
export const PACKED_RULES = selectionRules(true);

/** The rules of a set: its layers take them with whichever weights it has. */
export function rulesOf(
  kernels: readonly { readonly family: string; readonly axes: Readonly<Record<string, string>> }[],
): readonly SelectionRule[] {
  const experts = kernels.filter(({ family }) => family === 'gate_up' || family === 'down');
  const formats = kernelFormats(experts.map(({ axes }) => axes['weight'] ?? ''));
  return formats.length > 0 && formats.every(({ hasScale }) => hasScale) ? PACKED_RULES : DENSE_RULES;
}

type Routed = Pick<MoeBlock, 'topK' | 'numExperts'>;

/** The largest number of tokens for which a rule holds; null where there is none. */
function lastTokens({ when }: SelectionRule, { topK, numExperts }: Routed): number | null {
  if (when === null) return null;
  const values = { num_tokens: 1, top_k: topK, num_experts: numExperts };
  return Math.floor(evaluateFormula(when.limit, values) / evaluateFormula(when.value, values));
}

function ruleFor(
  numTokens: number,
  block: Routed,
  paths: readonly LayerPath[],
  rules: readonly SelectionRule[],
): SelectionRule {
  const found = rules.find(
    (rule) => paths.includes(rule.path) && numTokens <= (lastTokens(rule, block) ?? Infinity),
  );
  if (found === undefined) throw new Error('the last rule always holds');
  return found;
}

/** The path for a number of tokens, of those that the block has. */
export function pathFor(
  numTokens: number,
  block: Routed,
  paths: readonly LayerPath[],
  rules: readonly SelectionRule[] = DENSE_RULES,
): LayerPath {
  return ruleFor(numTokens, block, paths, rules).path;
}

/** The tiles of the batched path, which are the same for all weights. */
export function tileFor(numTokens: number, block: Routed): TileName {
  return ruleFor(numTokens, block, ['batched'], DENSE_RULES).tile === 'low' ? 'low' : 'wide';
}

/** Numbers of tokens, both included; without an end all from the first on. */
export interface TokenRange {
  readonly from: number;
  readonly to: number | null;
}

/** The numbers of tokens for which each rule is the one to take; null where an earlier rule always holds first. */
export function tokenRanges(
  block: Routed,
  paths: readonly LayerPath[],
  rules: readonly SelectionRule[] = DENSE_RULES,
): (SelectionRule & { readonly tokens: TokenRange | null })[] {
  let from = 1;
  return rules
    .filter(({ path }) => paths.includes(path))
    .map((rule) => {
      const to = lastTokens(rule, block);
      const tokens = to !== null && to < from ? null : { from, to };
      if (to !== null) from = Math.max(from, to + 1);
      return { ...rule, tokens };
    });
}
