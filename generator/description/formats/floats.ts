// Codes that are small floating-point numbers, E2M1 or E4M3, under scales of blocks, rows, tiles or whole matrices.

import type { ActivationDtype } from '../dtypes.js';
import { PLAIN, rowPlane, type Plane, type WeightFormat } from './types.js';

const MXFP4: WeightFormat = {
  ...PLAIN,
  name: 'mxfp4',
  summary: 'MXFP4',
  planes: [rowPlane('weight', 'u32', 1, 8), rowPlane('scales', 'u8', 1, 32)],
  decoder: 'mxfp4',
};

/** A number for the whole matrix. */
const GLOBAL: Plane = { suffix: 'global', element: 'f32', elements: 1, terms: null, rows: null };

interface Nvfp4 {
  readonly name: string;
  readonly summary: string;
  /** What becomes of the number for the whole matrix. */
  readonly global: 'none' | 'factor' | 'divisor' | 'largest';
}

function nvfp4({ name, summary, global }: Nvfp4): WeightFormat {
  return {
    ...PLAIN,
    name,
    summary,
    blockTerms: 16,
    groupTerms: 16,
    planes: [
      rowPlane('weight', 'u32', 1, 8),
      rowPlane('scales', 'u8', 1, 16),
      ...(global === 'none' ? [] : [GLOBAL]),
    ],
    decoder: 'nvfp4',
    words: {
      hasGlobal: global !== 'none',
      isDivisor: global === 'divisor',
      isLargest: global === 'largest',
    },
  };
}

const NVFP4: readonly WeightFormat[] = (
  [
    { name: 'nvfp4', summary: 'NVFP4, a factor for the matrix', global: 'factor' },
    { name: 'nvfp4_divided', summary: 'NVFP4, a divisor for the matrix', global: 'divisor' },
    { name: 'nvfp4_amax', summary: 'NVFP4, the largest magnitude of the matrix', global: 'largest' },
    { name: 'nvfp4_plain', summary: 'NVFP4, scales alone', global: 'none' },
  ] as const
).map(nvfp4);

type Fp8Scale = ActivationDtype | 'ue8m0';

/** What shares a scale: rows and terms, all of them where there is null. */
type Fp8Tile = readonly [name: string, rows: number | null, terms: number | null];

const SQUARE_128: Fp8Tile = ['128x128', 128, 128];
const SQUARE_32: Fp8Tile = ['32x32', 32, 32];
const CHANNEL: Fp8Tile = ['channel', 1, null];
const TENSOR: Fp8Tile = ['tensor', null, null];

const TILE_WORDS: ReadonlyMap<Fp8Tile, string> = new Map([
  [SQUARE_128, 'each 128 x 128 weights'],
  [SQUARE_32, 'each 32 x 32 weights'],
  [CHANNEL, 'each row'],
  [TENSOR, 'the matrix'],
]);

function fp8(tile: Fp8Tile, scale: Fp8Scale): WeightFormat {
  const [name, rows, terms] = tile;
  const isExponent = scale === 'ue8m0';
  return {
    ...PLAIN,
    name: `fp8_${name}_${scale}`,
    summary: `FP8 E4M3, ${isExponent ? 'a UE8M0' : `an ${scale}`} scale for ${TILE_WORDS.get(tile) ?? ''}`,
    groupTerms: 1,
    planes: [
      rowPlane('weight', 'u8', 1, 1),
      { suffix: 'scales', element: isExponent ? 'u8' : scale, elements: 1, terms, rows },
    ],
    decoder: 'fp8',
    scaleElement: isExponent ? null : scale,
    words: {
      isExponent,
      hasOneScale: terms === null,
      isRowScale: rows === 1,
      isBlockScale: false,
      scaleTerms: terms ?? 0,
    },
  };
}

/** The same codes, and a scale for each block. */
const MXFP8: WeightFormat = {
  ...PLAIN,
  name: 'mxfp8',
  summary: 'MXFP8',
  planes: [rowPlane('weight', 'u8', 1, 1), rowPlane('scales', 'u8', 1, 32)],
  decoder: 'fp8',
  words: { isExponent: true, hasOneScale: false, isRowScale: false, isBlockScale: true, scaleTerms: 32 },
};

export const FLOAT_FORMATS: readonly WeightFormat[] = [
  MXFP4,
  MXFP8,
  ...NVFP4,
  ...(['f32', 'bf16', 'ue8m0'] as const).map((scale) => fp8(SQUARE_128, scale)),
  ...(['f32', 'ue8m0'] as const).map((scale) => fp8(SQUARE_32, scale)),
  ...[CHANNEL, TENSOR].flatMap((tile) => (['f32', 'bf16', 'f16'] as const).map((scale) => fp8(tile, scale))),
];

/** The same block of GGUF with and without a factor, which lies in a tensor of its own. */
function ggufNvfp4(hasGlobal: boolean): WeightFormat {
  return {
    ...PLAIN,
    name: hasGlobal ? 'gguf_nvfp4_scaled' : 'gguf_nvfp4',
    summary: `GGUF NVFP4${hasGlobal ? ', a factor for the matrix' : ''}`,
    blockTerms: 16,
    groupTerms: 64,
    planes: [rowPlane('weight', 'u32', 9, 64), ...(hasGlobal ? [GLOBAL] : [])],
    decoder: 'gguf_nvfp4',
    words: { hasGlobal },
  };
}

export const GGUF_FLOAT_FORMATS: readonly WeightFormat[] = [
  {
    ...PLAIN,
    name: 'gguf_mxfp4',
    summary: 'GGUF MXFP4',
    planes: [rowPlane('weight', 'u8', 17, 32)],
    decoder: 'gguf_mxfp4',
  },
  ...[false, true].map(ggufNvfp4),
];
