// What the rows of the model table are tried with: keys of a configuration, and the block that they must become.

import type { Difference } from './plain-block.js';

/** The keys, the block's differences from the plain one, and names of some of its tensors. */
export type ModelCase = readonly [Record<string, unknown>, Difference, readonly string[]];

/** Keys of the sizes; everything else that a type reads is left to its default. */
const DENSE_WIDTH = { intermediate_size: 999 };
export const OWN_WIDTH = { ...DENSE_WIDTH, moe_intermediate_size: 32 };
export const LOCAL = { num_local_experts: 8, num_experts_per_tok: 2 };
export const NUM = { num_experts: 8, num_experts_per_tok: 2 };
export const ROUTED = { n_routed_experts: 8, num_experts_per_tok: 2 };
