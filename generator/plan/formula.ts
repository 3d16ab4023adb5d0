// Evaluates the integer formulas of plans (see `Formula`): shapes and grids over the sizes of a model and a batch. The same
// formulas stand in the manifest, where hosts evaluate them.

import { MoegenError } from '../errors.js';
import type { Formula } from './types.js';

export type FormulaValues = Readonly<Record<string, number>>;

const FUNCTIONS: Readonly<Record<string, (a: number, b: number) => number>> = {
  ceil_div: (a, b) => Math.ceil(a / b),
  min: Math.min,
  max: Math.max,
};

const TOKEN = /\s*([A-Za-z_]\w*|\d+|[-+*/(),])/y;

export function evaluateFormula(formula: Formula, values: FormulaValues): number {
  const reader = new Reader(formula, values);
  const value = reader.sum();
  reader.expectEnd();
  return value;
}

/** Recursive descent over sums, products and operands. */
class Reader {
  readonly #tokens: string[] = [];
  #next = 0;
  readonly #formula: Formula;
  readonly #values: FormulaValues;

  constructor(formula: Formula, values: FormulaValues) {
    this.#formula = formula;
    this.#values = values;
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(formula); match !== null; match = TOKEN.exec(formula)) {
      this.#tokens.push(match[1] ?? '');
    }
    if (this.#tokens.join('') !== formula.replaceAll(/\s/g, ''))
      this.#fail('holds a character that means nothing');
  }

  sum(): number {
    let value = this.#product();
    for (;;) {
      if (this.#take('+')) value += this.#product();
      else if (this.#take('-')) value -= this.#product();
      else return value;
    }
  }

  expectEnd(): void {
    if (this.#next < this.#tokens.length)
      this.#fail(`has '${this.#tokens[this.#next] ?? ''}' where it should end`);
  }

  #product(): number {
    let value = this.#operand();
    for (;;) {
      if (this.#take('*')) value *= this.#operand();
      else if (this.#take('/')) value = this.#exactQuotient(value, this.#operand());
      else return value;
    }
  }

  #operand(): number {
    const token = this.#tokens[this.#next++] ?? '';
    if (/^\d/.test(token)) return Number(token);
    if (token === '(') {
      const value = this.sum();
      this.#expect(')');
      return value;
    }
    if (this.#take('(')) return this.#call(token);
    const value = this.#values[token];
    if (value === undefined) this.#fail(`names '${token}', which has no value`);
    return value;
  }

  #call(name: string): number {
    const apply = FUNCTIONS[name];
    if (apply === undefined) this.#fail(`calls '${name}', which is no function of formulas`);
    const first = this.sum();
    this.#expect(',');
    const second = this.sum();
    this.#expect(')');
    return apply(first, second);
  }

  #exactQuotient(dividend: number, divisor: number): number {
    const quotient = dividend / divisor;
    if (!Number.isInteger(quotient)) this.#fail(`divides ${dividend} by ${divisor}, which leaves a rest`);
    return quotient;
  }

  #take(token: string): boolean {
    if (this.#tokens[this.#next] !== token) return false;
    this.#next += 1;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) this.#fail(`lacks '${token}'`);
  }

  #fail(reason: string): never {
    throw new MoegenError('plan/bad-formula', `the formula '${this.#formula}' ${reason}`, {
      help: `known names: ${Object.keys(this.#values).join(', ')}`,
    });
  }
}
