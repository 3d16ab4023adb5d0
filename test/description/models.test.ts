// Every model type read from a configuration with the keys that its config.json has. The expected blocks are written in full,
// as differences from one plain block.

import { describe, expect, test } from 'vitest';
import { modelTypes, readBlock } from '../../generator/description/models/index.js';
import { SIGMOID_CASES } from '../support/sigmoid-cases.js';
import { SOFTMAX_CASES } from '../support/softmax-cases.js';
import { blockTraits } from '../support/plain-block.js';

const TABLE = { ...SOFTMAX_CASES, ...SIGMOID_CASES };

test('the table has 52 types, and each is tested', () => {
  expect(modelTypes()).toHaveLength(52);
  expect(Object.keys(TABLE).sort()).toEqual(modelTypes());
});

describe('each type becomes its block', () => {
  test.each(Object.entries(TABLE))('%s', (type, [keys, difference, names]) => {
    const { tensors, ...traits } = readBlock({ model_type: type, hidden_size: 64, ...keys }, 1, 'c');
    expect(traits).toEqual(blockTraits(difference));
    expect(Object.values(tensors).map(({ name }) => name)).toEqual(expect.arrayContaining([...names]));
  });
});

test('tensors have the shapes that the checkpoint gives them', () => {
  const shapesOf = (type: string) => {
    const { tensors } = readBlock({ model_type: type, hidden_size: 64, ...TABLE[type]?.[0] }, 1, 'c');
    return Object.fromEntries(Object.entries(tensors).map(([role, { shape }]) => [role, shape]));
  };
  expect(shapesOf('longcat_flash')).toEqual({
    router: [12, 64],
    selection_bias: [12],
    expert_gate_up: [12, 64, 64],
    expert_down: [8, 64, 32],
  });
  expect(shapesOf('ernie4_5_moe')).toMatchObject({ selection_bias: [1, 8], shared_gate: [64, 64] });
  expect(shapesOf('dbrx')).toEqual({
    router: [8, 64],
    expert_gate: [256, 64],
    expert_up: [256, 64],
    expert_down: [256, 64],
  });
  expect(shapesOf('nllb_moe')).toEqual({
    router: [8, 64],
    expert_up: [32, 64],
    expert_up_bias: [32],
    expert_down: [64, 32],
    expert_down_bias: [64],
  });
  expect(shapesOf('gpt_oss')).toEqual({
    router: [8, 64],
    router_bias: [8],
    expert_gate_up: [8, 64, 64],
    expert_gate_up_bias: [8, 64],
    expert_down: [8, 32, 64],
    expert_down_bias: [8, 64],
  });
});
