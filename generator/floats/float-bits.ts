// Numbers to and from the bits of IEEE single precision, as unsigned 32-bit integers.

const view = new DataView(new ArrayBuffer(4));

function bitsOfF32(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

export function f32OfBits(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

/**
 * The float next to `value` towards zero, with its last bit set if anything was cut off. Rounding that to a format with
 * at least two bits less gives what rounding `value` itself gives, so a double reaches half or bfloat with one rounding.
 */
export function bitsRoundedToOdd(value: number): number {
  const nearest = Math.fround(value);
  const bits = bitsOfF32(nearest);
  if (nearest === value || Number.isNaN(value)) return bits;
  const towardsZero = Math.abs(nearest) > Math.abs(value) ? bits - 1 : bits;
  return (towardsZero | 1) >>> 0;
}

/** Right shift that rounds to nearest, ties to even. */
export function shiftRightEven(value: number, shift: number): number {
  const kept = value >>> shift;
  const rest = value & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const roundUp = rest > half || (rest === half && (kept & 1) === 1);
  return kept + (roundUp ? 1 : 0);
}
