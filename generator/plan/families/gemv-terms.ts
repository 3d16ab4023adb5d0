// What the templates of matrix-vector products print about the weights: which rows a simdgroup multiplies, or where the columns
// of a threadgroup begin.

import { firstTerm, fourRows, type Matrices, type Part } from '../matrices.js';
import type { TemplateValue } from '../types.js';

/** Rows of gate and up of two neighbouring columns, or of four columns of a single matrix. */
export function rowProduct(matrices: Matrices): Record<string, TemplateValue> {
  const [first, second] = matrices.parts;
  return {
    columns: matrices.columns,
    terms: matrices.terms,
    weights: [...new Set(matrices.parts.map(({ weight }) => weight))].join(', '),
    isPair: second !== undefined && first.weight !== second.weight,
    isGated: second !== undefined,
    rows: second === undefined ? singleRows(matrices, first) : pairedRows(matrices, first, second),
  };
}

function pairedRows(matrices: Matrices, gate: Part, up: Part): string {
  return fourRows(matrices, [
    [gate, 'column'],
    [gate, 'next_column'],
    [up, 'column'],
    [up, 'next_column'],
  ]);
}

function singleRows(matrices: Matrices, part: Part): string {
  return fourRows(matrices, [
    [part, 'column'],
    [part, 'min(column + 1, last_column)'],
    [part, 'min(column + 2, last_column)'],
    [part, 'min(column + 3, last_column)'],
  ]);
}

/** One product for each matrix, or a single one whose even columns are gates and whose odd ones are ups. */
export function columnProducts(matrices: Matrices, isScaled: boolean): Record<string, TemplateValue> {
  const { parts, terms, columns } = matrices;
  const [first] = parts;
  const isPairs = first.step === 2;
  return {
    columns,
    terms,
    isPairs,
    matrix: { start: firstTerm(matrices, first.weight, first), width: first.width },
    operands: parts.map((part) => ({
      name: part.name,
      start: firstTerm(matrices, part.weight, part),
      stride: part.width,
      terms,
      columns,
      input: isScaled ? 'input, input_scale' : 'input',
    })),
  };
}
