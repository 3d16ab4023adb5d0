// What holds for every encoder: its planes have the stated sizes, decoding them comes near the values, zeros stay zeros, what was decoded
// is encoded into the same values again, and what the format cannot hold is refused by name.

import { describe, expect, it } from 'vitest';
import { FORMAT_REFERENCES, formatReference } from '../../../generator/reference/formats/index.js';
import { fp4Reference } from '../../../generator/reference/formats/fp4.js';
import type { FormatReference } from '../../../generator/reference/formats/types.js';
import { differences } from './vectors.js';

/** Deterministic numbers, roughly normal. */
function samples(count: number, size: number, seed = 1): Float64Array {
  let state = seed * 2654435761;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32 - 0.5;
  };
  return Float64Array.from({ length: count }, () => (next() + next() + next() + next()) * size);
}

/** A step of codes that span twice the largest magnitude, and how far a scale and an offset may be rounded. */
const stepOf = (bits: number, rounding: number) => 2 / (2 ** bits - 1) + rounding;

/** Largest error relative to the largest magnitude of a row that the formats named so may have. */
const ERRORS: readonly (readonly [RegExp, (bits: number, largest: number) => number])[] = [
  [/^f32$/, () => 2 ** -24],
  [/^f16$/, () => 2 ** -11],
  [/^bf16$/, () => 2 ** -8],
  // Half the widest distance between two codes, which is next to the largest.
  [/^(fp4|fp4_nk|mxfp4)$/, () => 1 / 5],
  [/^mxfp8$/, () => 1 / 16],
  // What lies above 6 becomes 6, at most of 8.
  [/^gguf_mxfp4$/, () => 1 / 4],
  [/^gguf_nvfp4_scaled$/, () => 1 / 5],
  // Without a factor above it the smallest scale is 2^-9.
  [/^(gguf_nvfp4|nvfp4_plain)$/, (_, largest) => Math.max(1 / 5, (6 * 2 ** -10) / largest)],
  // Half the widest step, of 24 between -127 and -104, and a scale that suits the other terms better.
  [/^iq4_/, () => 12 / 127 + 7 / 127],
  [/^(tq2_0|q2_0)$/, () => 1 / 2 + 2 ** -11],
  // The mean in the place of the largest.
  [/^q1_0$/, () => 1],
  [/^nvfp4/, () => 1 / 5],
  [/^fp8/, () => 1 / 16],
  // The row that is tried is a sixteenth of the others, and they share a scale.
  [/^i(\d)_tensor_/, (bits) => 16 * stepOf(bits, 2 ** -7)],
  [/^(?:int|i)(\d)_/, (bits) => stepOf(bits, 2 ** -7)],
  [/^affine(\d)_/, (bits) => stepOf(bits, 2 ** -7)],
  [/^q(\d)_[01]$/, (bits) => stepOf(bits, 2 ** -11)],
  [/^q(\d)_K$/, (bits) => stepOf(bits, 2 ** -6)],
];

function errorOf(name: string, largest: number): number {
  const found = ERRORS.map(([pattern, error]) => ({ match: pattern.exec(name), error })).find(
    ({ match }) => match,
  );
  return found?.error(Number(found.match?.[1]), largest) ?? 0;
}

/**
 * How far scales and offsets that are rounded after the codes were chosen may favour another code, relative to the largest magnitude:
 * a product of twice that and an offset move both values by half a unit in the last place.
 */
function roundingOf(name: string): number {
  if (name.endsWith('_bf16')) return 6 * 2 ** -9;
  return /_f16$|^i?q\d_(0|1|nl|xs)$|^tq2_0$/.test(name) ? 6 * 2 ** -12 : 2 ** -20;
}

/** Their rule gives back what it was given, exactly; the others choose scales anew and may drift within their error. */
const KEEPS = /^(f16|bf16|f32|fp4|fp4_nk|mxfp4|mxfp8|fp8_.*|q\d_[01]|tq2_0|gguf_mxfp4|gguf_nvfp4)$/;

const termsOf = ({ groupTerms }: FormatReference) => Math.max(groupTerms, 32) * 2;

const COLUMNS = 3;

function encodeAndDecode(format: FormatReference, values: ArrayLike<number>) {
  const terms = termsOf(format);
  return format.decode(format.encode(values, COLUMNS, terms), COLUMNS, terms);
}

const all = [...FORMAT_REFERENCES.values()];

describe.each(all)('$name', (format) => {
  const { name } = format;
  const [columns, terms] = [COLUMNS, termsOf(format)];

  it('fills planes of the stated sizes', () => {
    const planes = format.encode(samples(columns * terms, 0.05), columns, terms);
    const sizes = Object.fromEntries(
      Object.entries(planes).map(([suffix, { byteLength }]) => [suffix, byteLength]),
    );
    expect(sizes).toEqual(format.planeBytes(columns, terms));
    const short = { ...planes, weight: new Uint8Array(1) };
    expect(() => format.decode(short, columns, terms)).toThrow(
      expect.objectContaining({ code: 'reference/plane-size', where: `weight format ${name}` }),
    );
    expect(() => format.decode({}, columns, terms)).toThrow(/got none/);
  });

  it.each([1, 0.02, 37])('comes near values of size %s, each row by itself', (size) => {
    const values = samples(columns * terms, size);
    for (let term = 0; term < terms; term += 1) values[terms + term] = (values[terms + term] ?? 0) / 16;
    const decoded = encodeAndDecode(format, values);
    for (let column = 0; column < columns; column += 1) {
      const row = values.subarray(column * terms, (column + 1) * terms);
      const largest = Math.max(...row.map(Math.abs));
      const errors = row.map(
        (value, term) => Math.abs(value - (decoded[column * terms + term] ?? NaN)) / largest,
      );
      expect(Math.max(...errors)).toBeLessThan(errorOf(name, largest));
    }
  });

  it('takes of each term the code that comes nearest', () => {
    const values = samples(format.groupTerms === 1 ? 8 : format.groupTerms, 1, 7);
    const planes = format.encode(values, 1, values.length);
    const weight = planes['weight'] ?? new Uint8Array();
    const decoded = format.decode(planes, 1, values.length);
    const largest = Math.max(...values.map(Math.abs));
    const slack = roundingOf(name) * largest;
    const errorAt = (numbers: Float64Array, term: number) =>
      Math.abs((numbers[term] ?? NaN) - (values[term] ?? NaN));
    const better: string[] = [];
    let tried = 0;
    // An odd stride meets every pattern of bits.
    const stride = Math.ceil((weight.length * 256) / 2000) | 1;
    for (let flip = 1; flip < weight.length * 256; flip += stride) {
      const changed = weight.slice();
      const at = Math.floor(flip / 256);
      changed[at] = (changed[at] ?? 0) ^ (flip % 256);
      const others = format.decode({ ...planes, weight: changed }, 1, values.length);
      const terms = [...others.keys()].filter((term) => others[term] !== decoded[term]);
      // A byte holds at most eight codes; what changes more is a scale.
      if (terms.length > 8) continue;
      tried += 1;
      const nearer = terms.filter((term) => errorAt(others, term) < errorAt(decoded, term) - slack);
      better.push(...nearer.map((term) => `byte ${at} xor ${flip % 256}, term ${term}`));
    }
    expect(better.slice(0, 5)).toEqual([]);
    expect(tried).toBeGreaterThan(200);
  });

  it('keeps a row of zeros', () => {
    const values = samples(columns * terms, 1).fill(0, terms, 2 * terms);
    const row = encodeAndDecode(format, values).subarray(terms, 2 * terms);
    expect(row.every((value) => value === 0)).toBe(true);
  });
});

const isDense = ({ name }: FormatReference) => ['f16', 'bf16', 'f32'].includes(name);

describe.each(all.filter(({ name }) => KEEPS.test(name)))('$name', (format) => {
  it('encodes what it decoded into the same values', () => {
    const once = encodeAndDecode(format, samples(COLUMNS * termsOf(format), 1));
    expect(differences(encodeAndDecode(format, once), once)).toEqual([]);
  });
});

describe.each(all.filter(({ name }) => !KEEPS.test(name)))('$name', (format) => {
  it('encodes what it decoded into values as near as before', () => {
    const once = encodeAndDecode(format, samples(COLUMNS * termsOf(format), 1));
    const again = encodeAndDecode(format, once);
    const largest = Math.max(...once.map(Math.abs));
    const errors = again.map((value, index) => Math.abs(value - (once[index] ?? NaN)) / largest);
    expect(Math.max(...errors)).toBeLessThan(errorOf(format.name, largest));
  });
});

describe.each(all.filter(isDense))('$name', (format) => {
  it('keeps NaN, infinities and signs of zeros', () => {
    const special = [NaN, Infinity, -Infinity, 0, -0, 1];
    expect(differences(format.decode(format.encode(special, 2, 3), 2, 3), special)).toEqual([]);
  });
});

describe.each(all.filter((format) => !isDense(format)))('$name', (format) => {
  const terms = termsOf(format);

  it.each([NaN, Infinity, -Infinity, 1e300])('refuses %s by name', (value) => {
    const values = samples(COLUMNS * terms, 1);
    values[terms + 5] = value;
    expect(() => format.encode(values, COLUMNS, terms)).toThrow(
      expect.objectContaining({
        message: `expected values that the format can hold, but column 1, term 5 is ${value}`,
        where: `weight format ${format.name}`,
      }),
    );
  });

  it('takes the smallest floats', () => {
    const tiny = samples(COLUMNS * terms, 2 ** -149);
    expect(encodeAndDecode(format, tiny).every((value) => Math.abs(value) <= 2 ** -23)).toBe(true);
  });

  it('takes the largest floats, or says that a scale does not fit', () => {
    let decoded: Float64Array = new Float64Array();
    try {
      decoded = encodeAndDecode(format, samples(COLUMNS * terms, 2 ** 125));
    } catch (error) {
      expect(error).toMatchObject({ code: 'reference/not-encodable' });
    }
    expect(decoded.every(Number.isFinite)).toBe(true);
  });
});

describe.each(all.filter(({ groupTerms }) => groupTerms > 1))('$name', (format) => {
  it('refuses rows that end within a group', () => {
    const short = format.groupTerms - 1;
    expect(() => format.planeBytes(2, short)).toThrow(`whole groups of ${format.groupTerms} terms`);
    expect(() => format.decode({}, 2, short)).toThrow(/whole groups/);
    expect(() => format.encode(samples(2 * short, 1), 2, short)).toThrow(/whole groups/);
  });
});

it('a name that no format has is refused, with the names that exist', () => {
  expect(() => formatReference('q4_k')).toThrow(/got "q4_k"/);
});

describe('FP4', () => {
  it.each([
    ['fp4', 'columns', (word: number, column: number) => word * 3 + column],
    ['fp4_nk', 'terms', (word: number, column: number) => column * 2 + word],
  ] as const)(
    '%s has its words where they belong, for rows that are no multiple of a word or a group',
    (name, neighbours, at) => {
      // Three columns of twelve terms, groups of five: two words and three scales for each column.
      const format = fp4Reference(name, neighbours, 5);
      expect(format.planeBytes(3, 12)).toEqual({ weight: 24, scales: 18 });
      const words = new Uint32Array(6);
      words[at(1, 2)] = 0x0000_5000;
      words[at(0, 1)] = 0x0000_009f;
      const scales = new Uint16Array(9).fill(0x3c00);
      scales[2 * 3 + 2] = 0x4000;
      scales[1] = 0xb800;
      const planes = { weight: new Uint8Array(words.buffer), scales: new Uint8Array(scales.buffer) };
      const values = format.decode(planes, 3, 12);
      const places = [...values.entries()].filter(([, value]) => value !== 0);
      // Code 5 is 3, term 11 of column 2 in its third group; codes 15 and 9 are -6 and -0.5 under a scale of -0.5.
      expect(places).toEqual([
        [12, 3],
        [13, 0.25],
        [35, 6],
      ]);
    },
  );
});
