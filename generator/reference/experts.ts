// One expert in double precision: rows of input into gate and up, these into the hidden activation, that through down.
// The shared expert is an expert like the others, with its own names for its matrices.

import type { Experts, Glu } from '../description/block.js';
import { activationFunction, sigmoid, softcap } from './activations.js';
import { linearInOut, linearOutIn } from './linear.js';
import type { Values } from './weights.js';

interface Matrix {
  readonly weight: Values;
  readonly bias: Values | null;
}

/** The matrices as they lie in memory: gate and up together or apart, or up alone. */
export type ExpertMatrices =
  | { readonly kind: 'joint'; readonly gateUp: Matrix; readonly down: Matrix }
  | { readonly kind: 'separate'; readonly gate: Matrix; readonly up: Matrix; readonly down: Matrix }
  | { readonly kind: 'ungated'; readonly up: Matrix; readonly down: Matrix };

export interface ExpertShape {
  /** Width of the input and of the output. */
  readonly width: number;
  readonly intermediateSize: number;
  readonly gateUp: Experts['gateUp'];
  readonly gateUpOrder: Experts['gateUpOrder'];
  readonly downOrder: Experts['downOrder'];
  readonly glu: Glu;
}

/** The values between input and output; `gate` is null where there is no gate matrix. */
export interface GateUp {
  readonly gate: Float64Array | null;
  readonly up: Float64Array;
  readonly hidden: Float64Array;
}

/** x * W^T, for x of [rows, terms] and W of [columns, terms]. */
type Product = (x: Float64Array, weight: Values, terms: number) => Float64Array;

/** Rows of [rows, width] into gate, up and hidden of [rows, intermediate_size]. `product`: in place of the one in double precision. */
export function referenceGateUp(
  shape: ExpertShape,
  matrices: ExpertMatrices,
  rows: Float64Array,
  product?: Product,
): GateUp {
  const { gate, up } = projectGateUp(shape, matrices, rows, product);
  return { gate, up, hidden: referenceGlu(shape.glu, gate, up) };
}

/** Hidden of [rows, intermediate_size] into the output of [rows, width]. */
export function referenceDown(
  shape: ExpertShape,
  matrices: ExpertMatrices,
  hidden: Float64Array,
): Float64Array {
  return multiply(shape.downOrder, matrices.down, hidden, shape.intermediateSize);
}

export function referenceGlu(glu: Glu, gate: Float64Array | null, up: Float64Array): Float64Array {
  if (gate === null) return glu.kind === 'plain' ? up.map(activationFunction(glu.activation)) : up;
  const join = joinFunction(glu);
  return gate.map((value, i) => join(value, up[i] ?? NaN));
}

function joinFunction(glu: Glu): (gate: number, up: number) => number {
  switch (glu.kind) {
    case 'plain': {
      const act = activationFunction(glu.activation);
      return (gate, up) => act(gate) * up;
    }
    case 'clamp_before': {
      const act = activationFunction(glu.activation);
      return (gate, up) => act(Math.min(gate, glu.limit)) * clip(up, glu.limit);
    }
    case 'clamp_after': {
      const act = activationFunction(glu.activation);
      return (gate, up) => Math.min(act(gate), glu.limit) * clip(up, glu.limit);
    }
    case 'oai':
      return (gate, up) => {
        const limited = Math.min(gate, glu.limit);
        return limited * sigmoid(glu.alpha * limited) * (clip(up, glu.limit) + 1);
      };
    case 'situ':
      return (gate, up) => softcap(gate, glu.beta) * sigmoid(gate) * softcap(up, glu.linearBeta);
  }
}

function clip(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit);
}

function multiply(
  order: Experts['downOrder'],
  matrix: Matrix,
  rows: Float64Array,
  inSize: number,
): Float64Array {
  const linear = order === 'out_in' ? linearOutIn : linearInOut;
  return linear(rows, matrix.weight, matrix.bias, inSize);
}

function projectGateUp(
  shape: ExpertShape,
  matrices: ExpertMatrices,
  rows: Float64Array,
  product: Product | undefined,
): { readonly gate: Float64Array | null; readonly up: Float64Array } {
  const project = (matrix: Matrix) =>
    product === undefined
      ? multiply(shape.gateUpOrder, matrix, rows, shape.width)
      : product(rows, matrix.weight, shape.width);
  switch (matrices.kind) {
    case 'joint':
      return splitGateUp(project(matrices.gateUp), shape);
    case 'separate':
      return { gate: project(matrices.gate), up: project(matrices.up) };
    case 'ungated':
      return { gate: null, up: project(matrices.up) };
  }
}

/** Column i of gate is column i of the first half, or the even column 2i; up is what is left. */
function splitGateUp(joint: Float64Array, shape: ExpertShape): { gate: Float64Array; up: Float64Array } {
  const size = shape.intermediateSize;
  const column = (i: number, isUp: number) =>
    shape.gateUp === 'interleaved' ? 2 * i + isUp : i + isUp * size;
  const rows = joint.length / (2 * size);
  const part = (isUp: number) =>
    Float64Array.from({ length: rows * size }, (_, at) => {
      const row = Math.floor(at / size);
      return joint[row * 2 * size + column(at % size, isUp)] ?? NaN;
    });
  return { gate: part(0), up: part(1) };
}
