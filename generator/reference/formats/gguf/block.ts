// GGUF formats: a row is a sequence of interleaved blocks, each with its scales and codes; all of it is the plane `weight`.

import { checkPlanes, checkWholeGroups, finiteFloats, notEncodable } from '../checks.js';
import { F16 } from '../scalars.js';
import type { FormatReference } from '../types.js';

/** One block: bytes to `terms` values and back. */
export interface BlockCodec {
  readonly name: string;
  readonly terms: number;
  readonly bytes: number;
  decode(block: Uint8Array): ArrayLike<number>;
  /** Writes into zeroed bytes. */
  encode(values: Float32Array, block: Uint8Array): void;
}

export function blockReference(codec: BlockCodec): FormatReference {
  const { name } = codec;
  const format: FormatReference = {
    name,
    groupTerms: codec.terms,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, codec.terms);
      return { weight: ((columns * terms) / codec.terms) * codec.bytes };
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const weight = planes['weight'] ?? new Uint8Array();
      const values = new Float64Array(columns * terms);
      for (let block = 0; block < values.length / codec.terms; block += 1) {
        const bytes = weight.subarray(block * codec.bytes, (block + 1) * codec.bytes);
        values.set(codec.decode(bytes), block * codec.terms);
      }
      return values;
    },
    encode: (values, columns, terms) => {
      const weight = new Uint8Array(format.planeBytes(columns, terms)['weight'] ?? 0);
      const floats = finiteFloats(name, values, columns, terms);
      for (let block = 0; block < floats.length / codec.terms; block += 1) {
        codec.encode(
          floats.subarray(block * codec.terms, (block + 1) * codec.terms),
          weight.subarray(block * codec.bytes, (block + 1) * codec.bytes),
        );
      }
      return { weight };
    },
  };
  return format;
}

/** The half at a byte of a block. */
export function half(block: Uint8Array, at: number): number {
  return F16.get(block.subarray(at, at + 2), 0);
}

/** Stores a scale or an offset as half and returns what was stored. Throws `reference/not-encodable` beyond half. */
export function storeHalf(name: string, block: Uint8Array, at: number, value: number): number {
  const stored = F16.round(value);
  if (!Number.isFinite(stored)) throw notEncodable(name, `a block needs ${value}, which is beyond half`);
  F16.set(block.subarray(at, at + 2), 0, value);
  return stored;
}

/** The low or, from `half` on, the high four bits of the bytes from `start` on: byte j holds codes j and j + half. */
export function nibble(block: Uint8Array, start: number, index: number, halfTerms: number): number {
  const byte = block[start + (index % halfTerms)] ?? 0;
  return index < halfTerms ? byte & 15 : byte >>> 4;
}

export function setNibble(
  block: Uint8Array,
  start: number,
  index: number,
  halfTerms: number,
  code: number,
): void {
  const at = start + (index % halfTerms);
  block[at] = (block[at] ?? 0) | (index < halfTerms ? code : code << 4);
}

/** Where two bits of a term lie when each 128 terms take 32 bytes from `start` on: term l of the four quarters shares byte l. */
function pairOf(start: number, index: number): { byte: number; shift: number } {
  return {
    byte: start + 32 * Math.floor(index / 128) + (index % 32),
    shift: 2 * Math.floor((index % 128) / 32),
  };
}

export function pair(block: Uint8Array, start: number, index: number): number {
  const { byte, shift } = pairOf(start, index);
  return ((block[byte] ?? 0) >>> shift) & 3;
}

export function setPair(block: Uint8Array, start: number, index: number, code: number): void {
  const { byte, shift } = pairOf(start, index);
  block[byte] = (block[byte] ?? 0) | (code << shift);
}

/** Neighbouring values, `size` at a time. */
export function partsOf(values: Float32Array, size: number): Float32Array[] {
  return Array.from({ length: values.length / size }, (_, part) =>
    values.subarray(part * size, (part + 1) * size),
  );
}

/** The value of largest magnitude, with its sign; of several the first. */
export function largestOf(values: Iterable<number>): number {
  let largest = 0;
  for (const value of values) if (Math.abs(value) > Math.abs(largest)) largest = value;
  return largest;
}

/** 1 / scale in float; 0 for a scale of 0, and for one so small that its inverse is none. */
export function inverseOf(scale: number): number {
  const inverse = Math.fround(1 / scale);
  return Number.isFinite(inverse) ? inverse : 0;
}
