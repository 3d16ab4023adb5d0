// What the drop-in mixture kernels and the kernels for single rows have in common: their files, their struct, how it calls
// the sizes.

import { structLayout } from '../../bindings.js';
import type { MixtureSizes } from './mixture-form.js';

export const OPTIMIZED_FILE = 'moe_dispatch_optimized';
export const SHARED_EXPERT_FILE = 'moe_shared_expert';

/** The members that all structs of these kernels begin with. */
export const SIZE_MEMBERS = [
  ['batch_size', 'u32'],
  ['hidden_dim', 'u32'],
  ['out_dim', 'u32'],
  ['num_experts', 'u32'],
  ['top_k', 'u32'],
  ['group_size', 'u32'],
] as const;

export const OPTIMIZED_PARAMS = structLayout('MoEOptParams', [...SIZE_MEMBERS, ['has_shared', 'u32']]);

/** How structs call the sizes. */
export const STRUCT_NAMES: MixtureSizes = {
  tokens: 'batch_size',
  terms: 'hidden_dim',
  columns: 'out_dim',
  experts: 'num_experts',
  slots: 'top_k',
  groupSize: 'group_size',
};
