// Parameters of any size out of a rule instead of a file: each value is a hash of the parameter's name and its own index.
// A value has eight significant bits, so it is exact in BF16, F16 and F32.

const LEVELS = 256;

/** FNV-1a over the UTF-8 bytes of the name. */
function hashOfName(name: string): number {
  let hash = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(name)) {
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  return hash >>> 0;
}

/** `count` values of the parameter from flat index `start` on, in steps of scale / 128 from -scale up to below +scale. */
export function fillParameter(name: string, start: number, count: number, scale: number): Float32Array {
  const key = hashOfName(name);
  const valueOfByte = new Float32Array(LEVELS);
  for (let byte = 0; byte < LEVELS; byte += 1) {
    valueOfByte[byte] = (((byte << 24) >> 24) / 128) * scale;
  }
  const values = new Float32Array(count);
  for (let i = 0; i < count; i += 1) {
    let hash = (start + i) ^ key;
    hash = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
    hash = Math.imul(hash ^ (hash >>> 15), 0x846ca68b);
    hash ^= hash >>> 16;
    values[i] = valueOfByte[hash >>> 24] ?? 0;
  }
  return values;
}
