// Seeded random numbers: the same seed gives the same cases on every machine.

export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** Uniform in [-scale, scale). */
  spread(count: number, scale: number): Float32Array;
  /** A whole number in [0, bound). */
  below(bound: number): number;
}

/** A 32-bit counter, mixed; the constants are those of the splitmix family. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let bits = state;
    bits = Math.imul(bits ^ (bits >>> 16), 0x21f0aaad);
    bits = Math.imul(bits ^ (bits >>> 15), 0x735a2d97);
    return ((bits ^ (bits >>> 15)) >>> 0) / 2 ** 32;
  };
  const spread = (count: number, scale: number): Float32Array => {
    const values = new Float32Array(count);
    for (let i = 0; i < count; i += 1) values[i] = (2 * next() - 1) * scale;
    return values;
  };
  return {
    next,
    spread,
    below: (bound) => Math.floor(next() * bound),
  };
}
