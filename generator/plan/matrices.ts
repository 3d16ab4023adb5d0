// How the weight matrices of an expert lie in memory, and what the partials print that reach into them: which row of which buffers
// holds a column, which bias belongs to it.

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

/** How many there are, and which of them is that of a row's expert. */
const OWNERS = {
  expert: { count: 'num_experts', inWords: 'expert' },
  adjugate: { count: 'num_experts / experts_per_adjugate', inWords: 'expert / experts_per_adjugate' },
} as const;

/**
 * Which columns of a matrix are those of a part: its own, those after as many of another part, or every other one. There is a partial
 * for each in `matrices/columns`.
 */
type PartPlace = 'own' | 'after' | 'even' | 'odd';

/** The columns of a product that a kernel tells apart: gate, up, down. */
export interface Part {
  readonly name: string;
  /** Before the names of the buffers that hold it. */
  readonly matrix: MatrixName;
  /** Buffer of the bias that is added to the product, or null. */
  readonly bias: string | null;
  /** Columns of the whole matrix that holds the part. */
  readonly width: Formula;
  /** The matrix holds gate and up. */
  readonly isJoint: boolean;
  readonly place: PartPlace;
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
  const gate = { name: 'gate', width: columns, isJoint: false, place: 'own' } as const;
  const up = { ...gate, name: 'up' } as const;
  const joint = { ...of('gate_up'), width: `2 * ${columns}`, isJoint: true };
  switch (layout) {
    case 'concatenated':
      return [
        { ...gate, ...joint },
        { ...up, ...joint, place: 'after' },
      ];
    case 'interleaved':
      return [
        { ...gate, ...joint, place: 'even' },
        { ...up, ...joint, place: 'odd' },
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
  return { name, matrix: name, bias, width: columns, isJoint: false, place: 'own' };
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
      const own = planeExtent(plane, terms);
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
function planeExtent({ elements, terms, rows }: Plane, rowTerms: Formula): Formula[] {
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

/** What the partials in `matrices` print of a part: the place of a column among those of all owners. */
function columnTerms({ columns, owner }: Matrices, { isJoint, place }: Part) {
  return { columns, isOwned: owner !== 'layer', isAdjugate: owner === 'adjugate', isJoint, place };
}

/** The same, and where its first column begins. */
export function startTerms(matrices: Matrices, part: Part) {
  const isAfter = part.place === 'after';
  return { ...columnTerms(matrices, part), matrix: part.matrix, terms: matrices.terms, isAfter };
}

/** The same, and the buffers that a handle of a column's row is made of: from which element on it lies in each. */
export function handleTerms(matrices: Matrices, part: Part, { planes }: WeightFormat) {
  const column = columnTerms(matrices, part);
  const { terms } = matrices;
  return {
    ...column,
    terms,
    planes: planes.map((plane) => {
      const tile = { rows: plane.rows ?? 1, terms: plane.terms ?? 1 };
      return {
        ...column,
        name: planeName(part, plane),
        kind: planeKind(plane),
        isOwnColumn: part.place === 'own',
        terms,
        rows: tile.rows,
        lastRow: tile.rows - 1,
        tileTerms: tile.terms,
        lastTileTerm: tile.terms - 1,
      };
    }),
  };
}

/** The partial in `matrices/planes`. */
function planeKind({ rows, terms }: Plane): 'by_rows' | 'single' | 'tiled' {
  if (rows === 1) return 'by_rows';
  return rows === null || terms === null ? 'single' : 'tiled';
}

/** The bias of a column, if there is one. */
export function biasTerms(matrices: Matrices, part: Part, load: string) {
  return {
    ...columnTerms(matrices, part),
    hasBias: part.bias !== null,
    bias: part.bias ?? '',
    biasLoad: load,
  };
}

function ownerInWords({ owner }: Matrices): string {
  return owner === 'layer' ? '' : `${OWNERS[owner].inWords}, `;
}

/** Column of the matrix that holds a column of the part, as the heads of kernels say it. */
function columnInWords({ columns }: Matrices, { place }: Part, column: string): string {
  return {
    own: column,
    after: `${columns} + ${column}`,
    even: `2 * ${column}`,
    odd: `2 * ${column} + 1`,
  }[place];
}

/** The element that is multiplied with a term for a column, in words. */
export function elementInWords(matrices: Matrices, part: Part, column: string, term: string): string {
  const joint = columnInWords(matrices, part, column);
  const place = matrices.order === 'out_in' ? `${joint}, ${term}` : `${term}, ${joint}`;
  return `${part.matrix}_weight[${ownerInWords(matrices)}${place}]`;
}

/** The bias of a column, in words: ` + bias[...]`, or nothing. */
export function biasInWords(matrices: Matrices, part: Part, column: string): string {
  if (part.bias === null) return '';
  return ` + ${part.bias}[${ownerInWords(matrices)}${columnInWords(matrices, part, column)}]`;
}
