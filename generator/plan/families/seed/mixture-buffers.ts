// What the drop-in mixture kernels and the kernels for single rows have in common: their files, their struct, FP4 weights.

import { buffer, structLayout } from '../../bindings.js';
import type { Binding, Formula } from '../../types.js';
import type { MixtureSizes } from './mixture-form.js';

export const OPTIMIZED_FILE = 'moe_dispatch_optimized';
export const SHARED_EXPERT_FILE = 'moe_shared_expert';

export const OPTIMIZED_PARAMS = structLayout('MoEOptParams', [
  ['batch_size', 'u32'],
  ['hidden_dim', 'u32'],
  ['out_dim', 'u32'],
  ['num_experts', 'u32'],
  ['top_k', 'u32'],
  ['group_size', 'u32'],
  ['has_shared', 'u32'],
]);

/** How structs call the sizes. */
export const STRUCT_NAMES: MixtureSizes = {
  tokens: 'batch_size',
  terms: 'hidden_dim',
  columns: 'out_dim',
  experts: 'num_experts',
  slots: 'top_k',
  groupSize: 'group_size',
};

/** Words along the terms, eight to a word, and a scale for each group of terms. */
export function fp4Buffers(
  name: string,
  { terms, columns, groupSize }: MixtureSizes,
  experts: readonly Formula[],
): Omit<Binding, 'index'>[] {
  return [
    buffer(`${name}_weight`, 'u32', [...experts, `ceil_div(${terms}, 8)`, columns], {
      note: 'FP4, eight terms to a word',
    }),
    buffer(`${name}_scales`, 'f16', [...experts, `ceil_div(${terms}, ${groupSize})`, columns]),
  ];
}
