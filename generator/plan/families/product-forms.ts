// The two forms of a matrix product, tiles and rows: grid, memory and words that follow from the form, whatever is multiplied.

import type { ActivationDtype, Bf16Storage } from '../../description/dtypes.js';
import type { WeightFormat } from '../../description/weights.js';
import type { ExpertBank } from '../banks.js';
import { formatTerms } from '../format-terms.js';
import type { Matrices } from '../matrices.js';
import {
  groupColumns,
  rowBytes,
  rowShape,
  rowShapeTerms,
  rowThreads,
  SKINNY_ROWS,
  type RowSource,
} from '../rows.js';
import {
  planTile,
  tileBytes,
  tileFormatTerms,
  tileName,
  tileTerms,
  tileThreads,
  type TileName,
} from '../tiles.js';
import type { KernelPlan } from '../types.js';
import { productTerms } from './product.js';

/** How a product ends: nothing of what it can do. */
export const NO_FINISH = {
  isStage: false,
  isMixing: false,
  isAdded: false,
  isRow: false,
  isSigmoid: false,
  isLogit: false,
  isTempered: false,
  isCapped: false,
  biasLoad: '',
} as const;

interface ProductUse {
  readonly matrices: Matrices;
  readonly weight: WeightFormat;
  /** The buffer of the grid, where its rows are tiles of the tile map. */
  readonly indirect: ExpertBank['grids'][keyof ExpertBank['grids']] | null;
  /** Each row of the input is multiplied by a weight before it is used. */
  readonly isScaled: boolean;
  readonly bf16Storage: Bf16Storage;
}

interface TiledUse extends ProductUse {
  readonly input: ActivationDtype;
}

/** Tiles of `matrices.columns` columns and rows of one expert, or of tokens where nothing is indirect. */
export function tiledForm(name: TileName, use: TiledUse) {
  const { matrices, weight, indirect, input, isScaled, bf16Storage } = use;
  const tile = planTile(name, {
    input,
    isScaled,
    format: weight,
    isByRows: matrices.order === 'out_in',
    parts: matrices.parts.length,
    bf16Storage,
  });
  const { shape } = tile;
  return {
    plan: {
      dispatch: {
        threadgroups: [
          `ceil_div(${matrices.columns}, ${shape.blockN})`,
          indirect === null ? `ceil_div(num_tokens, ${shape.blockM})` : 'num_tiles',
          '1',
        ],
        ...(indirect !== null && { indirect }),
        threadsPerThreadgroup: [tileThreads(shape), 1, 1],
      },
      tile: shape,
      threadgroupBytes: tileBytes(tile),
    } satisfies Pick<KernelPlan, 'dispatch' | 'tile' | 'threadgroupBytes'>,
    terms: {
      tile: tileTerms(tile),
      format: { ...formatTerms(weight, bf16Storage), ...tileFormatTerms(tile) },
      product: productTerms(matrices, weight, bf16Storage),
    },
    suffix: tileName(shape),
  };
}

interface RowUse extends ProductUse {
  readonly source: RowSource;
}

const ROW_GROUPS: Readonly<Record<RowSource, string>> = {
  assignment: 'num_tokens * top_k',
  tile: 'num_tiles',
  token: `ceil_div(num_tokens, ${SKINNY_ROWS})`,
};

/** A few rows of input, of the source that is named. */
export function rowForm({ matrices, weight, indirect, isScaled, source, bf16Storage }: RowUse) {
  const parts = matrices.parts.length;
  const shape = rowShape(weight, source, parts);
  const columns = groupColumns(shape, parts);
  const partRows = shape.laneRows / parts;
  return {
    plan: {
      dispatch: {
        threadgroups: [`ceil_div(${matrices.columns}, ${columns})`, ROW_GROUPS[source], '1'],
        ...(source === 'tile' && indirect !== null && { indirect }),
        threadsPerThreadgroup: [rowThreads(shape), 1, 1],
      },
      rows: { maxRows: shape.maxRows, columns },
      threadgroupBytes: rowBytes(weight, shape, source, isScaled),
    } satisfies Pick<KernelPlan, 'dispatch' | 'rows' | 'threadgroupBytes'>,
    terms: {
      shape: rowShapeTerms(weight, shape, parts),
      format: formatTerms(weight, bf16Storage),
      product: productTerms(matrices, weight, bf16Storage, partRows),
    },
    partRows,
  };
}

/** Gate and up among the rows of a lane: one after the other. */
export function placeParts<T extends object>(
  parts: readonly T[],
  partRows: number,
): (T & { firstRow: number })[] {
  return parts.map((part, position) => ({ ...part, firstRow: position * partRows }));
}
