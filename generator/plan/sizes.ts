// Sizes that formulas name beside the constants and the number of tokens: what follows from these, and what only the routing
// decides.

import { evaluateFormula, type FormulaValues } from './formula.js';
import type { Formula } from './types.js';

/**
 * The most tiles there can be: each expert that is chosen has one that is not full. Buffers are allocated for so many, and
 * grids without indirect arguments have so many rows.
 */
export const MAX_TILES: Formula =
  'min(num_experts, num_tokens * top_k) + floor_div(num_tokens * top_k, block_m)';

/**
 * An estimate of what the routing decides, for assignments that touch as many experts as they can, all of them equally often; each
 * may need those before it. Costs are counted with it, nothing is allocated by it.
 */
export const BALANCED_SIZES = {
  touched_experts: 'min(num_experts, num_tokens * top_k)',
  num_tiles: 'touched_experts * ceil_div(num_tokens * top_k, touched_experts * block_m)',
} as const satisfies Readonly<Record<string, Formula>>;

/** Adds `max_tiles` where all that it follows from has a value. */
export function withMaxTiles(values: FormulaValues): FormulaValues {
  const isKnown = ['num_tokens', 'top_k', 'num_experts', 'block_m'].every((name) => (values[name] ?? 0) > 0);
  return { ...values, max_tiles: isKnown ? evaluateFormula(MAX_TILES, values) : 0 };
}
