// What the command line asks to generate, complete and checked: every later stage reads this and no option again.

import type { MslVersion } from '../compile/types.js';
import type { MoeBlock } from './block.js';
import type { ActivationDtype, Bf16Storage } from './dtypes.js';
import type { FormatMix } from './weights.js';

export interface GenerationSpec {
  readonly activations: readonly ActivationDtype[];
  /** Names of rows of the weight-format table. */
  readonly weights: readonly string[];
  /** Projections whose format is chosen by itself, whatever the layer's is. */
  readonly mix?: FormatMix;
  /** Drop-in kernels with those weights for every activation; without it, with the packed ones and the activation's own. */
  readonly everyPair?: boolean;
  readonly bf16Storage: Bf16Storage;
  readonly mslVersion: MslVersion;
  /** The block to specialise for: only what it needs, with its sizes baked in. Without one: the general set. */
  readonly block: MoeBlock | null;
  /** Experts that a router must hold, where the block shares its kernels with larger ones. */
  readonly maxExperts?: number;
}
