import { describe, expect, test } from 'vitest';
import {
  referenceDown,
  referenceGateUp,
  referenceGlu,
  type ExpertMatrices,
  type ExpertShape,
} from '../../generator/reference/experts.js';
import { linearInOut, linearOutIn } from '../../generator/reference/linear.js';
import type { Glu } from '../../generator/description/block.js';

const X = Float64Array.of(1, 2, 3, 10, 20, 30);
const BIAS = Float64Array.of(0.5, -0.5);

test('matrices in both layouts', () => {
  const outIn = Float64Array.of(1, 0, 2, 0, 1, -1);
  const inOut = Float64Array.of(1, 0, 0, 1, 2, -1);
  const want = Float64Array.of(7, -1, 70, -10);
  expect(linearOutIn(X, outIn, null, 3)).toEqual(want);
  expect(linearInOut(X, inOut, null, 3)).toEqual(want);
  const biased = Float64Array.of(7.5, -1.5, 70.5, -10.5);
  expect(linearOutIn(X, outIn, BIAS, 3)).toEqual(biased);
  expect(linearInOut(X, inOut, BIAS, 3)).toEqual(biased);
  expect(linearOutIn(new Float64Array(0), outIn, BIAS, 3)).toEqual(new Float64Array(0));
});

/** Gate is (x0, 2 x1), up is (3 x1, x0 + 1), for x of two values. */
const SHAPE: ExpertShape = {
  width: 2,
  intermediateSize: 2,
  gateUp: 'concatenated',
  gateUpOrder: 'out_in',
  downOrder: 'out_in',
  glu: { kind: 'plain', activation: 'relu' },
};
const matrix = (values: readonly number[], bias: readonly number[]) => ({
  weight: Float64Array.from(values),
  bias: Float64Array.from(bias),
});
const DOWN = matrix([1, 1, 0, 3], [100, 200]);
const ROWS = Float64Array.of(2, 5, -1, 4);

describe('an expert', () => {
  test.each<[string, Partial<ExpertShape>, ExpertMatrices]>([
    [
      'concatenated, [out, in]',
      {},
      { kind: 'joint', gateUp: matrix([1, 0, 0, 2, 0, 3, 1, 0], [0, 0, 0, 1]), down: DOWN },
    ],
    [
      'concatenated, [in, out]',
      { gateUpOrder: 'in_out' },
      { kind: 'joint', gateUp: matrix([1, 0, 0, 1, 0, 2, 3, 0], [0, 0, 0, 1]), down: DOWN },
    ],
    [
      'interleaved, [out, in]',
      { gateUp: 'interleaved' },
      { kind: 'joint', gateUp: matrix([1, 0, 0, 3, 0, 2, 1, 0], [0, 0, 0, 1]), down: DOWN },
    ],
    [
      'interleaved, [in, out]',
      { gateUp: 'interleaved', gateUpOrder: 'in_out' },
      { kind: 'joint', gateUp: matrix([1, 0, 0, 1, 0, 3, 2, 0], [0, 0, 0, 1]), down: DOWN },
    ],
    [
      'separate, [out, in]',
      { gateUp: 'separate' },
      { kind: 'separate', gate: matrix([1, 0, 0, 2], [0, 0]), up: matrix([0, 3, 1, 0], [0, 1]), down: DOWN },
    ],
    [
      'separate, [in, out]',
      { gateUp: 'separate', gateUpOrder: 'in_out' },
      { kind: 'separate', gate: matrix([1, 0, 0, 2], [0, 0]), up: matrix([0, 1, 3, 0], [0, 1]), down: DOWN },
    ],
  ])('%s', (_, change, matrices) => {
    expect(referenceGateUp({ ...SHAPE, ...change }, matrices, ROWS)).toEqual({
      gate: Float64Array.of(2, 10, -1, 8),
      up: Float64Array.of(15, 3, 12, 0),
      hidden: Float64Array.of(30, 30, 0, 0),
    });
  });

  test('down has its bias, and its own layout', () => {
    const hidden = Float64Array.of(10, 15);
    const matrices: ExpertMatrices = { kind: 'ungated', up: DOWN, down: DOWN };
    expect(referenceDown(SHAPE, matrices, hidden)).toEqual(Float64Array.of(125, 245));
    expect(referenceDown({ ...SHAPE, downOrder: 'in_out' }, matrices, hidden)).toEqual(
      Float64Array.of(110, 255),
    );
  });

  test('without a gate', () => {
    const up = matrix([1, 0, 0, -1], [0, 1]);
    const shape: ExpertShape = { ...SHAPE, gateUp: 'ungated', glu: { kind: 'plain', activation: 'relu2' } };
    const matrices: ExpertMatrices = { kind: 'ungated', up, down: DOWN };
    const hidden = Float64Array.of(4, 0, 0, 0);
    expect(referenceGateUp(shape, matrices, ROWS)).toEqual({
      gate: null,
      up: Float64Array.of(2, -4, -1, -3),
      hidden,
    });
    expect(referenceDown(shape, matrices, hidden)).toEqual(Float64Array.of(104, 200, 100, 200));
  });
});

describe('the gated linear units', () => {
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));
  const GATE = Float64Array.of(1, -4, 6, 6);
  const UP = Float64Array.of(3, 5, -9, 2);
  test.each<[Glu, readonly number[]]>([
    [
      { kind: 'plain', activation: 'silu' },
      [3 * sigmoid(1), -20 * sigmoid(-4), -54 * sigmoid(6), 12 * sigmoid(6)],
    ],
    [
      { kind: 'clamp_before', activation: 'silu', limit: 4 },
      [3 * sigmoid(1), -16 * sigmoid(-4), -16 * sigmoid(4), 8 * sigmoid(4)],
    ],
    [{ kind: 'clamp_after', activation: 'silu', limit: 4 }, [3 * sigmoid(1), -16 * sigmoid(-4), -16, 8]],
    [
      { kind: 'oai', limit: 4, alpha: 2 },
      [4 * sigmoid(2), -4 * 5 * sigmoid(-8), 4 * -3 * sigmoid(8), 4 * 3 * sigmoid(8)],
    ],
  ])('%o', (glu, want) => {
    referenceGlu(glu, GATE, UP).forEach((value, i) => {
      expect(value).toBeCloseTo(want[i] ?? NaN, 13);
    });
  });
});
