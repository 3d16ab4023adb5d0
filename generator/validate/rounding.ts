// How far a block is from the exact result, and how far it is where nothing but storing its values rounds them.

import { referenceBlock } from '../reference/block.js';
import { fixtureWeights, type Fixture } from '../reference/fixture.js';
import type { MoeBlock } from '../spec/block.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import { roundElements } from './elements.js';

/** |y - expected| / |expected| over the rows that may be compared. */
export function relativeError(y: Float64Array, { expected, rowsOk, hiddenSize }: Fixture): number {
  let [difference, norm] = [0, 0];
  expected.forEach((want, at) => {
    if (rowsOk[Math.floor(at / hiddenSize)] !== true) return;
    difference += ((y[at] ?? NaN) - want) ** 2;
    norm += want ** 2;
  });
  return Math.sqrt(difference / norm);
}

/** Of the block in double precision, with the intermediate and the output rounded as a kernel stores them. */
export function storageError(
  fixture: Fixture,
  block: MoeBlock,
  tokenIds: ArrayLike<number>,
  {
    activation,
    intermediate,
  }: { readonly activation: ActivationDtype; readonly intermediate: ActivationDtype },
): number {
  const storeHidden = (hidden: Float64Array) => roundElements(intermediate, hidden);
  const y = referenceBlock(block, fixtureWeights(fixture, block), { x: fixture.x, tokenIds, storeHidden });
  return relativeError(roundElements(activation, y), fixture);
}
