// Relational and geometric functions against plain arithmetic: every type, every size of vector, all namespaces.

import { expect, test } from 'vitest';

import { fromBits, noise, toBits, type FloatType } from './floats.js';
import { launch, load, output, range } from './support.js';

interface Format {
  readonly type: FloatType;
  readonly smallestNormal: number;
  readonly epsilon: number;
  readonly signBit: number;
  /** The bits of corners: zero, subnormals, normal numbers, infinity, NaN. */
  readonly corners: readonly number[];
}

const FORMATS: Readonly<Record<string, Format>> = {
  float: {
    type: 'f32',
    smallestNormal: 2 ** -126,
    epsilon: 2 ** -23,
    signBit: 0x80000000,
    corners: [0, 1, 0x7fffff, 0x800000, 0x3f800000, 0x7f7fffff, 0x7f800000, 0x7fc00000],
  },
  half: {
    type: 'f16',
    smallestNormal: 2 ** -14,
    epsilon: 2 ** -10,
    signBit: 0x8000,
    corners: [0, 1, 0x3ff, 0x400, 0x3c00, 0x7bff, 0x7c00, 0x7e00],
  },
  bfloat: {
    type: 'bf16',
    smallestNormal: 2 ** -126,
    epsilon: 2 ** -7,
    signBit: 0x8000,
    corners: [0, 1, 0x7f, 0x80, 0x3f80, 0x7f7f, 0x7f80, 0x7fc0],
  },
};

/** A number, and what says more than the number where it is NaN. */
interface Scalar {
  readonly value: number;
  readonly signed: boolean;
}

const isNaN = ({ value }: Scalar): boolean => Number.isNaN(value);

type Relation = (a: Scalar, b: Scalar, c: Scalar, format: Format) => boolean | number;

/** Component by component. */
const RELATIONS: Readonly<Record<string, Relation>> = {
  'isnan(a)': isNaN,
  'isinf(a)': ({ value }) => Math.abs(value) === Infinity,
  'isfinite(a)': ({ value }) => Number.isFinite(value),
  'isnormal(a)': ({ value }, _, __, { smallestNormal }) =>
    Number.isFinite(value) && Math.abs(value) >= smallestNormal,
  'signbit(a)': ({ signed }) => signed,
  'isordered(a, b)': (a, b) => !isNaN(a) && !isNaN(b),
  'isunordered(a, b)': (a, b) => isNaN(a) || isNaN(b),
  'select(a, b, signbit(c))': (a, b, c) => (c.signed ? b : a).value,
  'select(a, b, isnan(c))': (a, b, c) => (isNaN(c) ? b : a).value,
};

/** Which argument each component is. Each is the last one once. */
const LAYOUT = {
  a: { 1: 'a', 2: 'ba', 3: 'cba', 4: 'bbca' },
  b: { 1: 'b', 2: 'cb', 3: 'acb', 4: 'caab' },
  c: { 1: 'c', 2: 'ac', 3: 'bac', 4: 'acbc' },
};
const SIZES = [1, 2, 3, 4] as const;

const numbered = (text: string, size: number): string =>
  text.replaceAll(/\b[abc]\b/gu, (name) => (size === 1 ? name : name + String(size)));

function argumentsOf(type: string): string {
  const vectors = SIZES.slice(1).flatMap((size) =>
    Object.entries(LAYOUT).map(
      ([name, layouts]) =>
        `  const vec<${type}, ${size}> ${name}${size}(${Array.from(layouts[size]).join(', ')});`,
    ),
  );
  return `  const ${type} a = in[3 * i], b = in[3 * i + 1], c = in[3 * i + 2];\n${vectors.join('\n')}`;
}

function kernelOf(type: string, outputs: readonly string[]): string {
  const lines = outputs.map((value, index) => `  out[${outputs.length} * i + ${index}] = T(${value});`);
  return `typedef ${type} T;
kernel void test(device const T* in [[buffer(0)]], device T* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
${argumentsOf(type)}
${lines.join('\n')}
}`;
}

type Arguments = Readonly<Record<'a' | 'b' | 'c', Scalar>>;

interface Output {
  readonly text: string;
  readonly expected: (args: Arguments, format: Format) => boolean | number;
}

const pick = (args: Arguments, name: string): Scalar => args[name === 'a' ? 'a' : name === 'b' ? 'b' : 'c'];

const relational: readonly Output[] = SIZES.flatMap((size) => {
  const component = (args: Arguments, at: number): [Scalar, Scalar, Scalar] => [
    pick(args, LAYOUT.a[size][at] ?? ''),
    pick(args, LAYOUT.b[size][at] ?? ''),
    pick(args, LAYOUT.c[size][at] ?? ''),
  ];
  const each = Object.entries(RELATIONS).flatMap(([name, relation]) =>
    range(size).map((at) => ({
      text: size === 1 ? name : `(${numbered(name, size)})[${at}]`,
      expected: (args: Arguments, format: Format) => relation(...component(args, at), format),
    })),
  );
  const votes = ['isnan(a)', 'signbit(b)', 'isordered(a, c)'].flatMap((name) => {
    const inner = (args: Arguments, at: number): boolean => {
      const [a, b, c] = component(args, at);
      return name === 'isnan(a)' ? isNaN(a) : name === 'signbit(b)' ? b.signed : !isNaN(a) && !isNaN(c);
    };
    return [
      {
        text: `all(${numbered(name, size)})`,
        expected: (args: Arguments) => range(size).every((at) => inner(args, at)),
      },
      {
        text: `any(${numbered(name, size)})`,
        expected: (args: Arguments) => range(size).some((at) => inner(args, at)),
      },
    ];
  });
  const whole = range(size === 1 ? 0 : size).map((at) => ({
    text: `select(${numbered('a, b', size)}, signbit(c))[${at}]`,
    expected: (args: Arguments) => component(args, at)[args.c.signed ? 1 : 0].value,
  }));
  return [...each, ...votes, ...whole];
});

test.each(Object.entries(FORMATS))('relational functions of %s', async (name, format) => {
  const corners = format.corners.flatMap((bits) => [bits, bits + format.signBit]);
  const cases = range(corners.length ** 2).map((i) =>
    [i, Math.floor(i / corners.length), 7 * i + 3].map((at) => corners[at % corners.length] ?? 0),
  );
  const words = format.type === 'f32' ? Uint32Array.from(cases.flat()) : Uint16Array.from(cases.flat());
  const numbers = fromBits(format.type, words.slice().buffer);
  const result = await launch({
    library: await load(
      kernelOf(
        name,
        relational.map(({ text }) => text),
      ),
    ),
    kernel: 'test',
    buffers: [words, words.BYTES_PER_ELEMENT * relational.length * cases.length],
    threads: cases.length,
  });
  const values = fromBits(format.type, output(result));
  const wrong = cases.flatMap((bits, i) => {
    const [a, b, c] = range(3).map((at) => ({
      value: numbers[3 * i + at] ?? 0,
      signed: (bits[at] ?? 0) >= format.signBit,
    })) as [Scalar, Scalar, Scalar];
    return relational.flatMap(({ text, expected }, column) => {
      const actual = values[relational.length * i + column];
      const right = Number(expected({ a, b, c }, format));
      return Object.is(actual, right)
        ? []
        : [`${text} of ${[a, b, c].map(({ value }) => value).join(', ')}: ${actual}, not ${right}`];
    });
  });
  expect({ wrong: wrong.length, first: wrong.slice(0, 20) }).toEqual({ wrong: 0, first: [] });
});

type Vector = readonly number[];

const dot = (a: Vector, b: Vector): number => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
const combined = (a: Vector, x: number, b: Vector, y: number): number[] =>
  a.map((value, i) => x * value + y * (b[i] ?? 0));
const norm = (a: Vector): number => Math.sqrt(dot(a, a));

interface Geometric {
  readonly value: number | Vector;
  /** What an error is measured by: the sum of the sizes of what is added. */
  readonly size: number;
}

/** Undefined where a little more would be something quite different. */
function refracted(i: Vector, n: Vector, eta: number): Geometric | undefined {
  const cosine = dot(n, i);
  const k = 1 - eta * eta * (1 - cosine * cosine);
  const size = (1 + eta * eta * (1 + norm(n) ** 2 * norm(i) ** 2)) * (1 + norm(n));
  if (Math.abs(k) < 0.15 * size) return undefined;
  if (k < 0) return { value: i.map(() => 0), size: 0 };
  return { value: combined(i, eta, n, -(eta * cosine + Math.sqrt(k))), size: 3 * size };
}

function facing(n: Vector, i: Vector, reference: Vector): Geometric | undefined {
  const side = dot(reference, i);
  if (Math.abs(side) < 0.1 * norm(reference) * norm(i)) return undefined;
  return { value: side < 0 ? n : n.map((value) => -value), size: 0 };
}

const GEOMETRIC: Readonly<Record<string, (a: Vector, b: Vector, c: Vector) => Geometric | undefined>> = {
  'dot(a, b)': (a, b) => ({ value: dot(a, b), size: norm(a) * norm(b) }),
  'length(a)': (a) => ({ value: norm(a), size: norm(a) }),
  'length_squared(a)': (a) => ({ value: dot(a, a), size: dot(a, a) }),
  'distance(a, b)': (a, b) => ({ value: norm(combined(a, 1, b, -1)), size: norm(combined(a, 1, b, -1)) }),
  'distance_squared(a, b)': (a, b) => {
    const value = norm(combined(a, 1, b, -1)) ** 2;
    return { value, size: value };
  },
  'normalize(a)': (a) => ({ value: a.map((value) => value / norm(a)), size: 1 }),
  'reflect(a, b)': (a, b) => ({
    value: combined(a, 1, b, -2 * dot(a, b)),
    size: norm(a) * (1 + 2 * norm(b) ** 2),
  }),
  'refract(a, b, T(0.75))': (a, b) => refracted(a, b, 0.75),
  'refract(a, b, T(1.5))': (a, b) => refracted(a, b, 1.5),
  'faceforward(a, b, c)': facing,
  'cross(a, b)': ([x = 0, y = 0, z = 0], [u = 0, v = 0, w = 0]) => ({
    value: [y * w - z * v, z * u - x * w, x * v - y * u],
    size: norm([x, y, z]) * norm([u, v, w]),
  }),
};

/** Those that precise and fast have as well. */
const IN_NAMESPACES = /^(dot|length|length_squared|distance|distance_squared|normalize)\(/u;

const geometric = SIZES.slice(1).flatMap((size) =>
  Object.entries(GEOMETRIC)
    .filter(([name]) => size === 3 || !name.startsWith('cross'))
    .flatMap(([name, reference]) => {
      const spaces = IN_NAMESPACES.test(name) ? ['', 'precise::', 'fast::'] : [''];
      const isVector = !/^(dot|length|distance)/u.test(name);
      const call = numbered(name, size);
      return spaces.flatMap((space) =>
        (isVector ? range(size) : [undefined]).map((at) => ({
          text: space + call + (at === undefined ? '' : `[${at}]`),
          of: (values: Readonly<Record<'a' | 'b' | 'c', number>>) => {
            const vector = (which: 'a' | 'b' | 'c'): number[] =>
              Array.from(
                LAYOUT[which][size],
                (letter) => values[letter === 'a' ? 'a' : letter === 'b' ? 'b' : 'c'],
              );
            const result = reference(vector('a'), vector('b'), vector('c'));
            const value = typeof result?.value === 'object' ? result.value[at ?? 0] : result?.value;
            return { value: value ?? NaN, size: result?.size ?? Infinity };
          },
        })),
      );
    }),
);

test.each(Object.entries(FORMATS))('geometric functions of %s', async (name, format) => {
  const count = 256;
  const input = noise(format.type, 3 * count, 5, 1.5);
  const data = toBits(format.type, input);
  const result = await launch({
    library: await load(
      kernelOf(
        name,
        geometric.map(({ text }) => text),
      ),
    ),
    kernel: 'test',
    buffers: [data, data.BYTES_PER_ELEMENT * geometric.length * count],
    threads: count,
  });
  const values = fromBits(format.type, output(result));
  const wrong = range(count).flatMap((i) => {
    const [a = 0, b = 0, c = 0] = input.slice(3 * i);
    return geometric.flatMap(({ text, of }, column) => {
      const { value, size } = of({ a, b, c });
      const actual = values[geometric.length * i + column] ?? NaN;
      const close = size === Infinity || Math.abs(actual - value) <= 4 * format.epsilon * size;
      return close ? [] : [`${text} of ${a}, ${b}, ${c}: ${actual}, not ${value}`];
    });
  });
  expect({ wrong: wrong.length, first: wrong.slice(0, 20) }).toEqual({ wrong: 0, first: [] });
});
