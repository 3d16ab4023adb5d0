// The scales and mins of q4_K and q5_K: eight pairs of six-bit numbers in twelve bytes. The first four pairs lie in the low six bits
// of bytes 0 to 3 and 4 to 7; of the others the low four bits lie in bytes 8 to 11 and the high two above those of the first four.

export interface SixBitPairs {
  readonly scales: readonly number[];
  readonly mins: readonly number[];
}

const PAIRS = 8;

export function readSixBitPairs(bytes: Uint8Array): SixBitPairs {
  const byte = (index: number) => bytes[index] ?? 0;
  const indices = Array.from({ length: PAIRS }, (_, index) => index);
  return {
    scales: indices.map((i) => (i < 4 ? byte(i) & 63 : (byte(i + 4) & 15) + 16 * (byte(i - 4) >>> 6))),
    mins: indices.map((i) => (i < 4 ? byte(i + 4) & 63 : (byte(i + 4) >>> 4) + 16 * (byte(i) >>> 6))),
  };
}

export function writeSixBitPairs({ scales, mins }: SixBitPairs, bytes: Uint8Array): void {
  const scale = (index: number) => scales[index] ?? 0;
  const min = (index: number) => mins[index] ?? 0;
  for (let i = 0; i < 4; i += 1) {
    bytes[i] = scale(i) | ((scale(i + 4) >>> 4) << 6);
    bytes[i + 4] = min(i) | ((min(i + 4) >>> 4) << 6);
    bytes[i + 8] = (scale(i + 4) & 15) | ((min(i + 4) & 15) << 4);
  }
}
