// The matrices of a layer as they are written: gate and up apart, rows as outputs, each decoded and encoded when it is its turn.

import type { LocatedMatrix } from '../checkpoint/bind.js';
import type { MoeLayer } from '../checkpoint/formats/layers.js';
import type { Tensor } from '../checkpoint/tensor.js';
import type { MoeBlock, TensorRole } from '../description/block.js';
import { isOfExperts } from '../description/tensors.js';
import { formatReference } from '../reference/formats/index.js';
import { decodeMatrix, matrixPlanes } from './decode.js';
import type { LayerNaming, MatrixPlace } from './naming.js';
import { numbersOf } from './numbers.js';
import type { Target, Targets } from './target.js';
import type { OutputMatrix, OutputTensor } from './write.js';

/** Rows of a matrix that become one of their own. */
interface RowPart {
  readonly role: TensorRole;
  readonly first: number;
  readonly step: number;
  readonly rows: number;
}

/** A matrix, or a part of it, with where it comes from. */
interface Piece {
  readonly matrix: LocatedMatrix;
  readonly part: RowPart;
  readonly place: MatrixPlace;
  readonly isTransposed: boolean;
}

type Planes = Readonly<Record<string, Uint8Array>>;

export function layerMatrices(
  layer: MoeLayer,
  block: MoeBlock,
  chosen: readonly LocatedMatrix[],
  targets: Targets,
  naming: LayerNaming,
  where: string,
): OutputMatrix[] {
  const pieces = chosen.flatMap((matrix) => piecesOf(layer, block, matrix, targets.experts));
  const shared = sharedFactors(pieces, targets.experts);
  return pieces.flatMap((piece): OutputMatrix[] => {
    const { place } = piece;
    const mlx = place.role === 'router' ? targets.router : null;
    const target = mlx ?? targets.experts;
    const encode = (at: number): Planes =>
      copied(piece, at, target) ?? shared(piece, at) ?? encoded(piece, at, target.format.name);
    const matrices = place.experts ?? 1;
    const count = naming.isApart ? 1 : matrices;
    return Array.from({ length: matrices / count }, (_, expert) => {
      const planes = naming.planes(moduleIn(piece, expert), expert, mlx?.format ?? null);
      return {
        ...{ name: planes[0]?.name ?? where, terms: place.terms, planes, count },
        encode: (at) => withShape(encode(expert + at), place),
      };
    });
  });
}

/** Its module is that of the expert, where each has one. */
function moduleIn({ place, matrix }: Piece, expert: number): MatrixPlace {
  const module = matrix.stored[place.isApart ? expert : 0]?.module ?? place.module;
  return { ...place, module };
}

/** What compressed-tensors writes beside packed words. */
function withShape(planes: Planes, { rows, terms }: MatrixPlace): Planes {
  const shape = new BigInt64Array([BigInt(rows), BigInt(terms)]);
  return { ...planes, shape: new Uint8Array(shape.buffer) };
}

function piecesOf(layer: MoeLayer, block: MoeBlock, matrix: LocatedMatrix, target: Target): Piece[] {
  const isTransposed = isInOut(matrix, block);
  const allRows = isTransposed ? matrix.terms : matrix.columns;
  const isExpert = isOfExperts(matrix.role);
  return splitRows(matrix.role, allRows, block, target.kind === 'gguf').map((part) => ({
    ...{ matrix, part, isTransposed },
    place: {
      ...{ prefix: layer.prefix, layer: layer.index, role: part.role },
      module: matrix.stored[0]?.module ?? '',
      isApart: matrix.stored.length > 1 && part.role === matrix.role,
      rows: part.rows,
      terms: isTransposed ? matrix.columns : matrix.terms,
      experts: isExpert ? matrix.count : null,
    },
  }));
}

/** Gate and up are written apart; those of a shared expert in GGUF alone. */
function splitRows(role: TensorRole, rows: number, { experts }: MoeBlock, isSharedSplit = false): RowPart[] {
  const owner = /^(expert|adjugate|shared)_gate_up$/.exec(role)?.[1] as
    'expert' | 'adjugate' | 'shared' | undefined;
  if (owner === undefined || (owner === 'shared' && !isSharedSplit))
    return [{ role, first: 0, step: 1, rows }];
  const half = rows / 2;
  const [step, second] = experts.gateUp === 'interleaved' && owner === 'expert' ? [2, 1] : [1, half];
  const [gate, up] = [`${owner}_gate`, `${owner}_up`] as const;
  return [
    { role: gate, first: 0, step, rows: half },
    { role: up, first: second, step, rows: half },
  ];
}

function isInOut({ role }: LocatedMatrix, { experts }: MoeBlock): boolean {
  if (!role.startsWith('expert_')) return false;
  return (role === 'expert_down' ? experts.downOrder : experts.gateUpOrder) === 'in_out';
}

/** The bytes as they lie, where they are in the format already; parts of a matrix where every row has bytes of its own. */
function copied({ matrix, part, isTransposed }: Piece, at: number, { kind, format }: Target): Planes | null {
  const isWhole = part.rows === matrix.columns;
  const isSame = matrix.stored.every((stored) => stored.format === format.name);
  if (!isSame || isTransposed || !(isWhole || kind !== 'published')) return null;
  const planes = matrixPlanes(matrix, at);
  return Object.fromEntries(
    Object.entries(planes).map(([plane, bytes]) => [plane, rowsOf(bytes, matrix.columns, part)]),
  );
}

function encoded(piece: Piece, at: number, format: string): Planes {
  const { rows, terms } = piece.place;
  return formatReference(format).encode(valuesOf(piece, at), rows, terms);
}

function valuesOf({ matrix, part, isTransposed, place }: Piece, at: number): Float64Array {
  const values = decodeMatrix(matrix, at);
  const upright = isTransposed ? transposed(values, matrix.columns, matrix.terms) : values;
  return pick(upright, place.terms, part);
}

/** Gate and up are encoded as one matrix, so that they have one factor, and taken apart again. */
function sharedFactors(
  pieces: readonly Piece[],
  target: Target,
): (piece: Piece, at: number) => Planes | null {
  if (target.kind !== 'published' || !target.format.isFactorShared) return () => null;
  const partnerOf = ({ place: { role } }: Piece) => {
    const other = role.endsWith('_gate') ? role.replace(/_gate$/, '_up') : role.replace(/_up$/, '_gate');
    return other === role ? undefined : pieces.find(({ place }) => place.role === other);
  };
  let last: { readonly key: string; readonly planes: Planes } | null = null;
  return (piece, at) => {
    const partner = partnerOf(piece);
    if (partner === undefined) return null;
    const [gate, up] = piece.place.role.endsWith('_gate') ? [piece, partner] : [partner, piece];
    const key = `${gate.place.role} ${at}`;
    if (last?.key !== key) last = { key, planes: encodedTogether(gate, up, at, target.format.name) };
    const { rows } = piece.place;
    return Object.fromEntries(
      Object.entries(last.planes).map(([plane, bytes]) => {
        const half = { role: piece.place.role, first: piece === gate ? 0 : rows, step: 1, rows };
        return [plane, plane === 'global' ? bytes : rowsOf(bytes, 2 * rows, half)];
      }),
    );
  };
}

function encodedTogether(gate: Piece, up: Piece, at: number, format: string): Planes {
  const { rows, terms } = gate.place;
  const values = new Float64Array(2 * rows * terms);
  values.set(valuesOf(gate, at));
  values.set(valuesOf(up, at), rows * terms);
  return formatReference(format).encode(values, 2 * rows, terms);
}

/** Whole rows of bytes. */
function rowsOf(bytes: Uint8Array, allRows: number, { first, step, rows }: RowPart): Uint8Array {
  const width = bytes.byteLength / allRows;
  if (rows === allRows) return bytes;
  const out = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const from = (first + row * step) * width;
    out.set(bytes.subarray(from, from + width), row * width);
  }
  return out;
}

function pick(values: Float64Array, terms: number, { first, step, rows }: RowPart): Float64Array {
  if (rows * terms === values.length) return values;
  const out = new Float64Array(rows * terms);
  for (let row = 0; row < rows; row += 1) {
    const from = (first + row * step) * terms;
    out.set(values.subarray(from, from + terms), row * terms);
  }
  return out;
}

function transposed(values: Float64Array, rows: number, width: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let at = 0; at < width; at += 1) out[at * rows + row] = values[row * width + at] ?? NaN;
  }
  return out;
}

/** Rounded to float. */
export function floatBytes(values: Float64Array): Uint8Array {
  return new Uint8Array(Float32Array.from(values).buffer);
}

/** The biases of the experts, in the modules of their matrices: those of all together, or one after the other. */
export function biasTensors(
  layer: MoeLayer,
  block: MoeBlock,
  role: TensorRole,
  tensors: readonly Tensor[],
  naming: LayerNaming,
): OutputTensor[] {
  const owner = role.replace(/_bias$/, '') as TensorRole;
  const [first] = tensors;
  if (first === undefined) return [];
  const rows = first.shape.at(-1) ?? 0;
  const { numExperts } = block;
  const read = async (part: RowPart, expert: number | null) => {
    const all = Buffer.concat(await Promise.all(tensors.map(async (tensor) => tensor.read())));
    const size = all.byteLength / numExperts;
    const own = (at: number) => rowsOf(all.subarray(at * size, (at + 1) * size), rows, part);
    return expert === null
      ? Buffer.concat(Array.from({ length: numExperts }, (_, at) => own(at)))
      : own(expert);
  };
  return splitRows(owner, rows, block).flatMap((part) => {
    const place = (expert: number) => ({
      ...{ prefix: layer.prefix, layer: layer.index, role: `${part.role}_bias` as TensorRole },
      module: layer.matrices.get(owner)?.[tensors.length > 1 ? expert : 0]?.module ?? '',
      isApart: tensors.length > 1 && part.role === owner,
    });
    const own = (expert: number | null): OutputTensor => ({
      name: naming.tensor(place(expert ?? 0), expert ?? 0),
      type: naming.isFloat ? 'F32' : first.type.toUpperCase(),
      shape: expert === null ? [numExperts, part.rows] : [part.rows],
      read: async () => {
        const bytes = await read(part, expert);
        return naming.isFloat ? floatBytes(numbersOf(first.type, bytes)) : bytes;
      },
    });
    return naming.isApart ? Array.from({ length: numExperts }, (_, expert) => own(expert)) : [own(null)];
  });
}
