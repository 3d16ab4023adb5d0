// FP4 of the drop-in kernels: E2M1 codes, eight to a word along the terms, lowest bits first, and a half scale for each group of terms.
//
//   fp4      weight uint [ceil(terms / 8), columns]     the words of all columns side by side
//   fp4_nk   weight uint [columns, ceil(terms / 8)]     the words of one column side by side
//   both     scales half [ceil(terms / group), columns] value = code * scale
//
// Encoding: the scale is a sixth of the group's largest magnitude, rounded to half, the codes are the nearest under it, ties to even.

import { checkPlanes, finiteFloats, notEncodable } from './checks.js';
import { e2m1OfNumber, numberOfE2m1 } from './elements.js';
import { F16 } from './scalars.js';
import type { FormatReference } from './types.js';

/** What a matrix has where nothing else is said. */
const DEFAULT_GROUP = 32;

/** `neighbours` says whose words lie side by side: those of all columns (`columns`) or those of one column (`terms`). */
export function fp4Reference(
  name: string,
  neighbours: 'columns' | 'terms',
  group: number = DEFAULT_GROUP,
): FormatReference {
  const place = (column: number, term: number, columns: number, terms: number) => {
    const word = Math.floor(term / 8);
    const words = Math.ceil(terms / 8);
    const index = neighbours === 'columns' ? word * columns + column : column * words + word;
    return { byte: index * 4 + Math.floor((term % 8) / 2), shift: 4 * (term % 2) };
  };
  const scaleIndex = (column: number, term: number, columns: number) =>
    Math.floor(term / group) * columns + column;
  const format: FormatReference = {
    name,
    groupTerms: 1,
    planeBytes: (columns, terms) => ({
      weight: Math.ceil(terms / 8) * columns * 4,
      scales: Math.ceil(terms / group) * columns * F16.bytes,
    }),
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array() } = planes;
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const [column, term] = [Math.floor(index / terms), index % terms];
        const { byte, shift } = place(column, term, columns, terms);
        const code = ((weight[byte] ?? 0) >>> shift) & 15;
        return numberOfE2m1(code) * F16.get(scales, scaleIndex(column, term, columns));
      });
    },
    encode: (values, columns, terms) => {
      const sizes = format.planeBytes(columns, terms);
      const floats = finiteFloats(name, values, columns, terms);
      const weight = new Uint8Array(sizes['weight'] ?? 0);
      const scales = new Uint8Array(sizes['scales'] ?? 0);
      for (let column = 0; column < columns; column += 1) {
        for (let start = 0; start < terms; start += group) {
          const members = floats.subarray(
            column * terms + start,
            column * terms + Math.min(start + group, terms),
          );
          const scale = F16.round(Math.max(...members.map(Math.abs)) / 6);
          if (scale === Infinity)
            throw notEncodable(name, `column ${column} from term ${start} on needs a scale beyond half`);
          F16.set(scales, scaleIndex(column, start, columns), scale);
          members.forEach((value, index) => {
            const { byte, shift } = place(column, start + index, columns, terms);
            const code = scale === 0 ? 0 : e2m1OfNumber(value / scale);
            weight[byte] = (weight[byte] ?? 0) | (code << shift);
          });
        }
      }
      return { weight, scales };
    },
  };
  return format;
}

export const FP4_REFERENCES: readonly FormatReference[] = [
  fp4Reference('fp4', 'columns'),
  fp4Reference('fp4_nk', 'terms'),
];
