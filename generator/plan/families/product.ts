// What the templates of matrix products print about the weights: which rows of which buffers a lane or a loader reads.

import type { Bf16Storage } from '../../description/dtypes.js';
import type { WeightFormat } from '../../description/weights.js';
import { handleTerms, startTerms, type Matrices } from '../matrices.js';
import { storageTerms } from '../storage.js';

/** `partRows`: rows of each part that a lane multiplies; tiles have none. */
export function productTerms(
  matrices: Matrices,
  format: WeightFormat,
  bf16Storage: Bf16Storage,
  partRows = 0,
) {
  const { parts, order, columns, terms } = matrices;
  const [first, second = first] = parts;
  const stored = storageTerms(format.element ?? 'f32', bf16Storage);
  const isByPairs = order === 'in_out' && first.place === 'even';
  return {
    columns,
    terms,
    partRows,
    isGated: parts.length === 2,
    isByRows: order === 'out_in',
    isByPairs,
    operands: parts.map((part, position) => ({
      ...startTerms(matrices, part),
      ...handleTerms(matrices, part, format),
      name: part.name,
      isSecond: position === 1,
      partRows,
      msl: stored.msl,
      load4: stored.load4,
    })),
    first: { ...startTerms(matrices, first), ...handleTerms(matrices, first, format) },
    second: handleTerms(matrices, second, format),
    msl: stored.msl,
    load4: stored.load4,
  };
}
