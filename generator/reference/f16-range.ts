// Whether a fixture can be computed in F16 at all: a value beyond the largest half would become an infinity.

import type { MoeBlock } from '../description/block.js';
import { referenceBlock, type Stage } from './block.js';
import { fixtureWeights, type Fixture } from './fixture.js';
import type { BlockWeights } from './weights.js';

const LARGEST_F16 = 65504;

/** Why the fixture does not fit F16, or null where it does: its input, its parameters and every value on the way count. */
export function f16Overflow(
  fixture: Fixture,
  block: MoeBlock,
  tokenIds: ArrayLike<number> | null,
  weights: BlockWeights = fixtureWeights(fixture, block),
): string | null {
  const input = overflow('x', magnitude(fixture.x));
  if (input !== null) return input;
  for (const [name, { scale }] of Object.entries(fixture.parameters)) {
    const parameter = overflow(`parameter ${name}`, Math.abs(scale ?? 0));
    if (parameter !== null) return parameter;
  }
  const largest = new Map<Stage, number>();
  referenceBlock(block, weights, { x: fixture.x, ...fixture.extra, tokenIds }, (stage, values) => {
    largest.set(stage, Math.max(largest.get(stage) ?? 0, magnitude(values)));
  });
  largest.delete('logits');
  const reasons = Array.from(largest, ([stage, value]) => overflow(`the ${stage}`, value));
  return reasons.find((reason) => reason !== null) ?? null;
}

function magnitude(values: Float64Array): number {
  return values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
}

function overflow(what: string, value: number): string | null {
  if (value <= LARGEST_F16) return null;
  return `${what} reaches ${value.toPrecision(4)}, beyond the largest f16 value ${LARGEST_F16}`;
}
