import { describe, expect, it } from 'vitest';
import { evaluateFormula, parseFormula } from '../../generator/plan/formula.js';

const values = { num_tokens: 7, top_k: 3, hidden_size: 70 };

describe('evaluateFormula', () => {
  it.each([
    ['42', 42],
    ['num_tokens * top_k', 21],
    ['2 + 3 * 4', 14],
    ['(2 + 3) * 4', 20],
    ['10 - 3 - 2', 5],
    ['ceil_div(hidden_size, 32)', 3],
    ['ceil_div(num_tokens * top_k, 256) * 2', 2],
    ['min(num_tokens, 5) + max(1, 2)', 7],
    ['hidden_size / 10', 7],
    ['floor_div(hidden_size, 32)', 2],
  ])('%s', (formula, want) => {
    expect(evaluateFormula(formula, values)).toBe(want);
  });

  it.each([
    ['hiden_size', "names 'hiden_size', which has no value"],
    ['hidden_size / 4', 'divides 70 by 4, which leaves a rest'],
    ['floor(1, 2)', "calls 'floor', which is no function of formulas"],
    ['1 2', "has '2' where it should end"],
    ['(1 + 2', "lacks ')'"],
    ['1 % 2', 'holds a character that means nothing'],
  ])('refuses %s', (formula, reason) => {
    expect(() => evaluateFormula(formula, values)).toThrow(`the formula '${formula}' ${reason}`);
  });
});

describe('parseFormula', () => {
  it.each([
    ['7', 7],
    ['top_k', 'top_k'],
    ['10 - a - 2', ['-', ['-', 10, 'a'], 2]],
    ['2 * (a + ceil_div(b, 4))', ['*', 2, ['+', 'a', ['ceil_div', 'b', 4]]]],
  ])('of %s', (formula, tree) => {
    expect(parseFormula(formula)).toEqual(tree);
  });
});
