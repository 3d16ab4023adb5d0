// Values into the planes of a format as kernels take them: matrices of one shape, one after the other.

import { formatReference } from '../reference/formats/index.js';

export interface EncodedMatrices {
  /** By suffix. */
  readonly planes: Readonly<Record<string, Uint8Array>>;
  /** [matrices, columns, terms], what the planes hold. */
  readonly values: Float64Array;
}

/** Each matrix by itself, since it may have scales of its own. `values` are [matrices, columns, terms]. */
export function encodeMatrices(
  format: string,
  values: Float64Array | Float32Array,
  matrices: number,
  columns: number,
  terms: number,
): EncodedMatrices {
  const reference = formatReference(format);
  const size = columns * terms;
  const sizes = Object.entries(reference.planeBytes(columns, terms));
  const planes = Object.fromEntries(
    sizes.map(([suffix, bytes]) => [suffix, new Uint8Array(bytes * matrices)] as const),
  );
  const decoded = new Float64Array(values.length);
  for (let matrix = 0; matrix < matrices; matrix += 1) {
    const own = reference.encode(values.subarray(matrix * size, (matrix + 1) * size), columns, terms);
    decoded.set(reference.decode(own, columns, terms), matrix * size);
    for (const [suffix, bytes] of Object.entries(own)) planes[suffix]?.set(bytes, matrix * bytes.byteLength);
  }
  return { planes, values: decoded };
}
