// One form of the mixture kernels: everything in which they differ, and how much threadgroup memory they take.

import type { FamilyName } from '../table.js';
import { tileBytes } from './tiles.js';
import type { Binding, Formula, TileShape } from '../../types.js';
import type { DropInWeight } from './weights.js';

/** The weights of a listed slot or a sorted entry, and how they become float. */
interface EntryWeights {
  readonly name: string;
  readonly load: string;
}

type Routing =
  | { readonly kind: 'none' }
  /** Ids and weights of each token's slots. */
  | { readonly kind: 'listed'; readonly ids: string; readonly weights: EntryWeights; readonly slots: string }
  /** Selected in the kernel: softmax over the experts with the highest logits. */
  | { readonly kind: 'routed'; readonly router: string; readonly slots: string }
  /** Entries in expert order: the partial in `dropin/mixture/sorted_tokens` for the token of one, and their weights. */
  | {
      readonly kind: 'sorted';
      readonly tokens: 'assignments' | 'token_ids' | 'buckets';
      readonly weights: EntryWeights;
    };

/** How the rows of the output are shared among the threadgroups of a column. */
type RowGroups = 'tiles' | 'strided' | 'split';

/** How the kernel calls its sizes. */
export interface MixtureSizes {
  readonly tokens: string;
  readonly terms: string;
  readonly columns: string;
  readonly experts: string;
  readonly slots: string;
  readonly groupSize: string;
}

export interface MixtureForm {
  readonly family: FamilyName;
  readonly file: string;
  readonly kernel: string;
  readonly summary: string;
  readonly description: readonly string[];
  readonly tile: TileShape;
  readonly sizes: MixtureSizes;
  /** The same in formulas. */
  readonly shape: Readonly<Record<'tokens' | 'columns' | 'experts' | 'slots', Formula>>;
  readonly input: string;
  readonly weight: DropInWeight;
  readonly routing: Routing;
  readonly rowGroups: RowGroups;
  /** An expert that every row takes, with the last slots, always or where `params` says so. */
  readonly shared: { readonly isOptional: boolean } | null;
  /**
   * What becomes of `sum` at `element` of the output, a partial in `dropin/mixture/outputs`, and how it is rounded where the output has
   * another dtype.
   */
  readonly output: {
    readonly name: string;
    readonly value: 'sum' | 'added' | 'added_in_float' | 'divided' | 'weighted';
    readonly store?: string;
  };
  readonly bindings: readonly Binding[];
}

/** Tiles of as many rows and columns as the drop-in grids have. */
export const DISPATCH_TILE = { blockM: 32, blockN: 64, blockK: 32, simdgroupsM: 1, simdgroupsN: 4 } as const;
export const ROUTED_TILE = { blockM: 16, blockN: 64, blockK: 32, simdgroupsM: 1, simdgroupsN: 2 } as const;
export const EXPERT_TILE = { blockM: 64, blockN: 64, blockK: 32, simdgroupsM: 1, simdgroupsN: 4 } as const;

/** Results pass through the tiles as rows of this length, padded as rows of terms are. */
export function resultStride({ blockN }: TileShape): number {
  return blockN + 4;
}

/** Slots of all rows that are taken at a time; more of them take another pass over the activations. */
const MAX_ENTRIES = 1024;

export function maxSlots({ blockM }: TileShape): number {
  return MAX_ENTRIES / blockM;
}

/** Tiles, entries and one more for the shared expert, and what the form itself needs. */
export function mixtureBytes({ tile, routing }: MixtureForm): number {
  const tiles = tileBytes(tile, 1);
  if (routing.kind === 'none') return tiles;
  const entries = (MAX_ENTRIES + 1) * 8;
  const sums = routing.kind === 'routed' ? tile.blockM * 4 : 0;
  const counts = routing.kind === 'sorted' ? tile.simdgroupsM * tile.simdgroupsN * 4 : 0;
  return tiles + entries + sums + counts;
}
