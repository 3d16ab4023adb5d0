// Repacked matrices against the references: what the affine reference reads from the new planes is what the reference of the old ones reads.

import { describe, expect, it } from 'vitest';
import { repackAsAffine, type IntegerPlanes } from '../../generator/checkpoint/repack.js';
import type { IntegerLayout } from '../../generator/description/recipes.js';
import { formatReference } from '../../generator/reference/formats/index.js';
import { decodeGptq } from '../../generator/reference/formats/transposed.js';
import {
  differences,
  planesOf,
  readVectors,
  valuesOf,
  type VectorCase,
} from '../reference/formats/vectors.js';

type Kind = IntegerLayout['kind'];

function inputOf(kind: Kind, bits: IntegerLayout['bits'], { shape, params = {}, planes }: VectorCase) {
  const [columns = 0, terms = 0] = shape;
  const {
    weight = new Uint8Array(),
    scales = new Uint8Array(),
    offsets,
    g_idx: groupIndex,
  } = planesOf(planes);
  const isRow = params['group'] === -1 || params['strategy'] === 'channel';
  const layout: IntegerLayout = {
    kind,
    bits,
    columns,
    terms,
    group: isRow ? null : Number(params['group']),
    scaleType: (planes['scales']?.dtype.toLowerCase() ?? '') as IntegerLayout['scaleType'],
  };
  const bytes: IntegerPlanes = {
    weight,
    scales,
    ...(offsets && { zeros: offsets }),
    ...(groupIndex && { groupIndex }),
  };
  return { bytes, layout };
}

/** Signs of zeros aside: an affine zero is a sum. */
const withoutSigns = (values: ArrayLike<number>) => Array.from(values, (value) => value + 0);

/** The cases that affine weights hold, with their format; and the others, with the reason. */
const FILES: readonly (readonly [string, Kind, 4 | 8, Readonly<Record<string, string>>])[] = [
  [
    'gptq_int4_v1',
    'gptq',
    4,
    {
      codes_x_zeros: 'affine4_g32_f16',
      sym: 'affine4_g32_f16',
      asym: 'affine4_g32_f32',
      one_group: 'rows of 40 terms',
      partial_group: 'rows of 80 terms',
      extreme_scales: 'column 9 has the scale Infinity',
    },
  ],
  [
    'gptq_int4_v2',
    'gptq_v2',
    4,
    {
      codes_x_zeros: 'affine4_g32_f16',
      sym: 'affine4_g32_f16',
      asym: 'affine4_g32_f32',
      one_group: 'rows of 40 terms',
      partial_group: 'rows of 80 terms',
      extreme_scales: 'column 9 has the scale Infinity',
    },
  ],
  [
    'awq_int4',
    'awq',
    4,
    { walking: 'rows of 8 terms', codes_x_zeros: 'affine4_g32_f16', random: 'affine4_g128_f32' },
  ],
  [
    'compressed_tensors_int4',
    'compressed-tensors',
    4,
    {
      sym_g32_bf16: 'affine4_g32_bf16',
      sym_g128_f16: 'affine4_g128_f16',
      sym_g64_f32: 'affine4_g64_f32',
      asym_tail: 'affine4_g32_f32',
      channel_tail: 'rows of 43 terms',
      g_idx: 'its terms are reordered',
    },
  ],
  [
    'compressed_tensors_int8',
    'compressed-tensors',
    8,
    {
      sym_g32_bf16: 'affine8_g32_bf16',
      sym_g128_f16: 'affine8_g128_f16',
      sym_g64_f32: 'affine8_g64_f32',
      asym_tail: 'affine8_g32_f32',
      channel_tail: 'rows of 43 terms',
      g_idx: 'its terms are reordered',
    },
  ],
];

describe.each(FILES)('%s', (file, kind, bits, outcomes) => {
  const cases = readVectors(file).cases.filter(({ params }) => params?.['format'] !== 'int-quantized');

  it('has an outcome for each case', () => {
    expect(cases.map(({ name }) => name)).toEqual(Object.keys(outcomes));
  });

  it.each(cases)('$name', (each) => {
    const { bytes, layout } = inputOf(kind, bits, each);
    const outcome = outcomes[each.name] ?? '';
    if (!outcome.startsWith('affine')) {
      expect(() => repackAsAffine(bytes, layout, 'experts.0')).toThrow(outcome);
      return;
    }
    const { format, planes } = repackAsAffine(bytes, layout, 'experts.0');
    expect(format).toBe(outcome);
    const values = formatReference(format).decode(planes, layout.columns, layout.terms);
    expect(differences(withoutSigns(values), withoutSigns(valuesOf(each.values)))).toEqual([]);
  });
});

describe('other widths and groups', () => {
  /** A GPTQ matrix of two groups of 96 terms, or of one, with walking bits everywhere. */
  const matrix = (bits: 2 | 3 | 8, group: number | null) => {
    const [columns, terms, groups] = [32, 192, group === null ? 1 : 2];
    const some = (count: number) =>
      Uint8Array.from({ length: count }, (_, index) => (index * 151 + 43) & 255);
    const scales = new Uint8Array(new Uint16Array(columns * groups).fill(0x3c00).buffer);
    const planes = {
      weight: some((terms * columns * bits) / 8),
      zeros: some((groups * columns * bits) / 8),
      scales,
    };
    const layout: IntegerLayout = { kind: 'gptq_v2', bits, columns, terms, group, scaleType: 'f16' };
    return { planes, layout };
  };

  it.each([
    [2, 96, 'affine2_g32_f16'],
    [3, 96, 'affine3_g32_f16'],
    [8, 96, 'affine8_g32_f16'],
    [3, null, 'affine3_g64_f16'],
  ] as const)('%i bits in groups of %s', (bits, group, format) => {
    const { planes, layout } = matrix(bits, group);
    const { weight, zeros, scales } = planes;
    const packed = repackAsAffine(planes, layout, 'experts.0');
    expect(packed.format).toBe(format);
    const { columns, terms } = layout;
    const old = decodeGptq(
      { weight, offsets: zeros, scales },
      { ...layout, group: group ?? terms, version: 'gptq_v2' },
    );
    const values = formatReference(format).decode(packed.planes, columns, terms);
    expect(differences(withoutSigns(values), withoutSigns(old))).toEqual([]);
  });

  it('a float scale whose offset is no float is refused', () => {
    const { planes, layout } = matrix(8, 96);
    const scales = new Uint8Array(new Float32Array(64).fill(1 + 2 ** -23).buffer);
    expect(() => repackAsAffine({ ...planes, scales }, { ...layout, scaleType: 'f32' }, 'experts.0')).toThrow(
      expect.objectContaining({ code: 'checkpoint/not-affine', where: 'experts.0' }),
    );
  });

  it("GPTQ's first version does not say what the largest zero point means", () => {
    const { planes, layout } = matrix(8, 96);
    const zeros = planes.zeros.slice().fill(7);
    zeros[33] = 255;
    expect(() => repackAsAffine({ ...planes, zeros }, layout, 'experts.0')).not.toThrow();
    expect(() => repackAsAffine({ ...planes, zeros }, { ...layout, kind: 'gptq' }, 'experts.0')).toThrow(
      'column 1 stores the zero point 255, which means 256 to some and 0 to others',
    );
  });

  it('GPTQ without zero points is refused', () => {
    const { planes, layout } = matrix(2, 96);
    const { weight, scales } = planes;
    expect(() => repackAsAffine({ weight, scales }, layout, 'experts.0')).toThrow('zero points are missing');
  });
});
