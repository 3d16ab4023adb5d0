import { expect, test } from 'vitest';
import { filledWeights } from '../../generator/reference/filled-weights.js';
import { fillParameter } from '../../generator/reference/parameter-fill.js';
import { checkBlock } from '../../generator/description/check-block.js';

const block = checkBlock(
  {
    hiddenSize: 6,
    intermediateSize: 5,
    numExperts: 3,
    topK: 2,
    router: { scoring: { kind: 'softmax' }, selection: { kind: 'token_table', vocabSize: 40 } },
    tensors: { expert_down: { name: 'experts.{expert}.down' } },
  },
  'a test',
);

const parameters = {
  'experts.0.down': { shape: [6, 5], scale: 1 },
  'experts.1.down': { shape: [6, 5], scale: 1 },
  'experts.2.down': { shape: [6, 5], scale: 2 },
  expert_gate_up: { shape: [3, 10, 6], scale: 0.5 },
  token_table: { shape: [40, 2], scale: null, below: 3 },
};
const weights = filledWeights(parameters, block, 'a test');

test('a tensor for each expert is the same tensor for all experts, in parts', () => {
  const own = [0, 1, 2].map((expert) => weights.expert('expert_down', expert));
  expect(own[2]).toEqual(fillParameter('experts.2.down', 0, 30, 2));
  expect(weights.tensor('expert_down')).toEqual(
    Float32Array.from(own.flatMap((values) => Array.from(values))),
  );
});

test('a tensor of all experts holds them one after the other', () => {
  expect(weights.expert('expert_gate_up', 1)).toEqual(weights.tensor('expert_gate_up').subarray(60, 120));
});

test('a table of integers holds every number below its bound, and no other', () => {
  expect(new Set(weights.tensor('token_table'))).toEqual(new Set([0, 1, 2]));
  const zeros = filledWeights({ token_table: { shape: [40, 2], scale: null } }, block, 'a test');
  expect(new Set(zeros.tensor('token_table'))).toEqual(new Set([0]));
});
