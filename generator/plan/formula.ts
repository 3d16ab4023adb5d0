// Reads and evaluates the integer formulas of plans (see `Formula`): shapes and grids over the sizes of a model and a batch. The
// same formulas stand in the manifest, as text and as trees, where hosts evaluate them.

import { MoegenError } from '../errors.js';
import type { Formula } from './types.js';

export type FormulaValues = Readonly<Record<string, number>>;

const FUNCTIONS = {
  ceil_div: (a: number, b: number) => Math.ceil(a / b),
  floor_div: (a: number, b: number) => Math.floor(a / b),
  min: (a: number, b: number) => Math.min(a, b),
  max: (a: number, b: number) => Math.max(a, b),
} as const;

const OPERATORS = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
} as const;

type FunctionName = keyof typeof FUNCTIONS;

/** What a tree may have in its first place; `/` is exact. */
export const FORMULA_OPERATIONS = ['+', '-', '*', '/', 'ceil_div', 'floor_div', 'min', 'max'] as const;
type FormulaOperation = (typeof FORMULA_OPERATIONS)[number];

/** A number, the name of a value, or an operation with its two operands. */
export type FormulaTree = number | string | readonly [FormulaOperation, FormulaTree, FormulaTree];

export function evaluateFormula(formula: Formula, values: FormulaValues): number {
  return evaluate(parseFormula(formula), formula, values);
}

const PARSED = new Map<Formula, FormulaTree>();

export function parseFormula(formula: Formula): FormulaTree {
  const known = PARSED.get(formula);
  if (known !== undefined) return known;
  const reader = new Reader(formula);
  const tree = reader.sum();
  reader.expectEnd();
  PARSED.set(formula, tree);
  return tree;
}

function evaluate(tree: FormulaTree, formula: Formula, values: FormulaValues): number {
  if (typeof tree === 'number') return tree;
  if (typeof tree === 'string') {
    const value = values[tree];
    if (value === undefined) throw faulty(formula, `names '${tree}', which has no value`, values);
    return value;
  }
  const [operation, left, right] = tree;
  const [a, b] = [evaluate(left, formula, values), evaluate(right, formula, values)];
  if (operation !== '/') return { ...OPERATORS, ...FUNCTIONS }[operation](a, b);
  const quotient = a / b;
  if (Number.isInteger(quotient)) return quotient;
  throw faulty(formula, `divides ${a} by ${b}, which leaves a rest`, values);
}

function faulty(formula: Formula, reason: string, values: FormulaValues = {}): MoegenError {
  const names = Object.keys(values);
  return new MoegenError('plan/bad-formula', `the formula '${formula}' ${reason}`, {
    ...(names.length > 0 && { help: `known names: ${names.join(', ')}` }),
  });
}

const TOKEN = /\s*([A-Za-z_]\w*|\d+|[-+*/(),])/y;

/** Recursive descent over sums, products and operands. */
class Reader {
  readonly #tokens: string[] = [];
  #next = 0;
  readonly #formula: Formula;

  constructor(formula: Formula) {
    this.#formula = formula;
    TOKEN.lastIndex = 0;
    for (let match = TOKEN.exec(formula); match !== null; match = TOKEN.exec(formula)) {
      this.#tokens.push(match[1] ?? '');
    }
    if (this.#tokens.join('') !== formula.replaceAll(/\s/g, ''))
      this.#fail('holds a character that means nothing');
  }

  sum(): FormulaTree {
    let tree = this.#product();
    for (;;) {
      if (this.#take('+')) tree = ['+', tree, this.#product()];
      else if (this.#take('-')) tree = ['-', tree, this.#product()];
      else return tree;
    }
  }

  expectEnd(): void {
    if (this.#next < this.#tokens.length)
      this.#fail(`has '${this.#tokens[this.#next] ?? ''}' where it should end`);
  }

  #product(): FormulaTree {
    let tree = this.#operand();
    for (;;) {
      if (this.#take('*')) tree = ['*', tree, this.#operand()];
      else if (this.#take('/')) tree = ['/', tree, this.#operand()];
      else return tree;
    }
  }

  #operand(): FormulaTree {
    const token = this.#tokens[this.#next++] ?? '';
    if (/^\d/.test(token)) return Number(token);
    if (token === '(') {
      const tree = this.sum();
      this.#expect(')');
      return tree;
    }
    return this.#take('(') ? this.#call(token) : token;
  }

  #call(name: string): FormulaTree {
    if (!isFunction(name)) this.#fail(`calls '${name}', which is no function of formulas`);
    const first = this.sum();
    this.#expect(',');
    const second = this.sum();
    this.#expect(')');
    return [name, first, second];
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
    throw faulty(this.#formula, reason);
  }
}

function isFunction(name: string): name is FunctionName {
  return Object.hasOwn(FUNCTIONS, name);
}
