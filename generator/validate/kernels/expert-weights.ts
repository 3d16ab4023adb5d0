// Random weights for whatever layout a kernel's buffers have, and the matrices of one expert as the references take them.

import { evaluateFormula } from '../../plan/formula.js';
import type { KernelPlan } from '../../plan/types.js';
import type { ExpertMatrices, ExpertShape } from '../../reference/experts.js';
import { linearInOut, linearOutIn } from '../../reference/linear.js';
import { GLU_VARIANTS } from '../../spec/activations.js';
import type { Glu } from '../../spec/block.js';
import { formulaValues, type Inputs, type StepValues } from '../job.js';
import type { Random } from '../random.js';
import { absolute, absoluteOrNull, dotError } from '../tolerance.js';
import { dtypeOf, store, valueOf } from './trial.js';

export type Matrix = ExpertMatrices['down'];

/** Weights by the names of their buffers; biases are as large as the products that they are added to. */
export interface Weights {
  readonly inputs: Inputs;
  readonly values: ReadonlyMap<string, Float64Array>;
}

interface WeightScale {
  /** Terms of a product. */
  readonly terms: number;
  readonly gain: number;
  readonly bias: number;
}

export function makeWeights(
  plan: KernelPlan,
  names: readonly string[],
  values: StepValues,
  random: Random,
  { terms, gain, bias }: WeightScale,
): Weights {
  const sizes = formulaValues(values);
  const stored = plan.bindings
    .filter(({ name }) => names.includes(name))
    .map(({ name, shape }) => {
      const count = shape.reduce((product, extent) => product * evaluateFormula(extent, sizes), 1);
      const spread = name.endsWith('_bias') ? bias : gain / Math.sqrt(terms);
      return [name, store(dtypeOf(plan, name), random.spread(count, spread))] as const;
    });
  return {
    inputs: Object.fromEntries(stored.map(([name, { bytes }]) => [name, bytes])),
    values: new Map(stored.map(([name, own]) => [name, own.values])),
  };
}

/** The names that gate_up kernels give their weights and biases. */
export function gateUpNames(prefix: string): string[] {
  return ['gate_up', 'gate', 'up'].flatMap((matrix) => [
    `${prefix}${matrix}_weight`,
    `${prefix}${matrix}_bias`,
  ]);
}

/** One of `count` equal slices of a buffer with its bias, where there is one. */
export function matrixOf(
  { values }: Weights,
  name: string,
  expert: number,
  count: number,
): Matrix | undefined {
  const slice = (of: string): Float64Array | undefined => {
    const all = values.get(of);
    return all?.subarray((expert * all.length) / count, ((expert + 1) * all.length) / count);
  };
  const weight = slice(`${name}_weight`);
  return weight === undefined ? undefined : { weight, bias: slice(`${name}_bias`) ?? null };
}

/** The gate and up matrices of an expert; its down matrix is of no interest here. */
export function gateUpMatricesOf(
  weights: Weights,
  prefix: string,
  expert: number,
  count: number,
): ExpertMatrices {
  const part = (name: string) => matrixOf(weights, `${prefix}${name}`, expert, count);
  const down = { weight: new Float64Array(), bias: null };
  const [gateUp, gate, up] = [part('gate_up'), part('gate'), part('up')];
  if (gateUp !== undefined) return { kind: 'joint', gateUp, down };
  if (up === undefined) throw new Error('expected a matrix for up');
  return gate === undefined ? { kind: 'ungated', up, down } : { kind: 'separate', gate, up, down };
}

/** The same with the magnitudes of all values: sums of them bound the rounding errors of sums. */
export function magnitudes(matrices: ExpertMatrices): ExpertMatrices {
  const of = ({ weight, bias }: Matrix): Matrix => ({
    weight: absolute(weight),
    bias: absoluteOrNull(bias),
  });
  const down = of(matrices.down);
  switch (matrices.kind) {
    case 'joint':
      return { kind: 'joint', gateUp: of(matrices.gateUp), down };
    case 'separate':
      return { kind: 'separate', gate: of(matrices.gate), up: of(matrices.up), down };
    case 'ungated':
      return { kind: 'ungated', up: of(matrices.up), down };
  }
}

/** What a gate_up kernel says about itself, as the references take it. */
export function gateUpShape(
  plan: KernelPlan,
  values: StepValues,
  prefix: string,
  width: number,
  intermediateSize: number,
): ExpertShape {
  return {
    width,
    intermediateSize,
    gateUp: (plan.axes['layout'] ?? 'concatenated') as ExpertShape['gateUp'],
    gateUpOrder: (plan.axes['order'] ?? 'out_in') as ExpertShape['gateUpOrder'],
    downOrder: 'out_in',
    glu: gluOf(plan, values, prefix),
  };
}

function gluOf(plan: KernelPlan, values: StepValues, prefix: string): Glu {
  const row = GLU_VARIANTS.find(({ name }) => name === plan.axes['glu']);
  if (row === undefined) throw new Error(`${plan.name} has no known unit`);
  const limit = valueOf(plan, values, `${prefix}swiglu_limit`);
  const activation = row.activation ?? 'silu';
  switch (row.kind) {
    case 'plain':
      return { kind: 'plain', activation };
    case 'oai':
      return { kind: 'oai', limit, alpha: valueOf(plan, values, `${prefix}swiglu_alpha`) };
    case 'clamp_before':
    case 'clamp_after':
      return { kind: row.kind, activation, limit };
  }
}

/** Products of rows with matrices, [rows, columns]; rows without one stay zero. */
export interface Projected {
  readonly value: Float64Array;
  readonly error: Float64Array;
}

export function project(
  plan: KernelPlan,
  rows: Float64Array,
  terms: number,
  columns: number,
  matrices: readonly (Matrix | undefined)[],
): Projected {
  const linear = plan.axes['order'] === 'in_out' ? linearInOut : linearOutIn;
  const value = new Float64Array(matrices.length * columns);
  const error = new Float64Array(value.length);
  const relative = dotError(terms);
  matrices.forEach((matrix, row) => {
    if (matrix === undefined) return;
    const input = rows.subarray(row * terms, (row + 1) * terms);
    value.set(linear(input, matrix.weight, matrix.bias, terms), row * columns);
    const [weight, bias] = [absolute(matrix.weight), absoluteOrNull(matrix.bias)];
    const magnitude = linear(absolute(input), weight, bias, terms);
    error.set(
      magnitude.map((sum) => sum * relative),
      row * columns,
    );
  });
  return { value, error };
}
