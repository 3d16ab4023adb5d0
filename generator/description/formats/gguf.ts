// The blocks of GGUF: scales and codes of neighbouring terms lie together in one plane, in units as wide as the blocks' alignment allows.

import { PLAIN, rowPlane, type WeightFormat } from './types.js';

type Unit = 'u16' | 'u32';
type Words = WeightFormat['words'];

function block(name: string, unit: Unit, units: number, groupTerms: number) {
  return {
    ...PLAIN,
    name,
    summary: `GGUF ${name.toUpperCase()}`,
    groupTerms,
    planes: [rowPlane('weight', unit, units, groupTerms)],
  } as const;
}

/** 32 codes of four bits, some with a fifth one, after a half scale and perhaps a half offset. */
function nibbles(name: string, unit: Unit, units: number, words: Words, zero: number): WeightFormat {
  const isTable = words['isTable'] === true;
  return {
    ...block(name, unit, units, 32),
    hasOffset: unit === 'u32',
    decoder: 'nibbles',
    pairs: isTable ? null : 'bytes',
    zero,
    words: { ...words, isWords: unit === 'u32', blockUnits: units },
  };
}

/** Codes of one or two bits, lowest bits first, after a half scale. */
function fewBits(name: string, groupTerms: number, bits: 1 | 2): WeightFormat {
  return {
    ...block(name, 'u16', 9, groupTerms),
    decoder: 'few_bits',
    pairs: 'bytes',
    zero: 1,
    words: { groupTerms, bits, isPairs: bits === 2, blockUnits: 2 * bits },
  };
}

/** Two-level scales, and pairs of blocks of which one has the low bits of bytes and the other one the high bits. */
function pairedBlocks(name: string, units: number, hasHigh: boolean): WeightFormat {
  return {
    ...block(name, 'u32', units, 256),
    summary: `GGUF ${name.replace('q', 'Q')}`,
    hasOffset: true,
    isPaired: true,
    decoder: 'q4_K',
    pairs: 'bytes',
    words: { hasHigh, groupBytes: 4 * units, groupWords: units, codesAt: hasHigh ? 12 : 4 },
  };
}

/** Two-level scales of 16 terms. */
function smallBlocks(
  name: 'q2_K' | 'q3_K' | 'q6_K',
  unit: Unit,
  units: number,
  zero: number,
  hasOffset: boolean,
): WeightFormat {
  return {
    ...block(name, unit, units, 256),
    summary: `GGUF ${name.replace('q', 'Q')}`,
    blockTerms: 16,
    hasOffset,
    decoder: name,
    pairs: 'bytes',
    zero,
  };
}

export const GGUF_FORMATS: readonly WeightFormat[] = [
  { ...block('q8_0', 'u16', 17, 32), decoder: 'q8_0' },
  pairedBlocks('q4_K', 36, false),
  nibbles('q4_0', 'u16', 9, { hasHigh: false, isTable: false }, 8),
  nibbles('q4_1', 'u32', 5, { hasHigh: false, isTable: false }, 0),
  nibbles('q5_0', 'u16', 11, { hasHigh: true, isTable: false }, 16),
  nibbles('q5_1', 'u32', 6, { hasHigh: true, isTable: false }, 0),
  smallBlocks('q2_K', 'u32', 21, 0, true),
  smallBlocks('q3_K', 'u16', 55, 4, false),
  pairedBlocks('q5_K', 44, true),
  smallBlocks('q6_K', 'u16', 105, 32, false),
  nibbles('iq4_nl', 'u16', 9, { hasHigh: false, isTable: true }, 0),
  { ...block('iq4_xs', 'u32', 34, 256), decoder: 'iq4_xs' },
  { ...block('tq2_0', 'u16', 33, 256), decoder: 'tq2_0', pairs: 'bytes', zero: 1 },
  fewBits('q1_0', 128, 1),
  fewBits('q2_0', 64, 2),
];
