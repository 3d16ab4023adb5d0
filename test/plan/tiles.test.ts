// Tiles for every format, activation and storage: they fit into the memory of a threadgroup, their loaders cover them, and they
// hold operands in a type that has all of their values.

import { describe, expect, it } from 'vitest';
import {
  planTile,
  TILE_NAMES,
  TILE_ROWS,
  tileBytes,
  tileName,
  tileFormatTerms,
  tileTerms,
  tileThreads,
  type TileName,
  type TilePlan,
  type TileUse,
} from '../../generator/plan/tiles.js';
import { ACTIVATION_DTYPES } from '../../generator/description/dtypes.js';
import {
  denseFormat,
  formatNamed,
  QUANTISED_FORMATS,
  WEIGHT_FORMATS,
  type WeightFormat,
} from '../../generator/description/weights.js';

const FORMATS: readonly WeightFormat[] = [...WEIGHT_FORMATS, ...QUANTISED_FORMATS];

/** Transposed matrices are dense. */
const USES: readonly TileUse[] = FORMATS.flatMap((format) =>
  ACTIVATION_DTYPES.flatMap((input) =>
    (['ushort', 'bfloat'] as const).flatMap((bf16Storage) =>
      [1, 2].flatMap((parts) =>
        [false, true].flatMap((isScaled) =>
          (format.element === null ? [true] : [true, false]).map((isByRows) => ({
            input,
            isScaled,
            format,
            isByRows,
            parts,
            bf16Storage,
          })),
        ),
      ),
    ),
  ),
);

const TILES = TILE_NAMES.flatMap((name) => USES.map((use) => [name, planTile(name, use)] as const));

function titleOf({ format, input, bf16Storage, parts, isScaled, isByRows }: TilePlan): string {
  const words = [isScaled ? 'scaled' : '', isByRows ? '' : 'transposed'];
  return [format.name, input, bf16Storage, `${parts} parts`, ...words].filter(Boolean).join(' ');
}

/** Numbers that 16 bits must hold exactly, with the bits of their significands. */
const CODE_BITS: Readonly<Partial<Record<WeightFormat['decoder'], number>>> = {
  ...{ affine: 8, mxfp4: 2, nvfp4: 2, fp8: 4, gguf_mxfp4: 2, gguf_nvfp4: 2 },
  ...{ q8_0: 8, nibbles: 7, few_bits: 2, tq2_0: 2, q2_K: 2, q3_K: 3, q4_K: 5, q6_K: 6, iq4_xs: 7 },
};

describe('tiles', () => {
  it('are those of every format, activation and storage', () => {
    expect(TILES.length).toBeGreaterThan(1000);
  });

  it('fit into the memory of a threadgroup, of 16 bits with 64 terms, but for wide ones of single blocks', () => {
    for (const [name, tile] of TILES) {
      expect(tileBytes(tile), `${name} ${titleOf(tile)}`).toBeLessThanOrEqual(32_768);
      const isSingle = name === 'wide' && tile.format.hasScale;
      const isLong = tile.format.isPaired || (tile.element !== 'float' && !isSingle);
      expect(tile.shape.blockK, titleOf(tile)).toBe(isLong ? 64 : 32);
    }
  });

  it('are covered by whole matrices of their simdgroups and by their loaders', () => {
    for (const [name, tile] of TILES) {
      const { shape, format, parts } = tile;
      const title = `${name} ${titleOf(tile)}`;
      const threads = tileThreads(shape);
      expect(shape.blockM, title).toBe(TILE_ROWS[name]);
      expect(shape.blockM % (8 * shape.simdgroupsM), title).toBe(0);
      expect(shape.blockN % (8 * shape.simdgroupsN), title).toBe(0);
      expect(shape.blockK % (format.isPaired ? 64 : format.blockTerms), title).toBe(0);
      const terms = tileTerms(tile);
      expect(terms.inputPasses * threads * 4, title).toBe(shape.blockM * shape.blockK);
      expect((4 * threads) % shape.blockK, title).toBe(0);
      // Packed groups never end within a tile, or hold whole tiles.
      expect(format.groupTerms % shape.blockK === 0 || shape.blockK % format.groupTerms === 0, title).toBe(
        true,
      );
      if (!tile.isByRows) continue;
      const blocks = shape.blockN * parts * (shape.blockK / format.blockTerms);
      expect(terms.weightPasses * threads, title).toBeGreaterThanOrEqual(blocks);
      expect(threads % (shape.blockK / format.blockTerms), title).toBe(0);
    }
  });

  it('hold operands in 16 bits where these have all of their values, else in float', () => {
    for (const [, tile] of TILES) {
      const { element, format, input, isScaled } = tile;
      if (element === 'float') {
        expect(isScaled || input !== 'f16' || (format.element ?? input) !== input, titleOf(tile)).toBe(true);
        continue;
      }
      expect(isScaled, titleOf(tile)).toBe(false);
      expect({ half: 'f16', bfloat: 'bf16' }[element], titleOf(tile)).toBe(input);
      if (format.element !== null) expect(format.element, titleOf(tile)).toBe(input);
      else expect(CODE_BITS[format.decoder] ?? NaN, titleOf(tile)).toBeLessThanOrEqual(8);
    }
    const of = (change: Partial<TileUse>) => planTile('wide', { ...USE, ...change }).element;
    expect(of({ input: 'f16' })).toBe('half');
    expect(of({ input: 'bf16' })).toBe('float');
    expect(of({ input: 'bf16', bf16Storage: 'bfloat' })).toBe('bfloat');
    expect(of({ input: 'f32' })).toBe('float');
    expect(of({ input: 'f16', isScaled: true })).toBe('float');
    expect(of({ input: 'f16', format: denseFormat('bf16') })).toBe('float');
  });

  it('say how many bytes they take: elements, scales, offsets and sums of the input', () => {
    const bytes = (name: TileName, change: Partial<TileUse>) => {
      const tile = planTile(name, { ...USE, ...change });
      return [tileName(tile.shape), tileBytes(tile)];
    };
    // Half: rows of 64 terms and 8 of padding.
    expect(bytes('low', { format: denseFormat('f16'), input: 'f16' })).toEqual([
      'bm16_bn128_bk64_wm1_wn4',
      (16 + 128) * 72 * 2,
    ]);
    // Float: rows of 32 terms and 4 of padding, and a scale for each row of weights.
    expect(bytes('wide', { format: formatNamed('q8_0'), input: 'f32' })).toEqual([
      'bm64_bn64_bk32_wm2_wn2',
      (64 + 64) * 36 * 4 + 64 * 4,
    ]);
    // Both blocks of a pair, in half: scales and offsets of two blocks for each row, and sums of the input's.
    expect(bytes('wide', { format: formatNamed('q4_K'), input: 'f16' })).toEqual([
      'bm64_bn64_bk64_wm2_wn2',
      (64 + 64) * 72 * 2 + (2 * 64 + 64) * 2 * 4,
    ]);
    // Low, in float, there is room for a quarter of the columns.
    expect(bytes('low', { format: formatNamed('q4_K'), input: 'f32', parts: 2 })).toEqual([
      'bm16_bn16_bk64_wm1_wn2',
      (16 + 32) * 68 * 4 + (2 * 32 + 16) * 2 * 4,
    ]);
    // Transposed weights lie in rows of columns.
    expect(bytes('low', { format: denseFormat('f32'), input: 'f32', isByRows: false })).toEqual([
      'bm16_bn128_bk32_wm1_wn4',
      (16 * 36 + 32 * 132) * 4,
    ]);
  });

  it('take weights as they are stored where both have the same bits', () => {
    const of = (change: Partial<TileUse>) =>
      tileFormatTerms(planTile('wide', { ...USE, ...change })).isAsStored;
    expect(of({ format: denseFormat('f16'), input: 'f16' })).toBe(true);
    expect(of({ format: denseFormat('f32'), input: 'f32' })).toBe(true);
    expect(of({ format: denseFormat('bf16'), input: 'bf16', bf16Storage: 'bfloat' })).toBe(true);
    expect(of({ format: denseFormat('bf16'), input: 'bf16' })).toBe(false);
    expect(of({ format: formatNamed('mxfp4'), input: 'f16' })).toBe(false);
  });

  it('take codes of four bits in pairs where they become elements of 16 bits', () => {
    const of = (weight: string, input: 'f16' | 'f32') =>
      tileFormatTerms(planTile('wide', { ...USE, format: formatNamed(weight), input })).isByPairs;
    expect(['affine4_g64_bf16', 'q4_K'].map((weight) => of(weight, 'f16'))).toEqual([true, true]);
    expect(['affine8_g64_bf16', 'mxfp4', 'q8_0', 'f16'].map((weight) => of(weight, 'f16'))).not.toContain(
      true,
    );
    expect(['q6_K', 'q2_0', 'q5_1', 'q5_K'].map((weight) => of(weight, 'f16'))).not.toContain(false);
    expect(of('iq4_nl', 'f16')).toBe(false);
    expect(of('q4_K', 'f32')).toBe(false);
  });
});

const USE: TileUse = {
  input: 'f16',
  isScaled: false,
  format: formatNamed('mxfp4'),
  isByRows: true,
  parts: 1,
  bf16Storage: 'ushort',
};
