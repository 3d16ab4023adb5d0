// Where a reference gets a block's parameters from: whole tensors, or the part of one expert, by role and on demand, so that
// a block with many large experts is never held in memory as a whole.

import type { TensorRole } from '../description/block.js';

export type Values = Float64Array | Float32Array;

export interface BlockWeights {
  tensor(role: TensorRole): Values;
  /** In the layout that the block states, without the expert dimension. */
  expert(role: TensorRole, expert: number): Values;
}
