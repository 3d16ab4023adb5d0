// The banks of experts that a routed row passes: the experts themselves, and those that neighbours share. Both are multiplied by the same
// kernels, under other names.

import type { MoeBlock } from '../description/block.js';
import type { Projection } from '../description/weights.js';
import type { ConstantName } from './constants.js';
import type { Owner } from './matrices.js';

export interface ExpertBank {
  /** Before the names of its families, kernels, matrices and buffers. */
  readonly prefix: '' | 'adjugate_';
  readonly owner: Owner;
  readonly columns: ConstantName;
  readonly intermediate: 'intermediate' | 'adjugate_intermediate';
  readonly projections: { readonly gateUp: Projection; readonly down: Projection };
  readonly grids: {
    readonly gateUp: 'gate_up_threadgroups' | 'adjugate_gate_up_threadgroups';
    readonly down: 'down_threadgroups' | 'adjugate_down_threadgroups';
  };
  /** Columns of a tile of the two grids. */
  readonly blocks: { readonly gateUp: ConstantName; readonly down: ConstantName };
  /** What its kernels must know of it beside its width. */
  readonly constants: readonly ConstantName[];
  /** What down makes is added to the rows that the experts have left. */
  readonly isAdded: boolean;
}

export const ROUTED_BANK: ExpertBank = {
  prefix: '',
  owner: 'expert',
  columns: 'intermediate_size',
  intermediate: 'intermediate',
  projections: { gateUp: 'gate_up', down: 'down' },
  grids: { gateUp: 'gate_up_threadgroups', down: 'down_threadgroups' },
  blocks: { gateUp: 'block_n', down: 'down_block_n' },
  constants: [],
  isAdded: false,
};

const ADJUGATE_BANK: ExpertBank = {
  prefix: 'adjugate_',
  owner: 'adjugate',
  columns: 'adjugate_intermediate_size',
  intermediate: 'adjugate_intermediate',
  projections: { gateUp: 'adjugate_gate_up', down: 'adjugate_down' },
  grids: { gateUp: 'adjugate_gate_up_threadgroups', down: 'adjugate_down_threadgroups' },
  blocks: { gateUp: 'adjugate_block_n', down: 'adjugate_down_block_n' },
  constants: ['experts_per_adjugate'],
  isAdded: true,
};

/** Those that a block has; without a block in particular the experts alone. */
export function expertBanks(block: MoeBlock | null): readonly ExpertBank[] {
  return block?.adjugate == null ? [ROUTED_BANK] : [ROUTED_BANK, ADJUGATE_BANK];
}
