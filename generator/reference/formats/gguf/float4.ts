// The blocks in which GGUF keeps MXFP4 and NVFP4: E2M1 codes with the scales before them. Code 8 is +0 here.
//
//   gguf_mxfp4  32 terms: an E8M0 byte, 16 bytes; byte j holds terms j (low) and j + 16 (high); value = code * 2^(byte - 127), also for 255
//   gguf_nvfp4  64 terms: four scale bytes, 32 bytes, eight to each 16 terms; byte j of eight holds terms j (low) and j + 8 (high)
//               value = code * scale; a scale byte is E4M3 without its sign bit; 0x00, 0x80 and 0x7f are 0, 0xff is 480
//
// A tensor's own factor, which GGUF may store beside NVFP4 as `.scale`, is the plane `global` of gguf_nvfp4_scaled. Encoding: quantize_row_mxfp4_ref and
// quantize_row_nvfp4_ref of ggml-quants.c: the scale is 2^(floor(log2(largest magnitude)) - 2), where that does not lie below the first byte,
// or a sixth of the largest magnitude, rounded half up; codes are the nearest, the lower of two.

import { checkPlanes, finiteFloats } from '../checks.js';
import { numberOfE2m1 } from '../elements.js';
import { clamp } from '../rounding.js';
import { F32 } from '../scalars.js';
import type { FormatReference } from '../types.js';
import { blockReference, largestOf, nibble, partsOf, setNibble, type BlockCodec } from './block.js';

const float = Math.fround;

/** -0 is 0. */
const numberOfCode = (code: number) => numberOfE2m1(code) + 0;

function nearestCode(value: number, scale: number): number {
  let best = 0;
  let bestError = Math.abs(value);
  for (let code = 1; code < 16; code += 1) {
    const error = Math.abs(float(float(numberOfCode(code) * scale) - value));
    if (error < bestError) {
      best = code;
      bestError = error;
    }
  }
  return best;
}

const MXFP4: BlockCodec = {
  name: 'gguf_mxfp4',
  terms: 32,
  bytes: 17,
  decode: (block) => {
    const scale = 2 ** ((block[0] ?? 0) - 127);
    return Array.from({ length: 32 }, (_, index) => numberOfCode(nibble(block, 1, index, 16)) * scale);
  },
  encode: (values, block) => {
    const largest = Math.abs(largestOf(values));
    // ggml takes the logarithm in float, which reaches the next whole number a little early.
    const byte = largest === 0 ? 0 : Math.max(Math.floor(float(Math.log2(largest))) - 2 + 127, 0);
    block[0] = byte;
    values.forEach((value, index) => {
      setNibble(block, 1, index, 16, nearestCode(value, 2 ** (byte - 127)));
    });
  },
};

function scaleOfByte(byte: number): number {
  if (byte === 0x7f) return 0;
  const exponent = (byte >>> 3) & 15;
  const mantissa = byte & 7;
  return exponent === 0 ? mantissa / 512 : (8 + mantissa) * 2 ** (exponent - 10);
}

/** Rounds half up; what needs the last exponent becomes 448. */
function byteOfScale(scale: number): number {
  if (scale < 2 ** -6) return clamp(Math.trunc(float(float(scale * 512) + 0.5)), 0, 7);
  if (scale >= 248) return 0x7e;
  const exponent = Math.floor(Math.log2(scale));
  return (exponent + 7) * 8 + Math.floor((scale / 2 ** exponent - 1) * 8 + 0.5);
}

const NVFP4: BlockCodec = {
  name: 'gguf_nvfp4',
  terms: 64,
  bytes: 36,
  decode: (block) =>
    Array.from({ length: 64 }, (_, index) => {
      const sub = Math.floor(index / 16);
      return numberOfCode(nibble(block, 4 + 8 * sub, index % 16, 8)) * scaleOfByte(block[sub] ?? 0);
    }),
  encode: (values, block) => {
    partsOf(values, 16).forEach((part, sub) => {
      const byte = byteOfScale(float(Math.abs(largestOf(part)) / 6));
      block[sub] = byte;
      part.forEach((value, index) => {
        setNibble(block, 4 + 8 * sub, index, 8, nearestCode(value, scaleOfByte(byte)));
      });
    });
  },
};

const NVFP4_REFERENCE = blockReference(NVFP4);

/** As ModelOpt chooses it: largest code and largest scale meet in the largest magnitude. */
const LARGEST_PRODUCT = 6 * 448;
/** A matrix without a larger value counts as zeros: its factor might not be a float. */
const SMALLEST_NORMAL = 2 ** -126;

/** The same blocks under a float for the whole matrix, which is chosen first. */
const NVFP4_SCALED: FormatReference = {
  ...NVFP4_REFERENCE,
  name: 'gguf_nvfp4_scaled',
  planeBytes: (columns, terms) => ({ ...NVFP4_REFERENCE.planeBytes(columns, terms), global: F32.bytes }),
  decode: (planes, columns, terms) => {
    checkPlanes(NVFP4_SCALED, planes, columns, terms);
    const factor = F32.get(planes['global'] ?? new Uint8Array(F32.bytes), 0);
    return NVFP4_REFERENCE.decode(planes, columns, terms).map((value) => value * factor);
  },
  encode: (values, columns, terms) => {
    const floats = finiteFloats(NVFP4_SCALED.name, values, columns, terms);
    const largest = Math.abs(largestOf(floats));
    const factor = float((largest < SMALLEST_NORMAL ? LARGEST_PRODUCT : largest) / LARGEST_PRODUCT);
    const global = new Uint8Array(F32.bytes);
    F32.set(global, 0, factor);
    const scaled = floats.map((value) => value / factor);
    return { ...NVFP4_REFERENCE.encode(scaled, columns, terms), global };
  },
};

export const GGUF_FLOAT4: readonly FormatReference[] = [blockReference(MXFP4), NVFP4_REFERENCE, NVFP4_SCALED];
