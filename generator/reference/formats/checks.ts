// What every format refuses: rows that end within a group, planes of another size, values that no code stands for.

import { MoegenError } from '../../errors.js';
import type { FormatReference, Planes } from './types.js';

/** Throws `reference/partial-group`. */
export function checkWholeGroups(name: string, terms: number, groupTerms: number): void {
  if (terms % groupTerms === 0) return;
  throw new MoegenError(
    'reference/partial-group',
    `expected rows of whole groups of ${groupTerms} terms, got ${terms} terms`,
    { where: `weight format ${name}`, help: 'keep such a matrix in a dense format' },
  );
}

/** Throws `reference/plane-size`. */
export function checkPlanes(
  format: Pick<FormatReference, 'name' | 'planeBytes'>,
  planes: Planes,
  columns: number,
  terms: number,
): void {
  for (const [suffix, bytes] of Object.entries(format.planeBytes(columns, terms))) {
    const given = planes[suffix]?.byteLength;
    if (given === bytes) continue;
    throw new MoegenError(
      'reference/plane-size',
      `expected ${bytes} bytes of ${suffix} for ${columns} rows of ${terms} terms, got ${given ?? 'none'}`,
      {
        where: `weight format ${format.name}`,
        help: 'check the shape of the matrix, and that the format is the right one',
      },
    );
  }
}

/** Throws `reference/not-encodable`. */
export function notEncodable(name: string, reason: string): MoegenError {
  return new MoegenError(
    'reference/not-encodable',
    `expected values that the format can hold, but ${reason}`,
    {
      where: `weight format ${name}`,
      help: 'keep such a matrix in a dense format',
    },
  );
}

/** The values as floats, in which the published quantisers compute; what is or becomes NaN or infinite is refused. */
export function finiteFloats(
  name: string,
  values: ArrayLike<number>,
  columns: number,
  terms: number,
): Float32Array {
  if (values.length !== columns * terms) {
    throw notEncodable(
      name,
      `${columns} rows of ${terms} terms take ${columns * terms} and ${values.length} came`,
    );
  }
  const floats = new Float32Array(values);
  let wrong = 0;
  while (wrong < floats.length && Number.isFinite(floats[wrong])) wrong += 1;
  if (wrong === floats.length) return floats;
  throw notEncodable(
    name,
    `column ${Math.floor(wrong / terms)}, term ${wrong % terms} is ${values[wrong] ?? NaN}`,
  );
}
