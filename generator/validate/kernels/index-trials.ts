// Trials of the index build: whole numbers, which must be met exactly.

import { referenceHistogram, referenceIndex } from '../../reference/expert-index.js';
import { encodeElements } from '../elements.js';
import type { Random } from '../random.js';
import type { KernelPlan } from '../../plan/types.js';
import type { KernelCase } from './cases.js';
import { exactly, routeTokens, sizeValues, type Trial } from './trial.js';

/** Assignments per chunk, as the kernels' grids say. */
const CHUNK = 256;

export function indexCountTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids } = routeTokens(sizes, random);
  return [
    {
      values: sizeValues(sizes),
      inputs: { topk_ids: encodeElements('u32', ids) },
      expectations: [exactly('chunk_counts', 'u32', chunkCounts(ids, sizes.numExperts).flat())],
    },
  ];
}

export function indexScanTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids } = routeTokens(sizes, random);
  return [8, 32].map((blockM) => {
    const index = referenceIndex(ids, sizes.numExperts);
    const tiles = tileMap(index.counts, index.offsets, blockM);
    const grid = (columns: number) =>
      tiles.length === 0 ? [0, 0, 1] : [Math.ceil(columns / 32), tiles.length, 1];
    return {
      values: { ...sizeValues(sizes), block_m: blockM, block_n: 32 },
      inputs: { chunk_counts: encodeElements('u32', chunkCounts(ids, sizes.numExperts).flat()) },
      expectations: [
        exactly('chunk_counts', 'u32', countsBefore(chunkCounts(ids, sizes.numExperts)).flat()),
        exactly('expert_offsets', 'u32', index.offsets),
        exactly('tile_map', 'u32', tiles.flat()),
        exactly('gate_up_threadgroups', 'u32', grid(sizes.intermediateSize)),
        exactly('down_threadgroups', 'u32', grid(sizes.hiddenSize)),
      ],
    };
  });
}

export function indexScatterTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids } = routeTokens(sizes, random);
  const index = referenceIndex(ids, sizes.numExperts);
  return [
    {
      values: sizeValues(sizes),
      inputs: {
        topk_ids: encodeElements('u32', ids),
        chunk_counts: encodeElements('u32', countsBefore(chunkCounts(ids, sizes.numExperts)).flat()),
        expert_offsets: encodeElements('u32', index.offsets),
      },
      expectations: [
        exactly('sorted_assignments', 'u32', index.order),
        exactly('row_of_assignment', 'u32', index.inverse),
      ],
    },
  ];
}

function chunkCounts(ids: Uint32Array, numExperts: number): number[][] {
  const chunks = Math.ceil(ids.length / CHUNK);
  return Array.from({ length: chunks }, (_, chunk) =>
    Array.from(referenceHistogram(ids.subarray(chunk * CHUNK, (chunk + 1) * CHUNK), numExperts)),
  );
}

/** For each chunk, how many assignments of each expert lie in the chunks before it. */
function countsBefore(chunks: readonly number[][]): number[][] {
  return chunks.map((counts, chunk) =>
    counts.map((_, expert) =>
      chunks.slice(0, chunk).reduce((sum, earlier) => sum + (earlier[expert] ?? 0), 0),
    ),
  );
}

/** Expert, first row and number of rows of each tile. */
export function tileMap(counts: Uint32Array, offsets: Uint32Array, blockM: number): number[][] {
  return Array.from(counts).flatMap((count, expert) =>
    Array.from({ length: Math.ceil(count / blockM) }, (_, tile) => [
      expert,
      (offsets[expert] ?? 0) + tile * blockM,
      Math.min(blockM, count - tile * blockM),
    ]),
  );
}
