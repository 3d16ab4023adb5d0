// The numbers in the tensors of a checkpoint, decoded from the bytes of the file each time someone asks: no kernel and no recipe has a
// part in it.

import type { BoundLayer, MatrixSource } from '../checkpoint/bind.js';
import type { StoredMatrix } from '../checkpoint/formats/matrix.js';
import type { Tensor } from '../checkpoint/tensor.js';
import type { TensorRole } from '../description/block.js';
import { expertsInRole } from '../description/tensors.js';
import { FORMAT_REFERENCES, formatReference } from '../reference/formats/index.js';
import { decodeAwq, decodeGptq } from '../reference/formats/transposed.js';
import type { BlockWeights } from '../reference/weights.js';
import { readVector } from './numbers.js';

/** Vectors are read at once, matrices when they are asked for. */
export async function decodedWeights({ sources, block }: BoundLayer): Promise<BlockWeights> {
  const vectors = new Map<TensorRole, Float64Array>();
  const matrices = new Map<TensorRole, MatrixSource>();
  for (const source of sources) {
    if (source.kind === 'matrix') matrices.set(source.role, source);
    else vectors.set(source.role, await readVector(source));
  }
  return {
    tensor: (role) => vectors.get(role) ?? decodeAll(matrixIn(matrices, role)),
    expert: (role, expert) => {
      const vector = vectors.get(role);
      if (vector === undefined) return decodeMatrix(matrixIn(matrices, role), expert);
      const size = vector.length / expertsInRole(role, block);
      return vector.subarray(expert * size, (expert + 1) * size);
    },
  };
}

function matrixIn(matrices: ReadonlyMap<TensorRole, MatrixSource>, role: TensorRole): MatrixSource {
  const source = matrices.get(role);
  if (source === undefined) throw new Error(`the layer has no ${role}`);
  return source;
}

function decodeAll(source: MatrixSource): Float64Array {
  const values = new Float64Array(source.count * source.columns * source.terms);
  for (let at = 0; at < source.count; at += 1) {
    values.set(decodeMatrix(source, at), at * source.columns * source.terms);
  }
  return values;
}

/** What of a source says where its matrices lie. */
type Located = Pick<MatrixSource, 'stored' | 'count' | 'columns' | 'terms'>;

/** Row-major [columns, terms], as they lie. */
export function decodeMatrix(matrix: Located, at: number): Float64Array {
  return decode(storedAt(matrix, at), matrixPlanes(matrix, at), matrix.columns, matrix.terms);
}

function storedAt({ stored }: Located, at: number): StoredMatrix {
  const own = stored.length > 1 ? stored[at] : stored[0];
  if (own === undefined) throw new Error(`there is no matrix ${at}`);
  return own;
}

/** The bytes of one matrix, by plane. */
export function matrixPlanes(matrix: Located, at: number): Readonly<Record<string, Uint8Array>> {
  const { stored, count } = matrix;
  const own = storedAt(matrix, at);
  const isAlone = stored.length > 1;
  const all = isAlone ? 1 : Math.max(own.matrices, count);
  const part = (tensor: Tensor) => {
    const bytes = tensor.bytes / all;
    return tensor.readNow(isAlone ? 0 : at * bytes, bytes);
  };
  return Object.fromEntries(
    Object.entries(own.planes).map(([suffix, tensor]) => [suffix, part(tensor)] as const),
  );
}

function decode(
  { format, integers, module }: StoredMatrix,
  planes: Readonly<Record<string, Uint8Array>>,
  columns: number,
  terms: number,
): Float64Array {
  if (FORMAT_REFERENCES.has(format)) return formatReference(format).decode(planes, columns, terms);
  if (integers === null) throw new Error(`${module} is in the format ${format}`);
  const { kind, bits, scaleType, group } = integers;
  const sizes = { columns, terms, group: group ?? terms, scaleType };
  if (kind === 'awq') return decodeAwq(planes, sizes);
  if (kind === 'gptq' || kind === 'gptq_v2') return decodeGptq(planes, { ...sizes, bits, version: kind });
  throw new Error(`${module} is in the format ${format}, which no reference reads`);
}
