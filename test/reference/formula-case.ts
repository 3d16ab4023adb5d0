// Runs a block that a configuration describes, and a formula for one token, on the same input and the same parameters, and
// expects the same numbers.

import { expect } from 'vitest';
import { referenceBlock } from '../../generator/reference/block.js';
import { filledWeights, type FilledParameter } from '../../generator/reference/filled-weights.js';
import type { BlockWeights } from '../../generator/reference/weights.js';
import type { MoeBlock } from '../../generator/description/block.js';
import { readBlock } from '../../generator/description/models/index.js';
import { add, flat, rowsOf, scaled, silu, sumOf, times, type Matrix, type Vector } from './naive.js';

export const H = 12;
export const I = 10;
export const NUM_TOKENS = 9;
const X = rowsOf(flat('x', { shape: [NUM_TOKENS, H], scale: 2 }), H);

/** What a formula may ask of the parameters, by their names in the model. */
export interface Parameters {
  vector(name: string): Vector;
  matrix(name: string): Matrix;
  /** The part of an expert in a tensor of three dimensions. */
  part(name: string, expert: number): Matrix;
}

export type Formula = (x: Vector, parameters: Parameters, token: number) => Vector;

interface CaseOptions {
  readonly layer?: number;
  /** The values of `token_table`. */
  readonly table?: Vector;
  /** Bound of all parameters. */
  readonly scale?: number;
  /** Tokens that are selected with the other bias. */
  readonly marks?: Vector;
  /** A row for each token, where the router has an input of its own. */
  readonly routerX?: Matrix;
}

export function expectFormula(
  config: Readonly<Record<string, unknown>>,
  formula: Formula,
  { layer = 1, ...options }: CaseOptions = {},
): void {
  const block = readBlock({ hidden_size: H, hidden_act: 'silu', ...config }, layer, 'case');
  expectBlockFormula(block, formula, options);
}

/** The same for a block that no configuration describes. */
export function expectBlockFormula(
  block: MoeBlock,
  formula: Formula,
  { table = [], scale = 0.5, marks, routerX }: Omit<CaseOptions, 'layer'> = {},
): void {
  const filled = parametersOf(block, scale);
  const want = X.flatMap((x, token) => formula(x, lookUp(filled), token));
  const given = referenceBlock(block, withTable(filledWeights(filled, block, 'case'), table), {
    x: Float64Array.from(X.flat()),
    tokenIds: X.map((_, token) => token),
    ...(marks && { tokenMarks: marks }),
    ...(routerX && { routerX: Float64Array.from(routerX.flat()) }),
  });
  const largest = Math.max(...want.map(Math.abs));
  expect(largest).toBeGreaterThan(0.1);
  const errors = want.map((value, at) => Math.abs((given[at] ?? NaN) - value) / largest);
  expect(Math.max(...errors)).toBeLessThan(1e-12);
}

function withTable(weights: BlockWeights, table: Vector): BlockWeights {
  return {
    ...weights,
    tensor: (role) => (role === 'token_table' ? Float64Array.from(table) : weights.tensor(role)),
  };
}

function parametersOf(block: MoeBlock, scale: number): Readonly<Record<string, FilledParameter>> {
  const parameters: Record<string, FilledParameter> = {};
  for (const { name, shape } of Object.values(block.tensors)) {
    for (let expert = 0; expert < block.numExperts; expert += 1) {
      parameters[name.replace('{expert}', String(expert))] = { shape, scale };
    }
  }
  return parameters;
}

function lookUp(parameters: Readonly<Record<string, FilledParameter>>): Parameters {
  const parameter = (name: string): FilledParameter => {
    const found = parameters[name];
    if (found === undefined) throw new Error(`the block has no parameter ${name}`);
    return found;
  };
  return {
    vector: (name) => flat(name, parameter(name)),
    matrix: (name) => rowsOf(flat(name, parameter(name)), parameter(name).shape.at(-1) ?? 0),
    part: (name, expert) => {
      const [, rows = 0, columns = 0] = parameter(name).shape;
      return rowsOf(flat(name, parameter(name)), columns).slice(expert * rows, (expert + 1) * rows);
    },
  };
}

export type Join = (gate: number, up: number) => number;
const swiglu: Join = (gate, up) => silu(gate) * up;

/** An MLP whose gate and up are the halves of one matrix. */
export function packedMlp(gateUp: Matrix, down: Matrix, x: Vector, join: Join = swiglu): Vector {
  const half = gateUp.length / 2;
  const inner = times(gateUp, x);
  return times(
    down,
    inner.slice(0, half).map((gate, i) => join(gate, inner[half + i] ?? NaN)),
  );
}

/** An expert of the layout that most models have. */
export function stackedExpert(p: Parameters, x: Vector, join: Join = swiglu): (expert: number) => Vector {
  return (e) => packedMlp(p.part('experts.gate_up_proj', e), p.part('experts.down_proj', e), x, join);
}

interface SharedOptions {
  readonly join?: Join;
  readonly hasBias?: boolean;
}

export function sharedMlp(
  p: Parameters,
  x: Vector,
  module: string,
  { join = swiglu, hasBias = false }: SharedOptions = {},
): Vector {
  const project = (name: string, input: Vector) => {
    const y = times(p.matrix(`${module}.${name}_proj.weight`), input);
    return hasBias ? add(y, p.vector(`${module}.${name}_proj.bias`)) : y;
  };
  const up = project('up', x);
  return project(
    'down',
    project('gate', x).map((gate, i) => join(gate, up[i] ?? NaN)),
  );
}

export function routedSum(
  ids: readonly number[],
  weights: Vector,
  expert: (e: number) => Vector,
  width = H,
): Vector {
  const outputs = ids.map((id, slot) => scaled(expert(id), weights[slot] ?? NaN));
  return sumOf(outputs, width);
}

/** Logits of one token. */
export function logitsOf(x: Vector, p: Parameters, name = 'gate.weight'): Vector {
  return times(p.matrix(name), x);
}
