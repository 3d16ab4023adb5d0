// The bytes of a safetensors file out of any header and data, right or wrong.

export function safetensorsBytes(header: unknown, data: Iterable<number>): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setBigUint64(0, BigInt(text.length), true);
  return Uint8Array.from([...length, ...text, ...data]);
}
