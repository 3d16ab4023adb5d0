// Entropies of probabilities in bits. A logarithm is never taken of less than epsilon; a probability of zero contributes nothing.

export function entropyTerm(p: number, epsilon: number): number {
  return p <= 0 ? 0 : -p * Math.log2(Math.max(p, epsilon));
}

export function entropyOf(probabilities: ArrayLike<number>, epsilon: number): number {
  return Array.from(probabilities).reduce((sum, p) => sum + entropyTerm(p, epsilon), 0);
}

/** d/dp of the entropy; none flows where p is as good as zero. */
export function entropySlope(p: number, epsilon: number): number {
  return p <= 1.5 * epsilon ? 0 : -Math.log2(p) - 1 / Math.LN2;
}
