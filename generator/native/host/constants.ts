// Function constants as bytes: 16 for the value, then one that says whether the constant is defined.

import type { ConstantValue, FunctionConstantInfo } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { encodeBf16 } from '../../floats/bfloat16.js';
import { encodeF16 } from '../../floats/float16.js';

const VALUE_BYTES = 16;

type Range = readonly [number, number];

/** How scalars lie in memory, and which values they hold: any number where there is no range. */
interface Scalar {
  readonly range?: Range;
  readonly encode: (values: readonly number[]) => ArrayBufferView;
}

const signed = (bits: number): Range => [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1];
const unsigned = (bits: number): Range => [0, 2 ** bits - 1];
/** Beyond it, numbers are no longer exact. */
const EXACT = 2 ** 53;

const SCALARS: Readonly<Record<string, Scalar>> = {
  bool: { range: unsigned(1), encode: (values) => Uint8Array.from(values) },
  char: { range: signed(8), encode: (values) => Int8Array.from(values) },
  uchar: { range: unsigned(8), encode: (values) => Uint8Array.from(values) },
  short: { range: signed(16), encode: (values) => Int16Array.from(values) },
  ushort: { range: unsigned(16), encode: (values) => Uint16Array.from(values) },
  int: { range: signed(32), encode: (values) => Int32Array.from(values) },
  uint: { range: unsigned(32), encode: (values) => Uint32Array.from(values) },
  long: { range: [-EXACT, EXACT], encode: (values) => BigInt64Array.from(values, BigInt) },
  ulong: { range: [0, EXACT], encode: (values) => BigUint64Array.from(values, BigInt) },
  half: { encode: encodeF16 },
  bfloat: { encode: encodeBf16 },
  float: { encode: (values) => Float32Array.from(values) },
};

const SYNONYMS: Readonly<Record<string, string>> = {
  int8_t: 'char',
  uint8_t: 'uchar',
  int16_t: 'short',
  uint16_t: 'ushort',
  int32_t: 'int',
  uint32_t: 'uint',
  int64_t: 'long',
  uint64_t: 'ulong',
  size_t: 'ulong',
  ptrdiff_t: 'long',
  'unsigned char': 'uchar',
  'unsigned short': 'ushort',
  unsigned: 'uint',
  'unsigned int': 'uint',
  'unsigned long': 'ulong',
};

/** The plain name of a scalar that has several. */
export function scalarSynonym(name: string): string {
  return SYNONYMS[name] ?? name;
}

export function scalarBytes(type: string): number {
  return SCALARS[type]?.encode([0]).byteLength ?? 0;
}

/** Every constant of the library: those that are not given become undefined. */
export function constantBytes(
  constants: readonly FunctionConstantInfo[],
  values: Readonly<Record<number, ConstantValue>>,
  where: string,
): { readonly symbol: string; readonly bytes: Uint8Array }[] {
  for (const index of Object.keys(values).map(Number)) {
    if (constants.some((constant) => constant.index === index)) continue;
    const known = constants.map((constant) => `${constant.index} (${constant.name})`).join(', ');
    throw new MoegenError('native/unknown-constant', `the library has no function constant ${index}`, {
      where,
      help: known === '' ? 'It has no function constants.' : `It has ${known}.`,
    });
  }
  return constants.map((constant) => {
    const bytes = new Uint8Array(VALUE_BYTES + 1);
    const value = values[constant.index];
    if (value !== undefined) {
      bytes.set(encode(constant, value, where));
      bytes[VALUE_BYTES] = 1;
    }
    return { symbol: constant.symbol, bytes };
  });
}

function encode(constant: FunctionConstantInfo, value: ConstantValue, where: string): Uint8Array {
  const label = `function constant ${constant.index} (${constant.type} ${constant.name})`;
  const { scalar, count } = layoutOf(constant.type);
  if (!scalar) {
    throw new MoegenError('native/constant-type', `${label} has a type that cannot be set from outside`, {
      where,
      help: `Scalars of these types can, and vectors of them: ${Object.keys(SCALARS).join(', ')}.`,
    });
  }
  const components = (typeof value === 'object' ? value : [value]).map(Number);
  if (components.length !== count) {
    const message = `${label} takes ${count} ${count === 1 ? 'value' : 'values'}, not ${components.length}`;
    throw new MoegenError('native/constant-value', message, { where });
  }
  const { range } = scalar;
  const outside = components.find(
    (number) => range && !(Number.isInteger(number) && number >= range[0] && number <= range[1]),
  );
  if (range && outside !== undefined) {
    const message = `${label} takes a whole number from ${range[0]} to ${range[1]}, not ${outside}`;
    throw new MoegenError('native/constant-value', message, { where });
  }
  const { buffer, byteOffset, byteLength } = scalar.encode(components);
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** `float`, `uint8_t`, `half4`, `metal :: vec < int , 2 >`. */
function layoutOf(type: string): { readonly scalar: Scalar | undefined; readonly count: number } {
  const plain = type.replace(/\bmetal ?:: ?/gu, '').trim();
  const whole = SCALARS[SYNONYMS[plain] ?? plain];
  if (whole) return { scalar: whole, count: 1 };
  const match = /^vec ?< ?(.+?) ?, ?([234]) ?>$/u.exec(plain) ?? /^([a-z]+)([234])$/u.exec(plain);
  const [, element = '', count = '1'] = match ?? [];
  return { scalar: SCALARS[SYNONYMS[element] ?? element], count: Number(count) };
}
