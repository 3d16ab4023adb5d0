// The header of a safetensors file into its tensors: an 8-byte length, JSON, raw data. Strict: the tensors must cover the data exactly. The
// data may start at any byte, since not every writer pads the header.

import { z } from 'zod';
import { corrupt, type ByteSource } from './byte-source.js';
import { elementCount, tensorOf, type Tensor } from './tensor.js';

/** Bits of an element. */
const DTYPES: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E4M3: 8,
  F8_E5M2: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
};

const LENGTH_BYTES = 8;
/** The format's own limit. */
const LARGEST_HEADER = 100_000_000;

const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
});
type Entry = z.infer<typeof entrySchema>;

const metadataSchema = z.record(z.string(), z.string());

export interface SafetensorsContent {
  readonly tensors: readonly Tensor[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** Throws `checkpoint/corrupt` or `checkpoint/truncated`. */
export async function readSafetensorsHeader(source: ByteSource): Promise<SafetensorsContent> {
  const { where, size } = source;
  const refuse = (reason: string, cause?: unknown) => corrupt('safetensors', reason, where, cause);
  if (size < LENGTH_BYTES) {
    throw refuse(`it has ${size} bytes and the header length alone takes ${LENGTH_BYTES}`);
  }
  const lengthBytes = await source.read(0, LENGTH_BYTES);
  const length = new DataView(lengthBytes.buffer).getBigUint64(0, true);
  const available = size - LENGTH_BYTES;
  if (length > BigInt(available)) {
    throw refuse(`its header claims ${length.toString()} bytes and ${available} are left`);
  }
  if (length > BigInt(LARGEST_HEADER)) {
    throw refuse(
      `its header claims ${length.toString()} bytes, more than the ${LARGEST_HEADER} that the format allows`,
    );
  }
  const dataStart = LENGTH_BYTES + Number(length);
  const header = parseHeader(await source.read(LENGTH_BYTES, Number(length)), refuse);
  const metadata = metadataSchema.safeParse(header.get('__metadata__') ?? {});
  if (!metadata.success) throw refuse('its __metadata__ holds something else than strings');
  header.delete('__metadata__');

  const entries = [...header].map(([name, value]) => ({ name, ...parseEntry(name, value, refuse) }));
  checkCoverage(entries, size - dataStart, refuse);
  return {
    metadata: metadata.data,
    tensors: entries.map(({ name, dtype, shape, data_offsets: [start, end] }) =>
      tensorOf({ name, type: dtype, shape, bytes: end - start }, source, dataStart + start),
    ),
  };
}

type Refuse = (reason: string, cause?: unknown) => Error;

function parseHeader(bytes: Uint8Array, refuse: Refuse): Map<string, unknown> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw refuse(`its header is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header)) {
    throw refuse('its header is not a JSON object');
  }
  return new Map(Object.entries(header));
}

function parseEntry(name: string, value: unknown, refuse: Refuse): Entry {
  const parsed = entrySchema.safeParse(value);
  if (!parsed.success) {
    throw refuse(`the header's entry for tensor "${name}" is invalid: ${z.prettifyError(parsed.error)}`);
  }
  const { dtype, shape, data_offsets: offsets } = parsed.data;
  const bits = DTYPES[dtype];
  if (bits === undefined || !Object.hasOwn(DTYPES, dtype)) {
    throw refuse(`tensor "${name}" has the unknown dtype ${dtype}`);
  }
  const type = `${dtype} [${shape.join(', ')}]`;
  const count = elementCount(shape);
  if (count === null) throw refuse(`tensor "${name}" of type ${type} has more elements than can be counted`);
  const [wanted, given] = [(count * bits) / 8, offsets[1] - offsets[0]];
  if (wanted !== given)
    throw refuse(`tensor "${name}" of type ${type} takes ${wanted} bytes and has ${given}`);
  return parsed.data;
}

function checkCoverage(
  entries: readonly (Entry & { readonly name: string })[],
  dataBytes: number,
  refuse: Refuse,
): void {
  const start = (entry: Entry) => entry.data_offsets[0];
  const end = (entry: Entry) => entry.data_offsets[1];
  // Empty tensors lie where the next one starts.
  const inOrder = [...entries].sort((a, b) => start(a) - start(b) || end(a) - end(b));
  let covered = 0;
  for (const entry of inOrder) {
    if (start(entry) !== covered) {
      throw refuse(`tensor "${entry.name}" starts at byte ${start(entry)} of the data instead of ${covered}`);
    }
    covered = end(entry);
  }
  if (covered !== dataBytes) throw refuse(`its tensors take ${covered} bytes and ${dataBytes} are there`);
}
