// What the templates of matrix products print about the weights: which rows of which buffers a lane or a loader reads.

import type { Bf16Storage } from '../../description/dtypes.js';
import type { WeightFormat } from '../../description/weights.js';
import { firstTerm, matrixRow, planeArguments, type Matrices, type Part } from '../matrices.js';
import { storageTerms } from '../storage.js';
import type { TemplateValue } from '../types.js';

/** `partRows`: rows of each part that a lane multiplies; tiles have none. */
export function productTerms(
  matrices: Matrices,
  format: WeightFormat,
  bf16Storage: Bf16Storage,
  partRows = 0,
): Record<string, TemplateValue> {
  const { parts, order, columns, terms } = matrices;
  const [first, second = first] = parts;
  const stored = storageTerms(format.element ?? 'f32', bf16Storage);
  const isByPairs = order === 'in_out' && first.step === 2;
  return {
    columns,
    terms,
    partRows,
    isGated: parts.length === 2,
    isByRows: order === 'out_in',
    isByPairs,
    operands: parts.map((part, position) => ({
      ...operandTerms(matrices, part, format),
      name: part.name,
      firstRow: position === 0 ? '' : `${partRows} + `,
      start: firstTerm(matrices, part),
      stride: part.width,
      terms,
      msl: stored.msl,
      load4: stored.load4,
      tileColumn: position === 0 ? '' : 'block_n + ',
    })),
    first: operandTerms(matrices, first, format),
    second: operandTerms(matrices, second, format),
    matrix: { start: firstTerm(matrices, first), width: first.width },
    msl: stored.msl,
    load4: stored.load4,
  };
}

function operandTerms(matrices: Matrices, part: Part, format: WeightFormat): Record<string, TemplateValue> {
  return {
    planes: planeArguments(matrices, part, 'column', format),
    row: matrixRow(matrices, part, 'column'),
  };
}
