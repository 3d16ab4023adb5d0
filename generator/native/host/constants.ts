// Function constants as bytes: 16 for the value, then one that says whether the constant is defined.

import type { FunctionConstantInfo } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';

const VALUE_BYTES = 16;

type Writer = (view: DataView, value: number) => void;

/** How a scalar of each type lies in memory, and which values it holds. */
const WRITERS: Readonly<
  Record<string, { readonly range?: readonly [number, number]; readonly write: Writer }>
> = {
  bool: {
    range: [0, 1],
    write: (view, value) => {
      view.setUint8(0, value);
    },
  },
  char: {
    range: [-(2 ** 7), 2 ** 7 - 1],
    write: (view, value) => {
      view.setInt8(0, value);
    },
  },
  uchar: {
    range: [0, 2 ** 8 - 1],
    write: (view, value) => {
      view.setUint8(0, value);
    },
  },
  short: {
    range: [-(2 ** 15), 2 ** 15 - 1],
    write: (view, value) => {
      view.setInt16(0, value, true);
    },
  },
  ushort: {
    range: [0, 2 ** 16 - 1],
    write: (view, value) => {
      view.setUint16(0, value, true);
    },
  },
  int: {
    range: [-(2 ** 31), 2 ** 31 - 1],
    write: (view, value) => {
      view.setInt32(0, value, true);
    },
  },
  uint: {
    range: [0, 2 ** 32 - 1],
    write: (view, value) => {
      view.setUint32(0, value, true);
    },
  },
  long: {
    range: [-(2 ** 53), 2 ** 53],
    write: (view, value) => {
      view.setBigInt64(0, BigInt(value), true);
    },
  },
  ulong: {
    range: [0, 2 ** 53],
    write: (view, value) => {
      view.setBigUint64(0, BigInt(value), true);
    },
  },
  float: {
    write: (view, value) => {
      view.setFloat32(0, value, true);
    },
  },
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
  unsigned: 'uint',
  'unsigned int': 'uint',
};

/** Every constant of the library: those that are not given become undefined. */
export function constantBytes(
  constants: readonly FunctionConstantInfo[],
  values: Readonly<Record<number, number | boolean>>,
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
      write(constant, Number(value), new DataView(bytes.buffer), where);
      bytes[VALUE_BYTES] = 1;
    }
    return { symbol: constant.symbol, bytes };
  });
}

function write(constant: FunctionConstantInfo, value: number, view: DataView, where: string): void {
  const label = `function constant ${constant.index} (${constant.type} ${constant.name})`;
  const writer = WRITERS[SYNONYMS[constant.type] ?? constant.type];
  if (!writer) {
    throw new MoegenError('native/constant-type', `${label} has a type that cannot be set from outside`, {
      where,
      help: `Scalars can: ${Object.keys(WRITERS).join(', ')}.`,
    });
  }
  const { range } = writer;
  if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) {
    const message = `${label} takes a whole number from ${range[0]} to ${range[1]}, not ${value}`;
    throw new MoegenError('native/constant-value', message, { where });
  }
  writer.write(view, value);
}
