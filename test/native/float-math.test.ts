// Floating-point functions of the library against double precision: every type, every size of vector, all namespaces, with
// subnormals kept and flushed.

import { expect, test } from 'vitest';

import { SUBNORMALS, type Subnormals } from '../../generator/native/types.js';
import { fromBits, noise, rounded, toBits, type FloatType } from './floats.js';
import { launch, load, output, range } from './support.js';

interface Format {
  readonly type: FloatType;
  readonly smallest: number;
  readonly smallestNormal: number;
  readonly largest: number;
  readonly epsilon: number;
  /** What arithmetic sees of a value; the value itself where subnormals are kept. */
  readonly seen: (value: number) => number;
  /** Steps that may go wrong near zero differ by this much. */
  readonly step: number;
}

const FORMATS: Readonly<Record<string, Omit<Format, 'seen' | 'step'>>> = {
  float: {
    type: 'f32',
    smallest: 2 ** -149,
    smallestNormal: 2 ** -126,
    largest: 2 ** 128 - 2 ** 104,
    epsilon: 2 ** -23,
  },
  half: { type: 'f16', smallest: 2 ** -24, smallestNormal: 2 ** -14, largest: 65504, epsilon: 2 ** -10 },
  bfloat: {
    type: 'bf16',
    smallest: 2 ** -133,
    smallestNormal: 2 ** -126,
    largest: 2 ** 128 - 2 ** 120,
    epsilon: 2 ** -7,
  },
};

function formatIn(mode: Subnormals, format: Omit<Format, 'seen' | 'step'>): Format {
  const { type, smallest, smallestNormal } = format;
  if (mode === 'keep' || type === 'f16') return { ...format, seen: (value) => value, step: smallest };
  const seen = (value: number): number => (Math.abs(value) < smallestNormal ? withSign(0, value) : value);
  return { ...format, seen, step: smallestNormal };
}

const shown = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));
const single = (value: number): number => Math.fround(value);
const anyNaN = (...values: number[]): boolean => values.some(Number.isNaN);
const negative = (a: number): boolean => a < 0 || Object.is(a, -0);
const withSign = (a: number, b: number): number => (negative(b) ? -Math.abs(a) : Math.abs(a));
const smaller = (a: number, b: number): number => (Number.isNaN(a) || b < a ? b : a);
const larger = (a: number, b: number): number => (Number.isNaN(a) || b > a ? b : a);

function middle(a: number, b: number, c: number): number | undefined {
  return anyNaN(a, b, c) ? undefined : [a, b, c].sort((x, y) => x - y)[1];
}

/** The value of the type next to `a` on the way to `b`. */
function nextAfter(type: FloatType, a: number, b: number): number {
  if (anyNaN(a, b)) return NaN;
  if (a === b) return b;
  const bits = toBits(type, [a === 0 ? withSign(0, b) : a]);
  if (bits instanceof BigUint64Array) throw new Error('16 or 32 bits');
  const words = type === 'f32' ? new Uint32Array(bits.buffer) : bits;
  words[0] = (words[0] ?? 0) + (a === 0 || a < b === a > 0 ? 1 : -1);
  return fromBits(type, words.slice().buffer)[0] ?? NaN;
}

function tiesToEven(a: number): number {
  const below = Math.floor(a);
  const even = below % 2 === 0 ? below : below + 1;
  if (!Number.isFinite(a) || a === below) return a;
  return withSign(a - below < 0.5 ? below : a - below > 0.5 ? below + 1 : even, a);
}

/** The remainder of half a turn is exact, so that zeros and poles are. */
function sinPi(a: number): number {
  const turn = a % 2;
  const rest = Math.abs(turn);
  const folded = rest <= 0.5 ? rest : rest <= 1.5 ? 1 - rest : rest - 2;
  const value = Math.sin(Math.PI * folded);
  return value === 0 ? withSign(0, a) : negative(turn) ? -value : value;
}

const cosPi = (a: number): number => sinPi(0.5 - Math.abs(a % 2)) + 0;

function power(a: number, b: number): number {
  return a === 1 || (a === -1 && Math.abs(b) === Infinity) ? 1 : a ** b;
}

function powerOfPositive(a: number, b: number): number {
  if (anyNaN(a, b) || a < 0) return NaN;
  if (b === 0) return a === 0 || a === Infinity ? NaN : 1;
  return Math.abs(a) ** b;
}

/** The product of two floats is exact in double; the sum gets an odd last bit if anything was cut off. */
function fused(a: number, b: number, c: number): number {
  const product = a * b;
  const sum = product + c;
  const part = sum - product;
  const rest = product - (sum - part) + (c - part);
  const word = new BigUint64Array(Float64Array.of(sum).buffer);
  const bits = word[0] ?? 0n;
  if (!Number.isFinite(sum) || rest === 0 || (bits & 1n) === 1n) return sum;
  word[0] = bits + (rest > 0 === sum > 0 ? 1n : -1n);
  return new Float64Array(word.buffer)[0] ?? NaN;
}

/** Of an x and an exponent in [0.5, 1). */
function exponentOf(a: number): number {
  const floor = Math.floor(Math.log2(Math.abs(a)));
  return floor + (Math.abs(a) >= 2 ** (floor + 1) ? 2 : Math.abs(a) < 2 ** floor ? 0 : 1);
}

const isOrdinary = (a: number): boolean => Number.isFinite(a) && a !== 0;

/** Undefined where Metal promises nothing. */
type Reference = (a: number, b: number, c: number, format: Format) => number | undefined;

/** In float right to the last bit or one beside it; the other types round that once. */
const WITHIN_ONE_ULP: Readonly<Record<string, Reference>> = {
  'acos(a)': Math.acos,
  'acosh(a)': Math.acosh,
  'asin(a)': Math.asin,
  'asinh(a)': Math.asinh,
  'atan(a)': Math.atan,
  'atan2(a, b)': (a, b) => Math.atan2(a, b),
  'atanh(a)': Math.atanh,
  'cos(a)': Math.cos,
  'cosh(a)': Math.cosh,
  'cospi(a)': cosPi,
  'exp(a)': Math.exp,
  'exp10(a)': (a) => 10 ** a,
  'exp2(a)': (a) => 2 ** a,
  'log(a)': Math.log,
  'log10(a)': Math.log10,
  'log2(a)': Math.log2,
  'pow(a, b)': power,
  'powr(a, b)': powerOfPositive,
  'rsqrt(a)': (a) => 1 / Math.sqrt(a),
  'sin(a)': Math.sin,
  'sinh(a)': Math.sinh,
  'sinpi(a)': sinPi,
  'tan(a)': Math.tan,
  'tanh(a)': Math.tanh,
  'tanpi(a)': (a) => sinPi(a) / cosPi(a),
  'sincos(a, w)': Math.sin,
  '(sincos(a, w), w)': Math.cos,
};

const EXACT: Readonly<Record<string, Reference>> = {
  'abs(a)': Math.abs,
  'ceil(a)': Math.ceil,
  'copysign(a, b)': withSign,
  'divide(a, b)': (a, b) => a / b,
  'fabs(a)': Math.abs,
  'fdim(a, b)': (a, b) => (anyNaN(a, b) ? NaN : a > b ? a - b : 0),
  'floor(a)': Math.floor,
  'fma(a, b, c)': fused,
  'fmod(a, b)': (a, b) => a % b,
  'fract(a)': (a, _, __, { type }) =>
    Math.abs(a) === Infinity
      ? undefined
      : Math.min(a - Math.floor(a), 1 - (type === 'f16' ? 2 ** -11 : 2 ** -24)),
  'frexp(a, x)': (a) => (isOrdinary(a) ? a * 2 ** -exponentOf(a) : a),
  '(frexp(a, x), x)': (a) => (isOrdinary(a) ? exponentOf(a) : a === 0 ? 0 : undefined),
  'clamp(ilogb(a), -256, 256)': (a) => (isOrdinary(a) ? exponentOf(a) - 1 : a === 0 ? -256 : 256),
  'ldexp(a, e)': (a, _, c) => (anyNaN(c) ? undefined : a * 2 ** Math.trunc(Math.max(-300, Math.min(c, 300)))),
  'modf(a, w)': (a) => withSign(Math.abs(a) === Infinity ? 0 : a % 1, a),
  '(modf(a, w), w)': Math.trunc,
  'nextafter(a, b)': (a, b, _, { type }) => (type === 'bf16' ? undefined : nextAfter(type, a, b)),
  'rint(a)': tiesToEven,
  'round(a)': (a) => withSign(Math.floor(Math.abs(a) + 0.5), a),
  'sign(a)': (a) => (Number.isNaN(a) ? 0 : Math.sign(a)),
  'sqrt(a)': Math.sqrt,
  'step(a, b)': (a, b) => (b < a ? 0 : 1),
  'trunc(a)': Math.trunc,
};

const EXACT_UP_TO_A_ZEROS_SIGN: Readonly<Record<string, Reference>> = {
  'clamp(a, fmin(b, c), fmax(b, c))': middle,
  'fmax(a, b)': larger,
  'fmax3(a, b, c)': (a, b, c) => larger(larger(a, b), c),
  'fmedian3(a, b, c)': middle,
  'fmin(a, b)': smaller,
  'fmin3(a, b, c)': (a, b, c) => smaller(smaller(a, b), c),
  'max(a, b)': larger,
  'max3(a, b, c)': (a, b, c) => larger(larger(a, b), c),
  'median3(a, b, c)': middle,
  'min(a, b)': smaller,
  'min3(a, b, c)': (a, b, c) => smaller(smaller(a, b), c),
  'saturate(a)': (a) => (a > 0 ? Math.min(a, 1) : 0),
};

/** These move bits, also those of a subnormal that counts as zero. */
const MOVES = new Set(['abs(a)', 'copysign(a, b)', 'fabs(a)', 'nextafter(a, b)']);

/** These round after each step. The errors are a few units of the size that is given with the value. */
const STEPWISE: Readonly<Record<string, (a: number, b: number, c: number) => readonly [number, number]>> = {
  'mix(a, b, c)': (a, b, c) => [a + (b - a) * c, Math.abs(a) + Math.abs(b - a) * Math.max(1, Math.abs(c))],
  'smoothstep(fmin(b, c), fmax(b, c), a)': (a, b, c) => {
    const [low, high] = b < c ? [b, c] : [c, b];
    const t = Math.max(0, Math.min((a - low) / (high - low), 1));
    return [low === high ? NaN : t * t * (3 - 2 * t), Math.max(1, Math.abs(a) + Math.abs(b) + Math.abs(c))];
  },
};

type Check = (actual: number, args: readonly [number, number, number], format: Format) => string | undefined;

/** For half one rounding; what bfloat gives is float. */
function roundedTo(type: FloatType, value: number): number {
  return rounded(type, [type === 'f16' ? value : single(value)])[0] ?? NaN;
}

function exactly(reference: Reference, zeros: (a: number, b: number) => boolean): Check {
  return (actual, args, format) => {
    const exact = reference(...args, format);
    const expected = exact === undefined ? actual : format.seen(roundedTo(format.type, exact));
    return zeros(actual, expected) ? undefined : `not ${shown(expected)}`;
  };
}

function withinOneUlp(reference: Reference): Check {
  return (actual, args, format) => {
    const { seen, type } = format;
    const nearest = single(reference(...args, format) ?? NaN);
    const accepted = (value: number): boolean => Object.is(actual, seen(roundedTo(type, single(value))));
    if (accepted(nearest)) return undefined;
    const beside = [-Infinity, Infinity].some((end) => accepted(nextAfter('f32', nearest, end)));
    return beside ? undefined : `not ${shown(nearest)}`;
  };
}

const CHECKS: Readonly<Record<string, Check>> = Object.fromEntries([
  ...Object.entries(WITHIN_ONE_ULP).map(([name, reference]) => [name, withinOneUlp(reference)] as const),
  ...Object.entries(EXACT).map(([name, reference]) => [name, exactly(reference, Object.is)] as const),
  ...Object.entries(EXACT_UP_TO_A_ZEROS_SIGN).map(
    ([name, reference]) => [name, exactly(reference, (a, b) => a === b || Object.is(a, b))] as const,
  ),
  ...Object.entries(STEPWISE).map(([name, reference]): readonly [string, Check] => [
    name,
    (actual, args, { largest, step, epsilon }) => {
      const [value, size] = reference(...args);
      if (!(size < largest / 4) || Number.isNaN(value)) return undefined;
      return Math.abs(actual - value) <= 6 * (epsilon * size + step) ? undefined : `not about ${value}`;
    },
  ]),
]);

const NAMES = Object.keys(CHECKS);

/** In each namespace, and as the last component of each vector. */
const FORMS = [
  ...['metal::', 'precise::', 'fast::'].map((space) => ({ space, size: 1 })),
  ...[2, 3, 4].map((size) => ({ space: '', size })),
];

const FAST = /\b(?:a?(?:sin|cos|tan)(?:h|pi)?|sincos|atan2|exp(?:2|10)?|log(?:2|10)?|powr?|r?sqrt|divide)\(/u;

/** Those of half are the precise ones. */
const hasFastForm = (called: string, { type }: Format): boolean => type !== 'f16' && FAST.test(called);

/** 2^-11 of the value holds all that Metal allows, for the arguments here; and a step of the type. */
function isNear(value: number, precise: number, { epsilon }: Format): boolean {
  if (Object.is(value, precise)) return true;
  const room = Math.max(2 ** -11, 2 * epsilon) * Math.abs(precise);
  return Number.isFinite(precise) && Math.abs(value - precise) <= room;
}

function kernelOf(type: string): string {
  const outputs = NAMES.flatMap((name, row) =>
    FORMS.map(({ space, size }, column) => {
      const value = name
        .replaceAll(/\b[a-z]\w+(?=\()/gu, (called) => space + called)
        .replaceAll(/\b[abcewx]\b/gu, (variable) => (size === 1 ? variable : variable + String(size)));
      const component = size === 1 ? value : `(${value})[${size - 1}]`;
      return `  out[${FORMS.length * row + column}] = T(${component});`;
    }),
  );
  return `typedef ${type} T;
kernel void test(device const T* in [[buffer(0)]], device T* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  const T a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];
  const vec<T, 2> a2(b, a), b2(c, b), c2(a, c);
  const vec<T, 3> a3(c, b, a), b3(a, c, b), c3(b, a, c);
  const vec<T, 4> a4(b, b, c, a), b4(c, a, a, b), c4(a, c, b, c);
  const int e = int(clamp(float(c), -300.0f, 300.0f));
  const int2 e2(0, e);
  const int3 e3(1, 0, e);
  const int4 e4(2, 1, 0, e);
  T w;
  vec<T, 2> w2;
  vec<T, 3> w3;
  vec<T, 4> w4;
  int x;
  int2 x2;
  int3 x3;
  int4 x4;
  out += ${NAMES.length * FORMS.length} * i;
${outputs.join('\n')}
}`;
}

const GROUPS = 4;
const CASES = GROUPS * 1024;

/** All pairs of corners, then numbers without a pattern: near one, around whole numbers, of every exponent. */
function casesFor({ type, smallest, smallestNormal, largest, epsilon }: Format): [number, number, number][] {
  const sizes = [
    0,
    smallest,
    smallestNormal - smallest,
    smallestNormal,
    0.1,
    0.5 - epsilon / 4,
    0.5,
    1 - epsilon / 2,
    1,
  ];
  const above = [
    1 + epsilon,
    1.5,
    2,
    2.5,
    3,
    7.75,
    88.75,
    104,
    0.5 / epsilon + 0.5,
    1 / epsilon,
    largest,
    Infinity,
  ];
  const corners = rounded(type, [NaN, ...[...sizes, ...above].flatMap((size) => [size, -size])]);
  const pairs = corners.length ** 2;
  const argument = (seed: number, cornerOf: (i: number) => number): number[] => {
    const exponents = noise('f32', CASES, seed + 3, Math.log2(largest));
    const others = noise('f32', CASES, seed).map(
      (value, i) => value * ([1, 4, 100][i % 4] ?? 2 ** (exponents[i] ?? 0)),
    );
    return rounded(type, others).map((value, i) =>
      i < pairs ? (corners[cornerOf(i) % corners.length] ?? 0) : value,
    );
  };
  const a = argument(0, (i) => i);
  const b = argument(1, (i) => Math.floor(i / corners.length));
  const c = argument(2, (i) => 7 * i + 3);
  // A product between two halves, and a little more: two roundings would lose that.
  const ties = [smallest, -smallest].map((more): [number, number, number] => [3, 683, more]);
  const others = range(CASES - ties.length).map((i): [number, number, number] => [
    a[i] ?? 0,
    b[i] ?? 0,
    c[i] ?? 0,
  ]);
  return [...ties, ...others];
}

const RUNS = Object.entries(FORMATS).flatMap(([name, format]) =>
  SUBNORMALS.map((mode) => [name, mode, formatIn(mode, format)] as const),
);

test.each(RUNS)('%s, %s', async (name, mode, format) => {
  const library = await load(kernelOf(name));
  const cases = casesFor(format);
  const input = toBits(format.type, cases.flat());
  const bytes = (input.byteLength / (3 * CASES)) * NAMES.length * FORMS.length * CASES;
  const result = await launch({
    library,
    kernel: 'test',
    buffers: [input, bytes],
    groups: [GROUPS, 1, 1],
    threads: CASES / GROUPS,
    options: { subnormals: mode },
  });
  const values = fromBits(format.type, output(result));
  const { seen } = format;
  const wrong = cases.flatMap((args, i) =>
    NAMES.flatMap((called, row) => {
      const forms = FORMS.map((_, column) => values[(i * NAMES.length + row) * FORMS.length + column] ?? NaN);
      const [actual = NaN] = forms;
      const given = MOVES.has(called) ? format.seen(actual) : actual;
      const complaint = CHECKS[called]?.(given, [seen(args[0]), seen(args[1]), seen(args[2])], format);
      const same = forms.every((value, column) =>
        FORMS[column]?.space === 'fast::' && hasFastForm(called, format)
          ? isNear(value, actual, format)
          : Object.is(value, actual),
      );
      const place = `${called} of ${args.map(shown).join(', ')}: `;
      return [
        ...(complaint === undefined ? [] : [`${place}${shown(actual)}, ${complaint}`]),
        ...(same ? [] : [`${place}not the same in all forms: ${forms.map(shown).join(', ')}`]),
      ];
    }),
  );
  expect({ wrong: wrong.length, first: wrong.slice(0, 20) }).toEqual({ wrong: 0, first: [] });
});
