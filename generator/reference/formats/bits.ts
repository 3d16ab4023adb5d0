// Codes of any width in a row of bytes, lowest bits first: code i of a row lies in bits [i * width, (i + 1) * width) of the row
// read as one little-endian number. Words of 32 bits never need turning round, since they are little-endian too.

/** The code at an index of a row that starts at byte `start`. */
export function getBits(bytes: Uint8Array, start: number, index: number, width: number): number {
  // Within one byte there is nothing to put together.
  if (8 % width === 0) {
    const bit = index * width;
    return ((bytes[start + (bit >>> 3)] ?? 0) >>> (bit & 7)) & (2 ** width - 1);
  }
  let code = 0;
  for (let bit = 0; bit < width; bit += 1) {
    const at = index * width + bit;
    const set = ((bytes[start + (at >>> 3)] ?? 0) >>> (at & 7)) & 1;
    code += set * 2 ** bit;
  }
  return code;
}

/** Writes a code over zero bits. */
export function setBits(bytes: Uint8Array, start: number, index: number, width: number, code: number): void {
  if (8 % width === 0) {
    const bit = index * width;
    const place = start + (bit >>> 3);
    bytes[place] = (bytes[place] ?? 0) | (code << (bit & 7));
    return;
  }
  for (let bit = 0; bit < width; bit += 1) {
    const at = index * width + bit;
    const place = start + (at >>> 3);
    bytes[place] = (bytes[place] ?? 0) | (((code >>> bit) & 1) << (at & 7));
  }
}
