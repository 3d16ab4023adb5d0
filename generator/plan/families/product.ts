// What the templates of tiled products print about the weights: where a thread starts to read, and how it fills the tile.

import { firstTerm, rowStride, tileStart, type Matrices } from '../matrices.js';
import type { StorageTerms } from '../storage.js';
import { placeOperands } from '../tiles.js';
import type { TemplateValue } from '../types.js';

export function productTerms(
  matrices: Matrices,
  { msl, load4 }: StorageTerms,
): Record<string, TemplateValue> {
  const { parts, order, columns, terms } = matrices;
  const operands = parts.map((part) => ({
    name: part.name,
    start: tileStart(matrices, part),
    stride: rowStride(matrices, part),
    msl,
  }));
  const isPairs = order === 'in_out' && parts.some(({ step }) => step === 2);
  const [first] = parts;
  return {
    operands: placeOperands(operands, load4),
    weightColumns: parts.length === 1 ? 'block_n' : `${parts.length} * block_n`,
    columns,
    terms,
    msl,
    load4,
    isByRows: order === 'out_in',
    isByColumns: order === 'in_out' && !isPairs,
    isByPairs: isPairs,
    matrix: { start: firstTerm(matrices, first.weight, first), width: first.width },
  };
}
