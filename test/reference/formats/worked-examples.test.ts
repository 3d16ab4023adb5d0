// Bytes and values worked out by hand from the descriptions of the formats.

import { describe, expect, it } from 'vitest';
import { formatReference } from '../../../generator/reference/formats/index.js';
import { bytesOf, differences } from './vectors.js';

const repeat = <T>(values: readonly T[], times: number): T[] =>
  Array.from({ length: times }, () => values).flat();
const range = (count: number) => Array.from({ length: count }, (_, index) => index);

/** As bytes of little-endian halves. */
const halves = (...bits: number[]) => bits.flatMap((half) => [half & 255, half >>> 8]);
const [HALF, ONE, MINUS_ONE] = [0x3800, 0x3c00, 0xbc00];

const hexOf = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString('hex');

/** The codes as values: scale 1, offset 0. */
function affineCodes(bits: number, weight: Uint8Array): number[] {
  const scales = Uint8Array.from(halves(ONE));
  const planes = { weight, scales, offsets: new Uint8Array(2) };
  return [...formatReference(`affine${bits}_g32_f16`).decode(planes, 1, 32)];
}

describe('affine codes', () => {
  it.each([
    [2, range(4), 'e4'],
    [3, range(8), '88c6fa'],
    [4, range(8), '10325476'],
    [5, range(8), '2088418a39'],
    [6, range(4), '40200c'],
    [6, [60, 61, 62, 63], '7cefff'],
    [8, range(4), '00010203'],
  ])('of %i bits: %j are the bytes %s', (bits, codes, hex) => {
    const times = 32 / codes.length;
    expect(affineCodes(bits, bytesOf(hex.repeat(times)))).toEqual(repeat(codes, times));
  });

  it.each([
    [3, repeat(range(8), 4), [0x88fac688, 0xc688fac6, 0xfac688fa]],
    [5, range(32), [0x8a418820, 0xc5a92839, 0xca307b9a, 0x38bdab49, 0xffbbcdeb]],
    [6, repeat(range(16), 2), [0x440c2040, 0xa2481c61, 0x3ce34c2c, 0x440c2040, 0xa2481c61, 0x3ce34c2c]],
  ])('of %i bits as words', (bits, codes, words) => {
    expect(affineCodes(bits, new Uint8Array(Uint32Array.from(words).buffer))).toEqual(codes);
  });

  it.each([
    [
      3,
      ([a = 0, b = 0, c = 0]: number[]) => [
        a & 7,
        (a >> 3) & 7,
        (a >> 6) | ((b & 1) << 2),
        (b >> 1) & 7,
        (b >> 4) & 7,
        (b >> 7) | ((c & 3) << 1),
        (c >> 2) & 7,
        c >> 5,
      ],
    ],
    [
      5,
      ([a = 0, b = 0, c = 0, d = 0, e = 0]: number[]) => [
        a & 31,
        (a >> 5) | ((b & 3) << 3),
        (b >> 2) & 31,
        (b >> 7) | ((c & 15) << 1),
        (c >> 4) | ((d & 1) << 4),
        (d >> 1) & 31,
        (d >> 6) | ((e & 7) << 2),
        e >> 3,
      ],
    ],
    [
      6,
      ([a = 0, b = 0, c = 0]: number[]) => [
        a & 63,
        (a >> 6) | ((b & 15) << 2),
        (b >> 4) | ((c & 3) << 4),
        c >> 2,
      ],
    ],
  ] as const)('of %i bits by the byte formulas', (bits, formula) => {
    const unit = bits === 6 ? 3 : bits;
    const bytes = range(bits * 4).map((index) => (index * 89 + 37) & 255);
    const wanted = range(bytes.length / unit).flatMap((at) =>
      formula(bytes.slice(at * unit, (at + 1) * unit)),
    );
    expect(affineCodes(bits, Uint8Array.from(bytes))).toEqual(wanted);
  });

  it('decode under a scale and an offset', () => {
    const planes = {
      weight: bytesOf('10325476'.repeat(4)),
      scales: Uint8Array.from(halves(0x3400)),
      offsets: Uint8Array.from(halves(MINUS_ONE)),
    };
    const wanted = repeat([-1, -0.75, -0.5, -0.25, 0, 0.25, 0.5, 0.75], 4);
    expect([...formatReference('affine4_g32_f16').decode(planes, 1, 32)]).toEqual(wanted);
  });
});

describe('affine encoding bends the scale until zero is a code', () => {
  it.each([
    [
      [-1, -0.5, 0, 0.25, 0.5, 0.75, 0.8, 0.9],
      [-1, -0.5, 0, 0.25, 0.5, 0.75, 0.75, 0.875],
      0.125,
      -1,
      '40a8ecfe',
    ],
    [[0.1, 0.2, 0.9, 1.5], [0.09375, 0.1875, 0.9375, 1.5], -0.09375, 1.5, 'ef06'],
  ])('%j', (values, wanted, scale, offset, hex) => {
    const format = formatReference('affine4_g32_f32');
    const times = 32 / values.length;
    const planes = format.encode(repeat(values, times), 1, 32);
    expect(new Float32Array(planes['scales']?.slice().buffer ?? new ArrayBuffer(0))).toEqual(
      Float32Array.of(scale),
    );
    expect(new Float32Array(planes['offsets']?.slice().buffer ?? new ArrayBuffer(0))).toEqual(
      Float32Array.of(offset),
    );
    expect(hexOf(planes['weight'])).toBe(hex.repeat(times));
    expect([...format.decode(planes, 1, 32)]).toEqual(repeat(wanted, times));
  });
});

describe('E2M1 formats', () => {
  const codes = [0, 0.5, 1, 1.5, 2, 3, 4, 6, -0, -0.5, -1, -1.5, -2, -3, -4, -6];
  const nibbles = bytesOf('1032547698badcfe');

  it('have code 2j in the low half of byte j', () => {
    const scales = Uint8Array.of(127, 128);
    const weight = bytesOf('1032547698badcfe'.repeat(4));
    const decoded = formatReference('mxfp4').decode({ weight, scales }, 1, 64);
    expect(
      differences(decoded, [...repeat(codes, 2), ...repeat(codes, 2).map((value) => value * 2)]),
    ).toEqual([]);
    const one = { weight: nibbles, scales: Uint8Array.of(0x38) };
    expect(differences(formatReference('nvfp4_plain').decode(one, 1, 16), codes)).toEqual([]);
  });

  it('have one global number in three conventions', () => {
    const amax = 5.25;
    const float = (value: number) => new Uint8Array(Float32Array.of(value).buffer);
    const planes = { weight: nibbles, scales: Uint8Array.of(0x7e) };
    const [product, quotient, largest] = [
      ['nvfp4', amax / 2688],
      ['nvfp4_divided', 2688 / amax],
      ['nvfp4_amax', amax],
    ].map(([name, global]) =>
      formatReference(String(name)).decode({ ...planes, global: float(Number(global)) }, 1, 16),
    );
    // 2688 / 5.25 = 512 is exact, a 512th too.
    expect([product?.[7], quotient?.[7], largest?.[7]]).toEqual([amax, amax, amax]);
  });

  it('choose the smallest power of two that holds the largest value', () => {
    const scaleOf = (largest: number) => {
      const values = Array.from({ length: 32 }, () => 0).with(9, -largest);
      return formatReference('mxfp4').encode(values, 1, 32)['scales']?.[0];
    };
    // ceil(log2(largest / 6)) + 127
    expect([6, 6.001, 12, 3, 3.001, 0.75, 0].map(scaleOf)).toEqual([127, 128, 128, 126, 127, 124, 0]);
  });

  it('lie in another order in GGUF', () => {
    const block = Uint8Array.of(127, ...bytesOf('1032547698badcfe'.repeat(2)));
    const positive = codes.map((value) => value + 0);
    const low = repeat(
      positive.filter((_, index) => index % 2 === 0),
      2,
    );
    const high = repeat(
      positive.filter((_, index) => index % 2 === 1),
      2,
    );
    const decoded = formatReference('gguf_mxfp4').decode({ weight: block }, 1, 32);
    expect(differences(decoded, [...low, ...high])).toEqual([]);
  });

  it('in GGUF have scale 1 for 0x38, and no sign in a scale', () => {
    const scales = [0x38, 0xb8, 0x80, 0xff];
    const block = Uint8Array.of(...scales, ...repeat([0x22], 32));
    const decoded = formatReference('gguf_nvfp4').decode({ weight: block }, 1, 64);
    expect([0, 16, 32, 48].map((term) => decoded[term])).toEqual([1, 1, 0, 480]);
  });
});

describe('GGUF blocks', () => {
  const decode = (name: string, bytes: readonly number[], terms: number) =>
    formatReference(name).decode({ weight: Uint8Array.from(bytes) }, 1, terms);

  it.each([
    ['q4_0', 32, 18],
    ['q4_1', 32, 20],
    ['q5_0', 32, 22],
    ['q5_1', 32, 24],
    ['q8_0', 32, 34],
    ['gguf_mxfp4', 32, 17],
    ['gguf_nvfp4', 64, 36],
    ['q1_0', 128, 18],
    ['q2_0', 64, 18],
    ['q2_K', 256, 84],
    ['q3_K', 256, 110],
    ['q4_K', 256, 144],
    ['q5_K', 256, 176],
    ['q6_K', 256, 210],
    ['iq4_nl', 32, 18],
    ['iq4_xs', 256, 136],
    ['tq2_0', 256, 66],
  ])('%s: %i terms in %i bytes', (name, terms, bytes) => {
    expect(formatReference(name).groupTerms).toBe(terms);
    expect(formatReference(name).planeBytes(3, 2 * terms)).toEqual({ weight: 6 * bytes });
  });

  it('q4_0 has terms 0 and 16 in one byte, q5_0 their fifth bits at 0 and 16', () => {
    const four = decode('q4_0', [...halves(HALF), 0xf0, ...repeat([0x88], 15)], 32);
    expect([four[0], four[16], four[1]]).toEqual([-4, 3.5, 0]);
    const five = decode('q5_0', [...halves(ONE), 0x01, 0x00, 0x02, 0x00, ...repeat([0], 16)], 32);
    expect([five[0], five[1], five[16], five[17]]).toEqual([0, -16, -16, 0]);
  });

  it('q4_1 and q5_1 add the min', () => {
    const four = decode('q4_1', [...halves(HALF, MINUS_ONE), 0xf0, ...repeat([0], 15)], 32);
    expect([four[0], four[16]]).toEqual([-1, 6.5]);
    const five = decode('q5_1', [...halves(HALF, MINUS_ONE), 0, 0, 1, 0, 0xf0, ...repeat([0], 15)], 32);
    expect([five[0], five[16]]).toEqual([-1, 14.5]);
  });

  it('q1_0 has signs, q2_0 and tq2_0 -1 to 2', () => {
    const one = decode('q1_0', [...halves(HALF), 0b101, ...repeat([0], 15)], 128);
    expect([...one.subarray(0, 4)]).toEqual([0.5, -0.5, 0.5, -0.5]);
    const two = decode('q2_0', [...halves(HALF), 0xe4, ...repeat([0x55], 15)], 64);
    expect([...two.subarray(0, 5)]).toEqual([-0.5, 0, 0.5, 1, 0]);
    const ternary = decode('tq2_0', [0xe4, ...repeat([0x55], 63), ...halves(HALF)], 256);
    expect([0, 32, 64, 96, 128].map((term) => ternary[term])).toEqual([-0.5, 0, 0.5, 1, 0]);
  });

  it('q4_K and q5_K read six-bit scales and mins', () => {
    const pairs = [...bytesOf('4182c3c44586c7c8010101ef')];
    const scales = [1, 2, 3, 4, 17, 33, 49, 63];
    const mins = [5, 6, 7, 8, 16, 32, 48, 62];
    // Low nibbles 0 and high ones 1: sub-blocks take turns.
    const four = decode('q4_K', [...halves(ONE, HALF), ...pairs, ...repeat([0x10], 128)], 256);
    const wanted = range(256).map((term) => {
      const j = Math.floor(term / 32);
      return (scales[j] ?? 0) * (j % 2) - 0.5 * (mins[j] ?? 0);
    });
    expect(differences(four, wanted)).toEqual([]);
    // Fifth bit of sub-block 2 alone.
    const five = decode(
      'q5_K',
      [...halves(ONE, HALF), ...pairs, ...repeat([4], 32), ...repeat([0x10], 128)],
      256,
    );
    const withFifth = wanted.map((value, term) => (Math.floor(term / 32) === 2 ? value + 16 * 3 : value));
    expect(differences(five, withFifth)).toEqual([]);
  });

  it('q3_K reads sixteen signed scales', () => {
    const scales = [0, 1, 2, 3, 15, 16, 31, 32, 33, 47, 48, 62, 63, 5, 6, 7];
    const packed = [...bytesOf('10f102e3ff506f70e0243438')];
    const block = [...repeat([255], 32), ...repeat([0b01010101], 64), ...packed, ...halves(ONE)];
    const wanted = range(256).map((term) => (scales[Math.floor(term / 16)] ?? 0) - 32);
    expect(differences(decode('q3_K', block, 256), wanted)).toEqual([]);
    const without = [...repeat([0], 32), ...block.slice(32)];
    expect(
      differences(
        decode('q3_K', without, 256),
        wanted.map((scale) => scale * -3),
      ),
    ).toEqual([]);
  });

  it('q2_K has a scale in the low half of a byte and a min in the high one', () => {
    const block = [...range(16).map((j) => j * 16 + 15 - j), ...repeat([0xe4], 64), ...halves(ONE, HALF)];
    const wanted = range(256).map((term) => {
      const j = Math.floor(term / 16);
      return (15 - j) * (Math.floor(term / 32) % 4) - 0.5 * j;
    });
    expect(differences(decode('q2_K', block, 256), wanted)).toEqual([]);
  });

  it('q6_K puts together four and two bits', () => {
    const scales = range(16).map((j) => (j - 8) & 255);
    const block = [...repeat([0x21], 128), ...repeat([0xe4], 64), ...scales, ...halves(ONE)];
    // Nibble 1 for the first 64 of 128, 2 for the others; pairs 0, 1, 2, 3 for each 32.
    const codes = [1, 17, 34, 50].map((code) => code - 32);
    const wanted = range(256).map((term) => {
      const scale = Math.floor(term / 16) - 8;
      return scale * (codes[Math.floor(term / 32) % 4] ?? 0);
    });
    expect(differences(decode('q6_K', block, 256), wanted)).toEqual([]);
  });

  it('iq4_nl has uneven steps, iq4_xs six-bit scales above them', () => {
    const steps = [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113];
    const plain = decode('iq4_nl', [...halves(ONE), ...range(16).map((code) => code * 17)], 32);
    expect(differences(plain, repeat(steps, 2))).toEqual([]);
    const scales = [0, 1, 15, 16, 31, 32, 48, 63];
    const block = [...halves(ONE), 0x40, 0xf9, 0x10, 0x0f, 0x0f, 0xf0, ...repeat([0x98], 128)];
    const wanted = range(256).map((term) => {
      const step = term % 32 < 16 ? 1 : 13;
      return ((scales[Math.floor(term / 32)] ?? 0) - 32) * step;
    });
    expect(differences(decode('iq4_xs', block, 256), wanted)).toEqual([]);
  });
});

describe('FP8 tiles', () => {
  it('multiply by the scale of their tile, partial ones too', () => {
    const weight = new Uint8Array(130 * 129).fill(0x38);
    const scales = new Uint8Array(Float32Array.of(1, 2, 3, 4).buffer);
    const decoded = formatReference('fp8_128x128_f32').decode({ weight, scales }, 130, 129);
    const at = (column: number, term: number) => decoded[column * 129 + term];
    expect([at(127, 127), at(127, 128), at(128, 127), at(129, 128)]).toEqual([1, 2, 3, 4]);
  });

  it('in bytes are powers of two', () => {
    const planes = { weight: Uint8Array.of(0x38, 0x7e), scales: Uint8Array.of(126) };
    expect([...formatReference('fp8_32x32_ue8m0').decode(planes, 1, 2)]).toEqual([0.5, 224]);
    const encoded = formatReference('fp8_32x32_ue8m0').encode([448.5, 1], 1, 2);
    expect([...(encoded['scales'] ?? [])]).toEqual([128]);
  });
});

describe('integers of compressed-tensors', () => {
  it('are stored with half their range added, zero points along the columns', () => {
    const plain = { weight: bytesOf('08'.repeat(16)), scales: Uint8Array.from(halves(HALF)) };
    const symmetric = formatReference('int4_g32_f16').decode(plain, 1, 32);
    expect([symmetric[0], symmetric[1]]).toEqual([0, -4]);
    const weight = new Uint8Array(9 * 16);
    const offsets = Uint8Array.of(0x10, 0, 0, 0x70, 0x0f, 0, 0, 0);
    const scales = Uint8Array.from(repeat(halves(ONE), 9));
    const decoded = formatReference('int4_g32_f16_asym').decode({ weight, offsets, scales }, 9, 32);
    const first = range(9).map((column) => decoded[column * 32]);
    expect(first.map((value) => (value ?? NaN) + 0)).toEqual([0, -1, 0, 0, 0, 0, 0, -7, -15]);
  });
});
