// Trials of the index build: whole numbers, which must be met exactly.

import { referenceHistogram, referenceIndex } from '../../reference/expert-index.js';
import { encodeElements } from '../elements.js';
import type { Random } from '../random.js';
import { SINGLE_BUILD_EXPERTS } from '../../plan/families/index-build.js';
import type { KernelPlan } from '../../plan/types.js';
import type { KernelCase } from './cases.js';
import { exactly, routeTokens, sizeValues, type Expectation, type Trial } from './trial.js';

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

/** Tiles of other sizes than those of any kernel, too. */
const BLOCKS = [
  { block_m: 8, block_n: 32, down_block_n: 48 },
  { block_m: 32, block_n: 32, down_block_n: 48 },
] as const;

export function indexScanTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids } = routeTokens(sizes, random);
  const counts = chunkCounts(ids, sizes.numExperts);
  return BLOCKS.map((block) => ({
    values: { ...sizeValues(sizes), ...block },
    inputs: { chunk_counts: encodeElements('u32', counts.flat()) },
    expectations: [
      exactly('chunk_counts', 'u32', countsBefore(counts).flat()),
      ...scanned(ids, sizes, block),
    ],
  }));
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
      expectations: scattered(ids, sizes),
    },
  ];
}

/** All at once, for as many experts as one threadgroup can count. */
export function indexBuildTrials(_plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  if (sizes.numExperts > SINGLE_BUILD_EXPERTS) return [];
  const { ids } = routeTokens(sizes, random);
  return BLOCKS.map((block) => ({
    values: { ...sizeValues(sizes), ...block },
    inputs: { topk_ids: encodeElements('u32', ids) },
    expectations: [...scanned(ids, sizes, block), ...scattered(ids, sizes)],
  }));
}

function scanned(ids: Uint32Array, sizes: KernelCase, block: (typeof BLOCKS)[number]): Expectation[] {
  const index = referenceIndex(ids, sizes.numExperts);
  const tiles = tileMap(index.counts, index.offsets, block.block_m);
  const grid = (columns: number, blockN: number) =>
    tiles.length === 0 ? [0, 0, 1] : [Math.ceil(columns / blockN), tiles.length, 1];
  return [
    exactly('expert_offsets', 'u32', index.offsets),
    exactly('tile_map', 'u32', tiles.flat()),
    exactly('gate_up_threadgroups', 'u32', grid(sizes.intermediateSize, block.block_n)),
    exactly('down_threadgroups', 'u32', grid(sizes.hiddenSize, block.down_block_n)),
  ];
}

function scattered(ids: Uint32Array, sizes: KernelCase): Expectation[] {
  const index = referenceIndex(ids, sizes.numExperts);
  return [
    exactly('sorted_assignments', 'u32', index.order),
    exactly('row_of_assignment', 'u32', index.inverse),
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

/** Rows of a kernel's tiles. */
export function tileRows({ tile, rows }: KernelPlan): number {
  return tile?.blockM ?? rows?.maxRows ?? 1;
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
