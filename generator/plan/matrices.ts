// How the weight matrices of an expert lie in memory, and the words with which kernels reach into them: which row of which
// buffers holds a column, which bias belongs to it.

import { TENSOR_ROLES, type TensorRole } from '../description/block.js';
import type { ElementType } from '../description/dtypes.js';
import type { Plane, WeightFormat } from '../description/weights.js';
import { buffer } from './bindings.js';
import type { ConstantName } from './constants.js';
import type { Binding, Formula } from './types.js';

/** The matrices that kernels multiply, and the parameters of a block that they are. */
const ROLES = {
  router: 'router',
  gate_up: 'expert_gate_up',
  gate: 'expert_gate',
  up: 'expert_up',
  down: 'expert_down',
  adjugate_gate_up: 'adjugate_gate_up',
  adjugate_gate: 'adjugate_gate',
  adjugate_up: 'adjugate_up',
  adjugate_down: 'adjugate_down',
  latent_in: 'latent_in',
  latent_out: 'latent_out',
  shared_gate_up: 'shared_gate_up',
  shared_gate: 'shared_gate',
  shared_up: 'shared_up',
  shared_down: 'shared_down',
  shared_sigmoid: 'shared_sigmoid_gate',
  shared_mix: 'shared_mix',
} as const;

type MatrixName = keyof typeof ROLES;

/** [out, in] computes x * W^T, [in, out] computes x * W. */
export type Order = 'out_in' | 'in_out';
export type GateUpLayout = 'concatenated' | 'interleaved' | 'separate' | 'ungated';

/** Who has a matrix: each expert, each adjugate expert, or the layer. */
export type Owner = 'expert' | 'adjugate' | 'layer';

/** How many there are, and which is that of the row's `expert`. */
const OWNERS = {
  expert: { count: 'num_experts', index: 'expert' },
  adjugate: { count: 'num_experts / experts_per_adjugate', index: 'expert / experts_per_adjugate' },
} as const;

/** The columns of a product that a kernel tells apart: gate, up, down. */
export interface Part {
  readonly name: string;
  /** Before the names of the buffers that hold it. */
  readonly matrix: MatrixName;
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
  readonly owner: Owner;
}

interface GateUpOptions {
  /** Before the names of buffers. */
  readonly prefix: '' | 'adjugate_' | 'shared_';
  readonly hasBias: boolean;
  readonly columns: ConstantName;
}

export function gateUpParts(layout: GateUpLayout, options: GateUpOptions): Matrices['parts'] {
  const { prefix, hasBias, columns } = options;
  const of = (matrix: 'gate_up' | 'gate' | 'up') => ({
    matrix: `${prefix}${matrix}` as const,
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
export function plainPart(name: MatrixName, columns: ConstantName, hasBias: boolean): Part {
  const bias = hasBias ? `${name}_bias` : null;
  return { name, matrix: name, bias, width: columns, step: 1, first: '' };
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
  { parts, order, terms, owner }: Matrices,
  format: WeightFormat,
  bias: ElementType,
  note = '',
): Omit<Binding, 'index'>[] {
  const perExpert = owner === 'layer' ? [] : [OWNERS[owner].count];
  const distinct = parts.filter(({ matrix }, at) => parts.findIndex((part) => part.matrix === matrix) === at);
  return distinct.flatMap((part) => [
    ...format.planes.map((plane) => {
      const own = planeTerms(plane, terms);
      const rows = planeRows(plane, part.width);
      const shape = order === 'out_in' ? [...rows, ...own] : [...own, ...rows];
      // A single number for each matrix, or for the only one.
      const whole = [...perExpert, ...shape];
      return buffer(planeName(part, plane), plane.element, whole.length === 0 ? ['1'] : whole, {
        note,
        role: ROLES[part.matrix],
        plane: plane.suffix,
        ...(plane.suffix === 'weight' && { matrix: [part.width, terms] as const }),
      });
    }),
    ...(part.bias === null
      ? []
      : [buffer(part.bias, bias, [...perExpert, part.width], { ...biasRole(part) })]),
  ]);
}

function biasRole({ matrix }: Part): { readonly role?: TensorRole } {
  const role = TENSOR_ROLES.find((candidate) => candidate === `${ROLES[matrix]}_bias`);
  return role === undefined ? {} : { role };
}

function planeName({ matrix }: Part, { suffix }: Plane): string {
  return `${matrix}_${suffix}`;
}

/** Elements of a plane for a row of terms; no extent where they are one. Tiles may be partial at the end of a row. */
function planeTerms({ elements, terms, rows }: Plane, rowTerms: Formula): Formula[] {
  if (terms === null) return [];
  if (rows !== 1) return [`ceil_div(${rowTerms}, ${terms})`];
  const groups = terms === 1 ? rowTerms : `${rowTerms} / ${terms}`;
  return [elements === 1 ? groups : `${groups} * ${elements}`];
}

/** Rows of a plane for those of a matrix. */
function planeRows({ rows }: Plane, width: Formula): Formula[] {
  if (rows === null) return [];
  return [rows === 1 ? width : `ceil_div(${width}, ${rows})`];
}

/** Column of the matrix that holds a column of the part; `column` is one name, or a sum. */
function matrixColumn({ step, first }: Part, column: string): string {
  const factor = column.includes('+') ? `(${column})` : column;
  if (step === 2) return first === '' ? `2 * ${factor}` : `2 * ${factor} + ${first}`;
  return first === '' ? column : `${first} + ${column}`;
}

/** The first of so many rows that the owner of a matrix has among all of them: `ulong(expert) * rows + `, or nothing. */
function ownerRow({ owner }: Matrices, rows: Formula): string {
  return owner === 'layer' ? '' : `ulong(${OWNERS[owner].index}) * ${rows} + `;
}

/** Where the bias of a column is added: ` + load(bias[...])`, or nothing. */
export function biasTerm(matrices: Matrices, part: Part, column: string, load: string): string {
  if (part.bias === null) return '';
  const place = ownerRow(matrices, part.width);
  return ` + ${load}(${part.bias}[${place}${matrixColumn(part, column)}])`;
}

/** The buffers of a part, as arguments; those whose elements rows share, from the elements of a column's row on. */
export function planeArguments(
  matrices: Matrices,
  part: Part,
  column: string,
  { planes }: WeightFormat,
): string {
  return planes
    .map((plane) => {
      const name = planeName(part, plane);
      return plane.rows === 1 ? name : `${name}${sharedStart(matrices, part, column, plane)}`;
    })
    .join(', ');
}

function sharedStart(
  matrices: Matrices,
  part: Part,
  column: string,
  { rows, terms: tileTerms }: Plane,
): string {
  const { terms, owner } = matrices;
  if (rows === null || tileTerms === null) return owner === 'layer' ? '' : ` + ${OWNERS[owner].index}`;
  const tiles = (extent: Formula, size: number) => `((${extent} + ${size - 1}) / ${size})`;
  const joint = matrixColumn(part, column);
  const own = `${joint === column ? column : `(${joint})`} / ${rows}`;
  const first = ownerRow(matrices, tiles(part.width, rows));
  const row = first === '' ? `ulong(${own})` : `(${first}${own})`;
  return ` + ${row} * ${tiles(terms, tileTerms)}`;
}

/** The row of the matrix that holds a column of the part. */
export function matrixRow(matrices: Matrices, part: Part, column: string): string {
  const row = matrixColumn(part, column);
  const first = ownerRow(matrices, part.width);
  return first === '' ? `ulong(${row})` : `${first}${row}`;
}

/** The row of the first term in a transposed matrix, at the part's first column. */
export function firstTerm({ terms, owner }: Matrices, { matrix, width, first }: Part): string {
  const own = owner === 'layer' ? '' : ` + ulong(${OWNERS[owner].index}) * ${terms} * ${width}`;
  return `${matrix}_weight${own}${first === '' ? '' : ` + ${first}`}`;
}

function ownerInWords({ owner }: Matrices): string {
  return owner === 'layer' ? '' : `${OWNERS[owner].index}, `;
}

/** The element that is multiplied with a term for a column, in words. */
export function elementInWords(matrices: Matrices, part: Part, column: string, term: string): string {
  const joint = matrixColumn(part, column);
  const place = matrices.order === 'out_in' ? `${joint}, ${term}` : `${term}, ${joint}`;
  return `${part.matrix}_weight[${ownerInWords(matrices)}${place}]`;
}

/** The bias of a column, in words: ` + bias[...]`, or nothing. */
export function biasInWords(matrices: Matrices, part: Part, column: string): string {
  if (part.bias === null) return '';
  return ` + ${part.bias}[${ownerInWords(matrices)}${matrixColumn(part, column)}]`;
}
