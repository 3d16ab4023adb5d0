// Trials of compact_ids: rows that lie together, rows with room for one id more, and rows with room for all experts, of which the rest must not
// be taken.

import type { KernelPlan } from '../../plan/types.js';
import { encodeElements } from '../elements.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { exactly, routeTokens, sizeValues, type Trial } from './trial.js';

export function compactIdsTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { numTokens, numExperts, topK } = sizes;
  const { ids } = routeTokens(sizes, random);
  return [topK, topK + 1, Math.max(topK, numExperts)].map((stride) => ({
    values: { ...sizeValues(sizes), ids_stride: stride },
    inputs: { strided_ids: encodeElements('u32', stridedIds(ids, { numTokens, numExperts, topK }, stride)) },
    expectations: [exactly('topk_ids', 'u32', ids)],
  }));
}

/** As a view of sorted experts: behind a row's own ids stand others that are valid, too; behind the last row nothing. */
export function stridedIds(
  ids: ArrayLike<number>,
  { numTokens, numExperts, topK }: Pick<KernelCase, 'numTokens' | 'numExperts' | 'topK'>,
  stride: number,
): Uint32Array {
  return Uint32Array.from({ length: Math.max(0, (numTokens - 1) * stride + topK) }, (_, at) => {
    const [token, slot] = [Math.floor(at / stride), at % stride];
    return slot < topK ? (ids[token * topK + slot] ?? 0) : (at * 7) % numExperts;
  });
}
