// What a kernel of a layer must move and compute at least, from its plan: bytes by the shapes of its bindings, each input read
// once and each output written once, and floating-point operations, both as formulas and as numbers for a batch.

import { ELEMENT_TYPES } from '../description/dtypes.js';
import { FAMILIES } from './families/table.js';
import { evaluateFormula, type FormulaValues } from './formula.js';
import type { RunSizes } from './layer.js';
import { BALANCED_SIZES, withMaxTiles } from './sizes.js';
import type { Binding, Formula, KernelPlan } from './types.js';

export interface CostFormulas {
  /** Bytes of parameters. */
  readonly weights: Formula;
  /** Bytes of everything else that is read. */
  readonly activations: Formula;
  /** Bytes. */
  readonly written: Formula;
  readonly flops: Formula;
}

export interface Cost {
  readonly weightBytes: number;
  readonly activationBytes: number;
  readonly writtenBytes: number;
  readonly flops: number;
}

export function costFormulas(plan: KernelPlan): CostFormulas {
  const buffers = plan.bindings.filter(({ access }) => access !== 'argument');
  const isRead = ({ access }: Binding) => access !== 'write';
  return {
    weights: bytesOf(buffers.filter((binding) => isRead(binding) && binding.role !== undefined)),
    activations: bytesOf(buffers.filter((binding) => isRead(binding) && binding.role === undefined)),
    written: bytesOf(buffers.filter(({ access }) => access !== 'read')),
    flops: flopsOf(plan),
  };
}

/** All names of formulas, for a layer's constants and a batch of at least one token; without tiles every row is one. */
export function layerValues(
  constants: Readonly<Record<string, number | boolean>>,
  batch: { readonly numTokens: number; readonly sizes: RunSizes | null },
): FormulaValues {
  const { numTokens, sizes } = batch;
  const numbers = Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, Number(value)]));
  const given = { ...numbers, num_tokens: numTokens, block_m: 1, block_n: 1, down_block_n: 1, ...sizes };
  return Object.entries(BALANCED_SIZES).reduce<FormulaValues>(
    (values, [name, formula]) => ({ ...values, [name]: evaluateFormula(formula, values) }),
    withMaxTiles(given),
  );
}

export function costAt(formulas: CostFormulas, values: FormulaValues): Cost {
  return {
    weightBytes: evaluateFormula(formulas.weights, values),
    activationBytes: evaluateFormula(formulas.activations, values),
    writtenBytes: evaluateFormula(formulas.written, values),
    flops: evaluateFormula(formulas.flops, values),
  };
}

export function totalCost(costs: readonly Cost[]): Cost {
  const sum = (key: keyof Cost) => costs.reduce((total, cost) => total + cost[key], 0);
  return {
    weightBytes: sum('weightBytes'),
    activationBytes: sum('activationBytes'),
    writtenBytes: sum('writtenBytes'),
    flops: sum('flops'),
  };
}

function bytesOf(bindings: readonly Binding[]): Formula {
  return sumOf(bindings.map(bindingBytes));
}

/** Bytes of a buffer that are touched. */
export function bindingBytes(binding: Binding): Formula {
  return productOf([String(ELEMENT_TYPES[binding.element].bytes), ...touchedShape(binding)]);
}

/** Of the experts' tensors only those of experts that are touched, of tables only rows of tokens and of tiles that exist. */
function touchedShape(binding: Binding): readonly Formula[] {
  const { role } = binding;
  const [first, ...rest] = binding.shape;
  if (first === 'max_tiles') return ['num_tiles', ...rest];
  if (role?.startsWith('expert_') === true) return ['touched_experts', ...rest];
  if (role?.startsWith('adjugate_') === true) return [`min(${first ?? ''}, touched_experts)`, ...rest];
  return role === 'token_table' ? ['num_tokens', ...rest] : binding.shape;
}

/** Two for each multiply-add of the matrix products, and of the sum over a token's slots. */
function flopsOf({ family, bindings }: KernelPlan): Formula {
  const { rows, summands } = FAMILIES[family];
  const matrices = bindings.flatMap(({ matrix }) => (matrix === undefined ? [] : [matrix]));
  const outputs = bindings.filter(({ access }) => access === 'write');
  return sumOf([
    ...(rows === undefined ? [] : matrices.map((matrix) => productOf(['2', rows, ...matrix]))),
    ...(summands === undefined ? [] : outputs.map(({ shape }) => productOf(['2', summands, ...shape]))),
  ]);
}

function productOf(factors: readonly Formula[]): Formula {
  return factors.map((factor) => (/[+-]/.test(factor) ? `(${factor})` : factor)).join(' * ');
}

function sumOf(terms: readonly Formula[]): Formula {
  return terms.length === 0 ? '0' : terms.join(' + ');
}
