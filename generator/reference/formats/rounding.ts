// Whole numbers next to a number, in the ways in which quantisers find them.

/** Ties to even: what C's `rint` and ggml's `nearest_int` give. */
export function roundEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Ties away from zero: what C's `round` and `lround` give. */
export function roundAway(value: number): number {
  const size = Math.abs(value);
  const below = Math.floor(size);
  return Math.sign(value) * (size - below >= 0.5 ? below + 1 : below);
}

export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}
