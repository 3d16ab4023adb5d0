// How far a block is from the exact result, and how far it is where nothing but storing its values rounds them.

import { referenceBlock } from '../reference/block.js';
import type { Fixture } from '../reference/fixture.js';
import type { BlockWeights } from '../reference/weights.js';
import type { MoeBlock } from '../description/block.js';
import type { ActivationDtype } from '../description/dtypes.js';
import { roundElements } from './elements.js';

/**
 * |y - expected| / |expected| over the rows that may be compared. Of zeros it is 0 where zeros came out, and infinite where anything else
 * did.
 */
export function relativeError(y: Float64Array, { expected, rowsOk, hiddenSize }: Fixture): number {
  let [difference, norm] = [0, 0];
  expected.forEach((want, at) => {
    if (rowsOk[Math.floor(at / hiddenSize)] !== true) return;
    difference += ((y[at] ?? NaN) - want) ** 2;
    norm += want ** 2;
  });
  return difference === 0 && norm === 0 ? 0 : Math.sqrt(difference / norm);
}

interface Storage {
  readonly activation: ActivationDtype;
  readonly intermediate: ActivationDtype;
}

/** Largest relative error that a right block usually has: one rounding of the intermediate, where it is stored, and one of the output. */
const ERROR_LIMITS: Readonly<Record<ActivationDtype, { readonly stored: number; readonly float: number }>> = {
  f32: { stored: 2e-6, float: 2e-6 },
  bf16: { stored: 2.6e-3, float: 1.8e-3 },
  f16: { stored: 4e-4, float: 4e-4 },
};

/**
 * Roundings that all go one way, as where many values are clamped to one, cost more than the usual limit: then what they cost
 * this block is the limit, and a little for values that float arithmetic moves over the middle between two stored ones.
 */
export function errorLimit(
  error: number,
  fixture: Fixture,
  block: MoeBlock,
  weights: BlockWeights,
  storage: Storage,
): number {
  const usual = ERROR_LIMITS[storage.activation][storage.intermediate === 'f32' ? 'float' : 'stored'];
  if (error <= usual) return usual;
  return Math.max(usual, 1.02 * storageError(fixture, block, weights, storage));
}

/** Fixtures were made with the token ids 0, 1, 2, ... */
export function tokenIds({ numTokens }: Pick<Fixture, 'numTokens'>): number[] {
  return Array.from({ length: numTokens }, (_, token) => token);
}

/** Of the block in double precision, with the intermediate and the output rounded as a kernel stores them. */
function storageError(
  fixture: Fixture,
  block: MoeBlock,
  weights: BlockWeights,
  { activation, intermediate }: Storage,
): number {
  const storeHidden = (hidden: Float64Array) => roundElements(intermediate, hidden);
  const inputs = { x: fixture.x, ...fixture.extra, tokenIds: tokenIds(fixture), storeHidden };
  const y = referenceBlock(block, weights, inputs);
  return relativeError(roundElements(activation, y), fixture);
}
