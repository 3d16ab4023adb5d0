// Random weights for whatever layout a kernel's buffers have, and the matrices of one expert as the references take them.

import { evaluateFormula, type FormulaValues } from '../../plan/formula.js';
import type { BufferPart } from '../../native/types.js';
import type { Binding, KernelPlan } from '../../plan/types.js';
import { kernelFormats, type WeightFormat } from '../../description/weights.js';
import { formatReference } from '../../reference/formats/index.js';
import type { ExpertMatrices, ExpertShape } from '../../reference/experts.js';
import { linearInOut, linearOutIn } from '../../reference/linear.js';
import { GLU_VARIANTS } from '../../description/activations.js';
import type { Glu } from '../../description/block.js';
import { encodeMatrices } from '../encode-matrices.js';
import { formulaValues, type Contents, type Inputs, type StepValues } from '../job.js';
import type { Random } from '../random.js';
import { absolute, absoluteOrNull, dotError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { spoilBias, spoilMatrix } from './nonfinite-numbers.js';
import { orderedColumns, orderedLinear } from './ordered-numbers.js';
import { dtypeOf, store, valueOf, type Trial } from './trial.js';

export type Matrix = ExpertMatrices['down'];

/** Weights by the names of their buffers; biases are as large as the products that they are added to. */
export interface Weights {
  readonly inputs: Trial['inputs'];
  /** Of the experts that are present, one after the other. */
  readonly values: ReadonlyMap<string, Float64Array>;
  /** All experts, if there is nothing here. */
  readonly present: readonly number[] | undefined;
}

interface WeightScale {
  /** Terms of a product. */
  readonly terms: number;
  readonly gain: number;
  readonly bias: number;
  readonly numbers: KernelCase['numbers'];
  /** What sums of ordered numbers come to. */
  readonly kept?: number;
  /** The only experts that have weights. */
  readonly present?: readonly number[] | undefined;
}

export function makeWeights(
  plan: KernelPlan,
  names: readonly string[],
  values: StepValues,
  random: Random,
  scale: WeightScale,
): Weights {
  const { present } = scale;
  const sizes = formulaValues(values);
  const inputs: Record<string, Contents> = {};
  const stored = new Map<string, Float64Array>();
  for (const binding of plan.bindings.filter(({ name }) => names.includes(name))) {
    const made = makeBinding(plan, binding, sizes, random, scale);
    stored.set(binding.name, made.values);
    const isPerExpert = binding.shape[0] === 'num_experts';
    for (const [name, bytes] of Object.entries(made.planes))
      inputs[name] = present !== undefined && isPerExpert ? placed(bytes, present) : bytes;
  }
  return { inputs, values: stored, present };
}

/** Each expert's share of what lies together, where it lies among those of all experts. */
function placed(bytes: Uint8Array, present: readonly number[]): BufferPart[] {
  const own = bytes.byteLength / present.length;
  return present.map((expert, at) => ({
    offset: expert * own,
    data: bytes.subarray(at * own, (at + 1) * own),
  }));
}

interface MadeBinding {
  /** By the names of their buffers. */
  readonly planes: Inputs;
  readonly values: Float64Array;
}

function makeBinding(
  plan: KernelPlan,
  { name, shape, matrix, plane }: Binding,
  sizes: FormulaValues,
  random: Random,
  scale: WeightScale,
): MadeBinding {
  const [outer = 1, ...extents] = shape.map((extent) => evaluateFormula(extent, sizes));
  const isPerExpert = shape[0] === 'num_experts';
  const experts = isPerExpert && scale.present !== undefined ? scale.present.length : outer;
  const count = extents.reduce((product, extent) => product * extent, experts);
  const format = plane === undefined ? undefined : packedFormat(plan);
  if (format === undefined || matrix === undefined) {
    const isWeight = plane !== undefined;
    const numbers = denseNumbers(count, extents.at(-1) ?? 1, isWeight, random, scale);
    if (scale.numbers === 'nonfinite') {
      const own = isPerExpert ? count / experts : count;
      if (isWeight) spoilMatrix(numbers, own, extents.at(-1) ?? 1);
      else spoilBias(numbers, own);
    }
    const own = store(dtypeOf(plan, name), numbers);
    return { planes: { [name]: own.bytes }, values: own.values };
  }
  const spread = scale.gain / Math.sqrt(scale.terms);
  const rowTerms = evaluateFormula(matrix[1], sizes);
  const matrices = shape.length === 3 ? experts : 1;
  const columns = evaluateFormula(matrix[0], sizes);
  const packed = format.planes.every(({ rows }) => rows === 1)
    ? packedRows(format, matrices * columns, rowTerms, spread, random)
    : encodeMatrices(
        format.name,
        random.spread(matrices * columns * rowTerms, spread),
        matrices,
        columns,
        rowTerms,
      );
  const planes = Object.entries(packed.planes).map(([suffix, bytes]) => {
    return [name.replace(/weight$/, suffix), bytes] as const;
  });
  return { planes: Object.fromEntries(planes), values: packed.values };
}

/** Biases of ordered numbers are zero: sums stay what they are. */
function denseNumbers(
  count: number,
  rowTerms: number,
  isWeight: boolean,
  random: Random,
  { terms, gain, bias, numbers, kept = 0 }: WeightScale,
): Float32Array {
  if (numbers !== 'ordered') return random.spread(count, isWeight ? gain / Math.sqrt(terms) : bias);
  return isWeight ? orderedColumns(count / rowTerms, rowTerms, kept, random) : new Float32Array(count);
}

/** Whether a kernel keeps the promised order with terms as they are given: packed weights cannot say what a test wants. */
export function takesOrdered(plan: KernelPlan): boolean {
  return packedFormat(plan) === undefined && plan.axes['order'] !== 'in_out';
}

/** The format of a kernel's weights, where they are not dense. */
function packedFormat({ axes }: KernelPlan): WeightFormat | undefined {
  const [format] = kernelFormats([axes['weight'] ?? '']);
  return format?.element === null ? format : undefined;
}

/** Rows that differ; the others repeat them in an order that shows a wrong expert. */
const DISTINCT_ROWS = 61;

/** Random rows as a quantiser stores them, and the values that the planes hold. */
function packedRows(format: WeightFormat, columns: number, terms: number, spread: number, random: Random) {
  const reference = formatReference(format.name);
  const distinct = Math.min(columns, DISTINCT_ROWS);
  const own = reference.encode(random.spread(distinct * terms, spread), distinct, terms);
  const decoded = reference.decode(own, distinct, terms);
  const source = Array.from(
    { length: columns },
    (_, row) => (row * 7 + Math.floor(row / DISTINCT_ROWS)) % distinct,
  );
  const values = new Float64Array(columns * terms);
  source.forEach((from, row) => {
    values.set(decoded.subarray(from * terms, (from + 1) * terms), row * terms);
  });
  const planes = Object.fromEntries(
    Object.entries(own).map(([suffix, bytes]) => {
      const rowBytes = bytes.byteLength / distinct;
      const all = new Uint8Array(columns * rowBytes);
      source.forEach((from, row) => {
        all.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
      });
      return [suffix, all] as const;
    }),
  );
  return { planes, values };
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
  { values, present }: Weights,
  name: string,
  expert: number,
  count: number,
): Matrix | undefined {
  const place = present?.indexOf(expert) ?? expert;
  const places = present?.length ?? count;
  const slice = (of: string): Float64Array | undefined => {
    const all = values.get(of);
    return all?.subarray((place * all.length) / places, ((place + 1) * all.length) / places);
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
    case 'situ':
      return {
        kind: 'situ',
        beta: valueOf(plan, values, `${prefix}situ_beta`),
        linearBeta: valueOf(plan, values, `${prefix}situ_linear_beta`),
      };
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
  isOrdered: boolean,
): Projected {
  const linear = plan.axes['order'] === 'in_out' ? linearInOut : linearOutIn;
  const value = new Float64Array(matrices.length * columns);
  const error = new Float64Array(value.length);
  if (isOrdered) {
    matrices.forEach((matrix, row) => {
      const input = rows.subarray(row * terms, (row + 1) * terms);
      if (matrix !== undefined) value.set(orderedLinear(input, matrix.weight, terms), row * columns);
    });
    return { value, error };
  }
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
