// What a kernel of a layer must move and compute at least, from its plan: bytes by the shapes of its bindings, each input read
// once and each output written once, and floating-point operations, both as formulas and as numbers for a batch.

import { TENSOR_ROLES, type TensorRole } from '../spec/block.js';
import { ELEMENT_TYPES } from '../spec/dtypes.js';
import { workOf } from './families/work.js';
import { evaluateFormula, type FormulaValues } from './formula.js';
import { TENSOR_BINDINGS } from './layer.js';
import type { Binding, Formula, KernelPlan, TileShape } from './types.js';

/**
 * Sizes that depend on the routing, for assignments that touch as many experts as they can, all of them equally often; each may
 * need those before it.
 */
export const ROUTED_SIZES = {
  touched_experts: 'min(num_experts, num_tokens * top_k)',
  num_tiles: 'touched_experts * ceil_div(num_tokens * top_k, touched_experts * block_m)',
  max_tiles: 'num_tiles',
} as const satisfies Readonly<Record<string, Formula>>;

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
    weights: bytesOf(buffers.filter((binding) => isRead(binding) && roleOf(binding) !== undefined)),
    activations: bytesOf(buffers.filter((binding) => isRead(binding) && roleOf(binding) === undefined)),
    written: bytesOf(buffers.filter(({ access }) => access !== 'read')),
    flops: flopsOf(plan),
  };
}

/** All names of formulas, for a layer's constants and a batch of at least one token; without tiles every row is one. */
export function layerValues(
  constants: Readonly<Record<string, number | boolean>>,
  batch: { readonly numTokens: number; readonly tile: TileShape | null },
): FormulaValues {
  const { numTokens, tile } = batch;
  const numbers = Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, Number(value)]));
  const given = { ...numbers, num_tokens: numTokens, block_m: tile?.blockM ?? 1, block_n: tile?.blockN ?? 1 };
  return Object.entries(ROUTED_SIZES).reduce<FormulaValues>(
    (values, [name, formula]) => ({ ...values, [name]: evaluateFormula(formula, values) }),
    given,
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
  return sumOf(
    bindings.map((binding) =>
      productOf([String(ELEMENT_TYPES[binding.element].bytes), ...touchedShape(binding)]),
    ),
  );
}

/** Of the experts' tensors only those of experts that are touched, of the table only the tokens' rows. */
function touchedShape(binding: Binding): readonly Formula[] {
  const role = roleOf(binding);
  const [, ...rest] = binding.shape;
  if (role?.startsWith('expert_') === true) return ['touched_experts', ...rest];
  return role === 'token_table' ? ['num_tokens', ...rest] : binding.shape;
}

/** Two for each multiply-add of the matrix products, and of the sum over a token's slots. */
function flopsOf({ family, bindings }: KernelPlan): Formula {
  const { rows, summands } = workOf(family);
  const matrices = bindings.filter(({ name }) => name.endsWith('_weight'));
  const outputs = bindings.filter(({ access }) => access === 'write');
  return sumOf([
    ...(rows === undefined ? [] : matrices.map((matrix) => productOf(['2', rows, ...matrixShape(matrix)]))),
    ...(summands === undefined ? [] : outputs.map(({ shape }) => productOf(['2', summands, ...shape]))),
  ]);
}

/** Of one expert. */
function matrixShape(binding: Binding): readonly Formula[] {
  return roleOf(binding)?.startsWith('expert_') === true ? binding.shape.slice(1) : binding.shape;
}

function roleOf({ name }: Binding): TensorRole | undefined {
  return TENSOR_ROLES.find((role) => TENSOR_BINDINGS[role] === name);
}

function productOf(factors: readonly Formula[]): Formula {
  return factors.map((factor) => (/[+-]/.test(factor) ? `(${factor})` : factor)).join(' * ');
}

function sumOf(terms: readonly Formula[]): Formula {
  return terms.length === 0 ? '0' : terms.join(' + ');
}
