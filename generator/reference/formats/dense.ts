// Dense weights: rows one after the other, one number for each weight. Encoding rounds each to nearest, ties to even.

import { checkPlanes, notEncodable } from './checks.js';
import { SCALARS, type Scalar } from './scalars.js';
import type { FormatReference } from './types.js';

function dense(scalar: Scalar): FormatReference {
  const format: FormatReference = {
    name: scalar.name,
    groupTerms: 1,
    planeBytes: (columns, terms) => ({ weight: columns * terms * scalar.bytes }),
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const weight = planes['weight'] ?? new Uint8Array();
      const values = new Float64Array(columns * terms);
      for (let index = 0; index < values.length; index += 1) values[index] = scalar.get(weight, index);
      return values;
    },
    encode: (values, columns, terms) => {
      if (values.length !== columns * terms) {
        throw notEncodable(scalar.name, `${columns} rows of ${terms} terms are not ${values.length} values`);
      }
      const weight = new Uint8Array(values.length * scalar.bytes);
      for (let index = 0; index < values.length; index += 1) scalar.set(weight, index, values[index] ?? NaN);
      return { weight };
    },
  };
  return format;
}

export const DENSE_REFERENCES: readonly FormatReference[] = SCALARS.map(dense);
