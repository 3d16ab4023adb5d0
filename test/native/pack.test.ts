// Normalised integers: packing and unpacking against plain arithmetic, from and to float and half.

import { expect, test } from 'vitest';

import { noise, rounded, type FloatType } from './floats.js';
import { launch, load, output, range } from './support.js';

interface Format {
  readonly packs: string;
  readonly unpacks: string;
  /** Of each component: the lowest bit, and how many. */
  readonly fields: readonly (readonly [number, number])[];
  readonly signed?: boolean;
  readonly srgb?: boolean;
}

const BYTES = range(4).map((i) => [8 * i, 8] as const);
const SHORTS = range(2).map((i) => [16 * i, 16] as const);
// Blue lies lowest.
const RED_GREEN_BLUE = [
  [11, 5],
  [5, 6],
  [0, 5],
] as const;
const TENS = [
  [0, 10],
  [10, 10],
  [20, 10],
  [30, 2],
] as const;

const FORMATS: readonly Format[] = [
  { packs: 'unorm4x8', unpacks: 'unorm4x8', fields: BYTES },
  { packs: 'snorm4x8', unpacks: 'snorm4x8', fields: BYTES, signed: true },
  { packs: 'srgb_unorm4x8', unpacks: 'unorm4x8_srgb', fields: BYTES, srgb: true },
  { packs: 'unorm2x16', unpacks: 'unorm2x16', fields: SHORTS },
  { packs: 'snorm2x16', unpacks: 'snorm2x16', fields: SHORTS, signed: true },
  { packs: 'unorm10a2', unpacks: 'unorm10a2', fields: TENS },
  { packs: 'unorm565', unpacks: 'unorm565', fields: RED_GREEN_BLUE },
];

const TYPES: Readonly<Record<string, FloatType>> = { float: 'f32', half: 'f16' };

const CALLS = FORMATS.flatMap((format) =>
  Object.entries(TYPES).map(([name, type]) => ({ format, name, type })),
);

/** The fourth component is alpha, which stays linear. */
const isCurved = ({ srgb }: Format, component: number): boolean => srgb === true && component < 3;

const encoded = (x: number): number => (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
const decoded = (x: number): number => (x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
const largestOf = (bits: number, signed = false): number => 2 ** (signed ? bits - 1 : bits) - 1;

/** Exact halves, of which 0.5 alone leads to any, go to the even number. */
function nearest(x: number): number {
  const below = Math.floor(x);
  return x - below === 0.5 ? below + (below & 1) : Math.round(x);
}

/** Both neighbours where float cannot tell which one is nearer. */
function packedOf(format: Format, component: number, value: number): number[] {
  const [, bits] = format.fields[component] ?? [0, 0];
  const largest = largestOf(bits, format.signed);
  const clamped = Number.isNaN(value) ? 0 : Math.max(format.signed === true ? -1 : 0, Math.min(value, 1));
  const curved = isCurved(format, component);
  const exact = (curved ? encoded(clamped) : clamped) * largest;
  const slack = exact % 1 === 0.5 ? 0 : largest * (curved ? 2 ** -21 : 2 ** -25);
  return [exact - slack, exact + slack].map((x) => (nearest(x) & (2 ** bits - 1)) >>> 0);
}

/** The least and the greatest value that will do. */
function unpackedOf(format: Format, component: number, word: number, type: FloatType): number[] {
  const [low, bits] = format.fields[component] ?? [0, 0];
  const raw = (word >>> low) & (2 ** bits - 1);
  const value = format.signed === true ? (raw << (32 - bits)) >> (32 - bits) : raw;
  const exact = Math.fround(Math.max(value / largestOf(bits, format.signed), -1));
  if (!isCurved(format, component)) return rounded(type, [exact, exact]);
  const slack = decoded(exact) * 2 ** -21;
  return rounded(type, [decoded(exact) - slack, decoded(exact) + slack]);
}

const WIDTH = 4 * CALLS.length;

function kernel(): string {
  const packs = CALLS.map(({ format: { packs, fields }, name }, call) => {
    const swizzle = 'xyzw'.slice(0, fields.length);
    return `  packed[${CALLS.length} * i + ${call}] = pack_${name}_to_${packs}(${name}${fields.length}(values[i].${swizzle}));`;
  });
  const unpacks = CALLS.map(({ format: { unpacks, fields }, name }, call) => {
    const argument = fields === RED_GREEN_BLUE ? 'ushort(words[i])' : 'words[i]';
    const components = fields.map((_, at) => `unpacked[${WIDTH} * i + ${4 * call + at}] = v[${at}];`);
    return `  { const ${name}${fields.length} v = unpack_${unpacks}_to_${name}(${argument}); ${components.join(' ')} }`;
  });
  return `kernel void test(device const float4* values [[buffer(0)]], device const uint* words [[buffer(1)]],
    device uint* packed [[buffer(2)]], device float* unpacked [[buffer(3)]], uint i [[thread_position_in_grid]]) {
${[...packs, ...unpacks].join('\n')}
}`;
}

const COUNT = 1024;

/** Corners, what lies closely around the middle between two bytes, and numbers without a pattern. */
function floats(): number[] {
  const corners = [0, -0, 0.5, 1, 1.0001, 2, 2 ** -149, 0.0031308, 0.0031309, 1e30, Infinity].flatMap((x) => [
    x,
    -x,
  ]);
  const middles = range(255).flatMap((n) => [-1, 1].map((side) => (n + 0.5 + side * 2 ** -10) / 255));
  const others = noise('f32', 4 * COUNT - corners.length - middles.length - 1, 1, 1.1);
  return [NaN, ...corners, ...middles, ...others].map((x) => Math.fround(x));
}

/** Each byte and each pair of bytes that begins with it, then words without a pattern. */
function words(): number[] {
  const bytes = range(256).flatMap((n) => [n * 0x01010101, n * 0x01000100]);
  return [
    ...bytes,
    0x80008000,
    0x7fff7fff,
    0x80017ffe,
    ...range(COUNT - 515).map((n) => Math.imul(n + 1, 0x9e3779b1)),
  ].map((word) => word >>> 0);
}

test('packing and unpacking', async () => {
  const [values, inputs] = [floats(), words()];
  const result = await launch({
    library: await load(kernel()),
    kernel: 'test',
    buffers: [
      Float32Array.from(values),
      Uint32Array.from(inputs),
      4 * CALLS.length * COUNT,
      4 * WIDTH * COUNT,
    ],
    threads: COUNT,
  });
  const packed = new Uint32Array(output(result));
  const unpacked = new Float32Array(output(result, 1));
  const wrong = range(COUNT).flatMap((i) =>
    CALLS.flatMap(({ format, name, type }, call) =>
      format.fields.flatMap(([low, bits], component) => {
        const [value = 0] = rounded(type, [values[4 * i + component] ?? 0]);
        const field = ((packed[CALLS.length * i + call] ?? 0) >>> low) & (2 ** bits - 1);
        const fields = packedOf(format, component, value);
        const number = unpacked[WIDTH * i + 4 * call + component] ?? NaN;
        const [least = 0, greatest = 0] = unpackedOf(format, component, inputs[i] ?? 0, type);
        const place = `${name}, component ${component}:`;
        return [
          ...(fields.includes(field >>> 0)
            ? []
            : [`${format.packs} of ${place} ${value} gives ${field}, not ${fields[0]}`]),
          ...(number >= least && number <= greatest
            ? []
            : [`${format.unpacks} to ${place} ${inputs[i]} gives ${number}, not ${least}`]),
        ];
      }),
    ),
  );
  const stray = range(COUNT).filter((i) =>
    [12, 13].some((call) => (packed[CALLS.length * i + call] ?? 0) > 0xffff),
  );
  expect({ wrong: wrong.slice(0, 20), stray }).toEqual({ wrong: [], stray: [] });
});
