// A set into what the templates of bindings print: every row with its position, every formula as nodes.

import type { FormulaTree } from '../plan/formula.js';
import type { BindingSet } from './set.js';

/** One of the four kinds has its words. */
interface FormulaNode {
  readonly isNumber: boolean;
  readonly isName: boolean;
  readonly isInfix: boolean;
  readonly isCall: boolean;
  readonly number?: number;
  readonly name?: string;
  readonly operation?: string;
  /** What an infix operation is called. */
  readonly word?: string;
  readonly left?: FormulaNode;
  readonly right?: FormulaNode;
}

const WORDS: Readonly<Record<string, string>> = { '+': 'sum', '-': 'difference', '*': 'product' };

const KINDS = { isNumber: false, isName: false, isInfix: false, isCall: false } as const;

function formulaNode(tree: FormulaTree): FormulaNode {
  if (typeof tree === 'number') return { ...KINDS, isNumber: true, number: tree };
  if (typeof tree === 'string') return { ...KINDS, isName: true, name: tree };
  const [operation, left, right] = tree;
  const word = WORDS[operation];
  return {
    ...{ ...KINDS, isInfix: word !== undefined, isCall: word === undefined },
    ...(word !== undefined && { word }),
    operation: operation === '/' ? 'exact_div' : operation,
    left: formulaNode(left),
    right: formulaNode(right),
  };
}

function capitalised(word: string): string {
  return `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;
}

/** `source`: the manifest, as people call it. */
export function bindingContext(set: BindingSet, source: string): object {
  return {
    set: {
      ...set,
      source,
      formulas: set.formulas.map(formulaNode),
      constants: set.constants.map((rows, at) => ({
        rows: rows.map((row) => ({ ...row, variant: capitalised(row.type) })),
        at,
        isEmpty: rows.length === 0,
      })),
      bindings: set.bindings.map((rows, at) => ({ rows, at })),
      stages: set.stages.map((stage, at) => ({ ...stage, at })),
      memories: set.memories.map((rows, at) => ({ rows, at })),
      values: set.values.map((rows, at) => ({ rows, at })),
      runs: set.runs.map((run, at) => ({ ...run, at })),
      groups: set.groups.map((group, at) => ({ ...group, at, hasLayers: group.layers.length > 0 })),
    },
  };
}
