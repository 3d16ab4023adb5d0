// How the weight matrices of an expert lie in memory, and the words with which kernels reach into them: where a tile's thread
// starts to read, which rows a simdgroup multiplies, which bias belongs to a column.

import type { ElementType } from '../spec/dtypes.js';
import { buffer } from './bindings.js';
import type { ConstantName } from './constants.js';
import type { Binding, Formula } from './types.js';

/** [out, in] computes x * W^T, [in, out] computes x * W. */
export type Order = 'out_in' | 'in_out';
export type GateUpLayout = 'concatenated' | 'interleaved' | 'separate' | 'ungated';

/** The columns of a product that a kernel tells apart: gate, up, down. */
export interface Part {
  readonly name: string;
  readonly weight: string;
  /** Buffer of the bias that is added to the product, or null. */
  readonly bias: string | null;
  /** Columns of the whole matrix that holds the part. */
  readonly width: Formula;
  /** Column c of the part is column step * c + first of the matrix. */
  readonly step: 1 | 2;
  readonly first: string;
}

export interface Matrices {
  readonly parts: readonly [Part, ...Part[]];
  readonly order: Order;
  readonly columns: ConstantName;
  readonly terms: ConstantName;
  /** One matrix for each of num_experts, or a single one. */
  readonly isPerExpert: boolean;
}

interface GateUpOptions {
  /** Before the names of buffers: nothing, or `shared_`. */
  readonly prefix: string;
  readonly hasBias: boolean;
  readonly columns: ConstantName;
}

export function gateUpParts(layout: GateUpLayout, options: GateUpOptions): Matrices['parts'] {
  const { prefix, hasBias, columns } = options;
  const of = (matrix: string) => ({
    weight: `${prefix}${matrix}_weight`,
    bias: hasBias ? `${prefix}${matrix}_bias` : null,
  });
  const gate = { name: 'gate', width: columns, step: 1, first: '' } as const;
  const up = { ...gate, name: 'up' } as const;
  const joint = { ...of('gate_up'), width: `2 * ${columns}` };
  switch (layout) {
    case 'concatenated':
      return [
        { ...gate, ...joint },
        { ...up, ...joint, first: columns },
      ];
    case 'interleaved':
      return [
        { ...gate, ...joint, step: 2 },
        { ...up, ...joint, step: 2, first: '1' },
      ];
    case 'separate':
      return [
        { ...gate, ...of('gate') },
        { ...up, ...of('up') },
      ];
    case 'ungated':
      return [{ ...up, ...of('up') }];
  }
}

/** A matrix whose columns are those of the result. */
export function plainPart(name: string, columns: ConstantName, hasBias: boolean): Part {
  const bias = hasBias ? `${name}_bias` : null;
  return { name, weight: `${name}_weight`, bias, width: columns, step: 1, first: '' };
}

const LAYOUT_NOTES: Readonly<Partial<Record<string, string>>> = {
  'concatenated out_in': 'rows of gate, then rows of up',
  'interleaved out_in': 'rows of gate and up in turn',
  'concatenated in_out': 'columns of gate, then columns of up',
  'interleaved in_out': 'columns of gate and up in turn',
};

export function layoutNote(layout: GateUpLayout, order: Order): string {
  return LAYOUT_NOTES[`${layout} ${order}`] ?? '';
}

/** The buffers of weights and biases; each matrix comes once. */
export function matrixBuffers(
  { parts, order, terms, isPerExpert }: Matrices,
  element: ElementType,
  note = '',
): Omit<Binding, 'index'>[] {
  const perExpert = isPerExpert ? ['num_experts'] : [];
  const distinct = parts.filter(({ weight }, at) => parts.findIndex((part) => part.weight === weight) === at);
  return distinct.flatMap(({ weight, bias, width }) => {
    const shape = order === 'out_in' ? [width, terms] : [terms, width];
    return [
      buffer(weight, element, [...perExpert, ...shape], { note }),
      ...(bias === null ? [] : [buffer(bias, element, [...perExpert, width])]),
    ];
  });
}

/** Column of the matrix that holds a column of the part; `column` is one name, or a sum. */
function matrixColumn({ step, first }: Part, column: string): string {
  const factor = column.includes('+') ? `(${column})` : column;
  if (step === 2) return first === '' ? `2 * ${factor}` : `2 * ${factor} + ${first}`;
  return first === '' ? column : `${first} + ${column}`;
}

/** Where the bias of a column is added: ` + load(bias[...])`, or nothing. */
export function biasTerm(matrices: Matrices, part: Part, column: string, load: string): string {
  if (part.bias === null) return '';
  const expert = matrices.isPerExpert ? `ulong(expert) * ${part.width} + ` : '';
  return ` + ${load}(${part.bias}[${expert}${matrixColumn(part, column)}])`;
}

/** In a tiled kernel: what the thread reads first, in the first pass over the terms. */
export function tileStart(matrices: Matrices, part: Part): string {
  return matrices.order === 'out_in' ? firstRow(matrices, part) : firstTerm(matrices, part.weight, part);
}

function firstRow({ parts, terms, isPerExpert }: Matrices, part: Part): string {
  const [leader] = parts;
  if (leader !== part && leader.weight === part.weight) {
    return `${leader.name}_row + ${part.first === '1' ? '' : `ulong(${part.first}) * `}${terms}`;
  }
  const row = matrixColumn(part, 'first_column + loader_row');
  const rows = isPerExpert ? `(ulong(expert) * ${part.width} + ${row})` : `ulong(${row})`;
  return `${part.weight} + ${rows} * ${terms}`;
}

/** The row of the first term in a transposed matrix, at the part's first column. */
export function firstTerm({ terms, isPerExpert }: Matrices, weight: string, { width, first }: Part): string {
  const expert = isPerExpert ? ` + ulong(expert) * ${terms} * ${width}` : '';
  return `${weight}${expert}${first === '' ? '' : ` + ${first}`}`;
}

/** Elements from one row that a thread of a tiled kernel reads to the next. */
export function rowStride({ order, terms }: Matrices, { step, width }: Part): string {
  if (order === 'in_out') return width;
  return step === 1 ? terms : `${step} * ${terms}`;
}

/** In a matrix-vector kernel: the four rows that a simdgroup multiplies at once. */
export function fourRows({ isPerExpert }: Matrices, rows: readonly (readonly [Part, string])[]): string {
  const width = rows[0]?.[0].width ?? '';
  const columns = `ulong4(${rows.map(([part, column]) => matrixColumn(part, column)).join(', ')})`;
  return isPerExpert ? `ulong(expert) * ${width} + ${columns}` : columns;
}

/** The element that is multiplied with a term for a column, in words. */
export function elementInWords(matrices: Matrices, part: Part, column: string, term: string): string {
  const joint = matrixColumn(part, column);
  const place = matrices.order === 'out_in' ? `${joint}, ${term}` : `${term}, ${joint}`;
  return `${part.weight}[${matrices.isPerExpert ? 'expert, ' : ''}${place}]`;
}

/** The bias of a column, in words: ` + bias[...]`, or nothing. */
export function biasInWords(matrices: Matrices, part: Part, column: string): string {
  if (part.bias === null) return '';
  return ` + ${part.bias}[${matrices.isPerExpert ? 'expert, ' : ''}${matrixColumn(part, column)}]`;
}
