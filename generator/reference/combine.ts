// Rows of the experts back to their tokens: the weighted sum over each token's slots, in slot order.

import { NO_ROW, type ExpertIndex } from './expert-index.js';
import type { Routing } from './router.js';

export interface CombineShape {
  /** Width of a row. */
  readonly width: number;
  readonly numExperts: number;
  readonly numZeroExperts: number;
  /** Rows of `outputs` bear their weight already, because it multiplied the expert's input. */
  readonly isWeighted: boolean;
}

/**
 * [tokens, width]. An expert without weights contributes its input, which is row token of `x`. An unfilled slot makes the
 * whole token NaN, so that a selection that failed cannot be overlooked.
 */
export function referenceCombine(
  shape: CombineShape,
  routing: Routing,
  index: ExpertIndex,
  outputs: Float64Array,
  x: Float64Array,
): Float64Array {
  const { width, numExperts, numZeroExperts } = shape;
  const y = new Float64Array(routing.numTokens * width);
  routing.ids.forEach((id, assignment) => {
    const token = Math.floor(assignment / routing.topK);
    const row = index.inverse[assignment] ?? NO_ROW;
    const weight = routing.weights[assignment] ?? NaN;
    const isZeroExpert = id >= numExperts && id < numExperts + numZeroExperts;
    for (let h = 0; h < width; h += 1) {
      const at = token * width + h;
      y[at] = (y[at] ?? 0) + contribution(h, at);
    }

    function contribution(h: number, at: number): number {
      if (isZeroExpert) return weight * (x[at] ?? NaN);
      if (row === NO_ROW) return NaN;
      return (shape.isWeighted ? 1 : weight) * (outputs[row * width + h] ?? NaN);
    }
  });
  return y;
}
