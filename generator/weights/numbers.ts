// Tensors of plain numbers into double precision.

import type { VectorSource } from '../checkpoint/bind.js';
import { formatReference } from '../reference/formats/index.js';

/** All numbers, one expert after the other. */
export async function readVector({ tensors }: Pick<VectorSource, 'tensors'>): Promise<Float64Array> {
  const parts: Float64Array[] = [];
  for (const tensor of tensors) parts.push(numbersOf(tensor.type, await tensor.read()));
  const values = new Float64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let start = 0;
  for (const part of parts) {
    values.set(part, start);
    start += part.length;
  }
  return values;
}

/** `type` as safetensors or GGUF spells it; bytes and E8M0 are exponents: 2^(byte - 127), and 255 is no number. */
export function numbersOf(type: string, bytes: Uint8Array): Float64Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const name = type.toLowerCase();
  switch (name) {
    case 'i64':
      return fill(bytes.byteLength / 8, (index) => Number(view.getBigInt64(8 * index, true)));
    case 'i32':
      return fill(bytes.byteLength / 4, (index) => view.getInt32(4 * index, true));
    case 'u8':
    case 'f8_e8m0':
      return Float64Array.from(bytes, (byte) => (byte === 255 ? NaN : 2 ** (byte - 127)));
    default: {
      const format = formatReference(name);
      const count = bytes.byteLength / (format.planeBytes(1, 1)['weight'] ?? 1);
      return format.decode({ weight: bytes }, 1, count);
    }
  }
}

function fill(length: number, valueAt: (index: number) => number): Float64Array {
  return Float64Array.from({ length }, (_, index) => valueAt(index));
}
