// NVFP4: E2M1 codes, an E4M3 scale for each 16 terms of a row, and one float for the whole matrix, whose meaning depends on who wrote it.
//
//   weight  uint  [columns, terms / 8]   code i of a word lies above code i - 1
//   scales  uchar [columns, terms / 16]
//   global  float [1]
//
//   nvfp4          value = code * scale * global          as ModelOpt stores it (weight_scale_2), and what kernels take
//   nvfp4_divided  value = code * scale / global          as compressed-tensors stores it (weight_global_scale)
//   nvfp4_amax     value = code * scale * global / 2688   as MLX stores it: global is the largest magnitude
//   nvfp4_plain    value = code * scale                   as MLX stores it where it has no global, and so no plane for it
//
// Encoding follows ModelOpt (nvfp4_tensor.py): the factor above is a 2688th of the matrix's largest magnitude, since 2688 = 6 * 448; a scale
// is a sixth of its group's largest magnitude over the factor, at least 2^-9 and 1 for a group of zeros; scales and codes are the
// nearest, ties to even.

import { getBits, setBits } from './bits.js';
import { checkPlanes, checkWholeGroups, finiteFloats, notEncodable } from './checks.js';
import { e2m1OfNumber, e4m3OfNumber, numberOfE2m1, numberOfE4m3 } from './elements.js';
import { F32 } from './scalars.js';
import type { FormatReference } from './types.js';

const GROUP = 16;
const [LARGEST_CODE, LARGEST_SCALE, SMALLEST_SCALE] = [6, 448, 2 ** -9];
/** A matrix without a larger value counts as zeros: its factor might not be a float. */
const SMALLEST_NORMAL = 2 ** -126;
const SPAN = LARGEST_CODE * LARGEST_SCALE;

interface Convention {
  readonly name: string;
  /** The value of a code under its scale. */
  readonly apply: (value: number, global: number) => number;
  /** The number to store for a matrix with this largest magnitude; null where none is stored. */
  readonly globalOf: ((amax: number) => number) | null;
}

const CONVENTIONS: readonly Convention[] = [
  { name: 'nvfp4', apply: (value, global) => value * global, globalOf: (amax) => amax / SPAN },
  { name: 'nvfp4_divided', apply: (value, global) => value / global, globalOf: (amax) => SPAN / amax },
  { name: 'nvfp4_amax', apply: (value, global) => (value * global) / SPAN, globalOf: (amax) => amax },
  { name: 'nvfp4_plain', apply: (value) => value, globalOf: null },
];

function nvfp4({ name, apply, globalOf }: Convention): FormatReference {
  const format: FormatReference = {
    name,
    groupTerms: GROUP,
    planeBytes: (columns, terms) => {
      checkWholeGroups(name, terms, GROUP);
      const own = { weight: (columns * terms) / 2, scales: (columns * terms) / GROUP };
      return globalOf === null ? own : { ...own, global: F32.bytes };
    },
    decode: (planes, columns, terms) => {
      checkPlanes(format, planes, columns, terms);
      const { weight = new Uint8Array(), scales = new Uint8Array(), global } = planes;
      const factor = global === undefined ? 1 : F32.get(global, 0);
      return Float64Array.from({ length: columns * terms }, (_, index) => {
        const scale = numberOfE4m3(scales[Math.floor(index / GROUP)] ?? 0x7f);
        return apply(numberOfE2m1(getBits(weight, 0, index, 4)) * scale, factor);
      });
    },
    encode: (values, columns, terms) => {
      const sizes = format.planeBytes(columns, terms);
      const floats = finiteFloats(name, values, columns, terms);
      const amax = floats.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      const stored = globalOf === null ? 1 : Math.fround(globalOf(amax < SMALLEST_NORMAL ? SPAN : amax));
      const factor = apply(1, stored);
      if (!Number.isFinite(factor) || factor === 0)
        throw notEncodable(name, `${amax} needs the factor ${stored}`);
      const weight = new Uint8Array(sizes['weight'] ?? 0);
      const scales = new Uint8Array(sizes['scales'] ?? 0);
      for (let group = 0; group < scales.length; group += 1) {
        const start = group * GROUP;
        const members = floats.subarray(start, start + GROUP);
        const largest = Math.max(...members.map(Math.abs));
        const wanted = largest === 0 ? 1 : Math.max(largest / (LARGEST_CODE * factor), SMALLEST_SCALE);
        const scale = e4m3OfNumber(wanted);
        scales[group] = scale;
        members.forEach((value, index) => {
          setBits(weight, 0, start + index, 4, e2m1OfNumber(value / (numberOfE4m3(scale) * factor)));
        });
      }
      if (globalOf === null) return { weight, scales };
      const global = new Uint8Array(F32.bytes);
      F32.set(global, 0, stored);
      return { weight, scales, global };
    },
  };
  return format;
}

export const NVFP4_REFERENCES: readonly FormatReference[] = CONVENTIONS.map(nvfp4);
