// A second way to compute, for tests: one token at a time, numbers in nested arrays, formulas as papers write them. It shares
// nothing with the references but the rule that fills parameters.

import type { FilledParameter } from '../../generator/reference/filled-weights.js';
import { fillParameter } from '../../generator/reference/parameter-fill.js';

export type Vector = readonly number[];
export type Matrix = readonly Vector[];

export function flat(name: string, { shape, scale }: FilledParameter): Vector {
  const count = shape.reduce((product, extent) => product * extent, 1);
  return Array.from(fillParameter(name, 0, count, scale ?? 0));
}

export function rowsOf(values: Vector, width: number): Matrix {
  return Array.from({ length: values.length / width }, (_, row) =>
    values.slice(row * width, (row + 1) * width),
  );
}

export function transpose(matrix: Matrix): Matrix {
  return (matrix[0] ?? []).map((_, column) => matrix.map((row) => row[column] ?? NaN));
}

export function dot(a: Vector, b: Vector): number {
  return a.reduce((sum, value, i) => sum + value * (b[i] ?? NaN), 0);
}

export function times(matrix: Matrix, vector: Vector): Vector {
  return matrix.map((row) => dot(row, vector));
}

export function add(a: Vector, b: Vector): Vector {
  return a.map((value, i) => value + (b[i] ?? NaN));
}

export function scaled(a: Vector, factor: number): Vector {
  return a.map((value) => value * factor);
}

export function sumOf(vectors: readonly Vector[], width: number): Vector {
  return vectors.reduce(add, new Array<number>(width).fill(0));
}

export function total(values: Vector): number {
  return values.reduce((sum, value) => sum + value, 0);
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

export function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

export function softmax(values: Vector): Vector {
  const powers = values.map(Math.exp);
  return powers.map((power) => power / total(powers));
}

export function clamp(x: number, limit: number): number {
  if (x > limit) return limit;
  return x < -limit ? -limit : x;
}

/** Picks the highest again and again. */
export function best(values: Vector, count: number): number[] {
  const picked: number[] = [];
  while (picked.length < count) {
    let winner = -1;
    values.forEach((value, i) => {
      const isFree = !picked.includes(i);
      if (isFree && (winner < 0 || value > (values[winner] ?? NaN))) winner = i;
    });
    picked.push(winner);
  }
  return picked;
}

export function pick(values: Vector, indices: readonly number[]): Vector {
  return indices.map((i) => values[i] ?? NaN);
}

export function divided(values: Vector, by: number): Vector {
  return values.map((value) => value / by);
}

export function relu(value: number): number {
  return value > 0 ? value : 0;
}

/** cap * tanh(x / cap), by exponentials. */
export function capped(x: number, cap: number): number {
  const power = Math.exp((2 * x) / cap);
  return (cap * (power - 1)) / (power + 1);
}

/** Over the root of the mean square, times a weight for each value. */
export function normed(values: Vector, weights: Vector, epsilon: number): Vector {
  const root = Math.sqrt(total(values.map((value) => value * value)) / values.length + epsilon);
  return values.map((value, i) => (value / root) * (weights[i] ?? NaN));
}

/** The values with everything outside the given groups out of reach. */
export function onlyGroups(values: Vector, kept: readonly number[], size: number): Vector {
  return values.map((value, i) => (kept.includes(Math.floor(i / size)) ? value : -Infinity));
}
