// Tiny checkpoints of dense weights, and plain loops over their numbers.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { bf16OfNumber } from '../../generator/floats/bfloat16.js';
import { scaled, silu, times, type Matrix, type Vector } from '../reference/naive.js';
import { safetensorsBytes } from '../reference/safetensors-bytes.js';

/** Numbers with so few bits that BF16 holds them, the same in each run. */
export function matrix(seed: number, rows: number, columns: number, scale: number): Matrix {
  let state = seed;
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return ((state >>> 25) / 64 - 1) * scale;
    }),
  );
}

export interface Mlp {
  readonly gate: Matrix;
  readonly up: Matrix;
  readonly down: Matrix;
}

export function mlp(seed: number, hidden: number, width: number): Mlp {
  return {
    gate: matrix(seed, width, hidden, 0.25),
    up: matrix(seed + 1, width, hidden, 0.25),
    down: matrix(seed + 2, hidden, width, 0.25),
  };
}

export function forward({ gate, up, down }: Mlp, x: Vector): Vector {
  const ups = times(up, x);
  return times(
    down,
    times(gate, x).map((value, i) => silu(value) * (ups[i] ?? NaN)),
  );
}

/** The sum of what the chosen ones give, under their weights. */
export function branches(chosen: readonly (Mlp | undefined)[], weights: Vector, x: Vector): Vector[] {
  return chosen.flatMap((own, slot) =>
    own === undefined ? [] : [scaled(forward(own, x), weights[slot] ?? NaN)],
  );
}

type Tensor = readonly [name: string, rows: Matrix];

/** A module for each. */
export function mlpTensors(name: string, all: readonly Mlp[]): Tensor[] {
  return all.flatMap((own, at) =>
    (['gate', 'up', 'down'] as const).map((part): Tensor => [`${name}.${at}.${part}_proj.weight`, own[part]]),
  );
}

/** `vectors`: names of tensors of one row that have one extent. */
export function writePlain(
  folder: string,
  config: Readonly<Record<string, unknown>>,
  tensors: readonly Tensor[],
  vectors: readonly string[] = [],
): void {
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ torch_dtype: 'bfloat16', ...config }));
  let end = 0;
  const header = tensors.map(([name, rows]) => {
    const [columns = 0, start] = [rows[0]?.length, end];
    end += 2 * rows.length * columns;
    const shape = vectors.includes(name) ? [columns] : [rows.length, columns];
    return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }];
  });
  const words = Uint16Array.from(
    tensors.flatMap(([, rows]) => rows.flat()),
    bf16OfNumber,
  );
  const bytes = safetensorsBytes(Object.fromEntries(header), new Uint8Array(words.buffer));
  writeFileSync(path.join(folder, 'model.safetensors'), bytes);
}
