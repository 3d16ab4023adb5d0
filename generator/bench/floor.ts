// The least that the kernels of a layer must move and compute for the routing that took place: every input once, every output
// once, and of the experts those that assignments touched.

import { bindingBytes, costFormulas, layerValues } from '../plan/cost.js';
import { evaluateFormula, type FormulaValues } from '../plan/formula.js';
import { boundBuffers } from '../plan/run-buffers.js';
import type { KernelPlan } from '../plan/types.js';
import type { BenchLayer } from './layer.js';

/** What the ids of the selected experts say. */
export interface Routing {
  readonly touchedExperts: number;
  /** Tiles of rows of one expert; in the decode path of single rows. */
  readonly numTiles: number;
}

export interface BufferFloor {
  readonly index: number;
  readonly name: string;
  /** Bytes. */
  readonly read: number;
  readonly written: number;
}

export interface Floor {
  /** Bytes. */
  readonly read: number;
  readonly written: number;
  readonly flops: number;
  readonly buffers: readonly BufferFloor[];
}

/** From topk_ids [num_tokens, top_k]; ids after the last expert have no weights. */
export function routingOf({ block, sizes }: BenchLayer, ids: ArrayLike<number>): Routing {
  const rows = new Map<number, number>();
  for (const id of Array.from(ids)) if (id < block.numExperts) rows.set(id, (rows.get(id) ?? 0) + 1);
  const tiles = [...rows.values()].map((count) => Math.ceil(count / sizes.block_m));
  return { touchedExperts: rows.size, numTiles: tiles.reduce((sum, count) => sum + count, 0) };
}

/** In the order of the layer's kernels. */
export function layerFloors(layer: BenchLayer, { touchedExperts, numTiles }: Routing): Floor[] {
  const { numTokens, sizes, values: constants } = layer;
  const values = {
    ...layerValues(constants, { numTokens, sizes }),
    touched_experts: touchedExperts,
    num_tiles: numTiles,
  };
  return layer.plans.map((plan) => floorOf(layer, plan, values));
}

function floorOf(layer: BenchLayer, plan: KernelPlan, values: FormulaValues): Floor {
  const buffers = boundBuffers(plan, layer.values).map((binding) => {
    const { index, name, access } = binding;
    const bytes = evaluateFormula(bindingBytes(binding), values);
    return { index, name, read: access === 'write' ? 0 : bytes, written: access === 'read' ? 0 : bytes };
  });
  const sum = (key: 'read' | 'written') => buffers.reduce((total, buffer) => total + buffer[key], 0);
  return {
    read: sum('read'),
    written: sum('written'),
    flops: evaluateFormula(costFormulas(plan).flops, values),
    buffers,
  };
}
