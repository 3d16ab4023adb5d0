// The bytes of a safetensors file into its tensors and metadata: an 8-byte length, a JSON header, raw data. Strict: the
// header must describe the data exactly, without gaps, overlaps or unknown dtypes.

import { z } from 'zod';
import { MoegenError } from '../errors.js';

const BYTES_PER_ELEMENT = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, U8: 1 } as const;
type SafetensorsDtype = keyof typeof BYTES_PER_ELEMENT;

interface SafetensorsTensor {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** A copy of its bytes, aligned for any typed array. */
  readonly data: ArrayBuffer;
}

export interface SafetensorsFile {
  readonly tensors: ReadonlyMap<string, SafetensorsTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

const HEADER_START = 8;

const entrySchema = z.strictObject({
  dtype: z.enum(['F64', 'F32', 'F16', 'BF16', 'I64', 'I32', 'U8']),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
type Entry = z.infer<typeof entrySchema>;

export function parseSafetensors(bytes: Uint8Array, where: string): SafetensorsFile {
  const headerLength = readHeaderLength(bytes, where);
  const header = readHeader(bytes.subarray(HEADER_START, HEADER_START + headerLength), where);
  const data = bytes.subarray(HEADER_START + headerLength);
  const metadata = readMetadata(header['__metadata__'], where);
  const entries = Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => [name, readEntry(name, entry, where)] as const)
    .sort(([, a], [, b]) => a.data_offsets[0] - b.data_offsets[0]);
  checkCoverage(entries, data.byteLength, where);
  const tensors = entries.map(([name, entry]) => {
    const [start, end] = entry.data_offsets;
    return [
      name,
      { dtype: entry.dtype, shape: entry.shape, data: Uint8Array.from(data.subarray(start, end)).buffer },
    ] as const;
  });
  return { tensors: new Map(tensors), metadata };
}

function corrupt(reason: string, where: string, cause?: unknown): MoegenError {
  return new MoegenError('reference/corrupt-safetensors', `expected a safetensors file, but ${reason}`, {
    where,
    help: 'fetch or write the file again',
    cause,
  });
}

function readHeaderLength(bytes: Uint8Array, where: string): number {
  if (bytes.byteLength < HEADER_START) {
    throw corrupt(
      `it has ${bytes.byteLength} bytes and the header length alone takes ${HEADER_START}`,
      where,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getBigUint64(0, true);
  const available = bytes.byteLength - HEADER_START;
  if (length > BigInt(available)) {
    throw corrupt(`its header claims ${length.toString()} bytes and ${available} are left`, where);
  }
  return Number(length);
}

function readHeader(bytes: Uint8Array, where: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw corrupt(`its header is not JSON: ${reason}`, where, cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw corrupt('its header is not a JSON object', where);
  }
  return header as Record<string, unknown>;
}

function readMetadata(value: unknown, where: string): Record<string, string> {
  const parsed = z.record(z.string(), z.string()).safeParse(value ?? {});
  if (!parsed.success) throw corrupt('its __metadata__ holds something else than strings', where);
  return parsed.data;
}

function readEntry(name: string, value: unknown, where: string): Entry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    throw corrupt(
      `the header's entry for tensor "${name}" is invalid: ${z.prettifyError(parsed.error)}`,
      where,
    );
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const wanted = shape.reduce((product, extent) => product * extent, BYTES_PER_ELEMENT[dtype]);
  const given = offsets[1] - offsets[0];
  if (wanted !== given) {
    const type = `${dtype} [${shape.join(', ')}]`;
    throw corrupt(`tensor "${name}" of type ${type} takes ${wanted} bytes and has ${given}`, where);
  }
  return parsed.data;
}

function checkCoverage(
  entries: readonly (readonly [string, Entry])[],
  dataBytes: number,
  where: string,
): void {
  let end = 0;
  for (const [name, entry] of entries) {
    if (entry.data_offsets[0] !== end) {
      throw corrupt(
        `tensor "${name}" starts at byte ${entry.data_offsets[0]} of the data instead of ${end}`,
        where,
      );
    }
    end = entry.data_offsets[1];
  }
  if (end !== dataBytes) throw corrupt(`its tensors take ${end} bytes and ${dataBytes} are there`, where);
}
