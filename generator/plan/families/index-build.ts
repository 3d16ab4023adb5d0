// The index build: a stable counting sort of assignments by expert, with a map of the tiles that exist: in three kernels, or of
// few assignments in one.

import type { MoeBlock } from '../../description/block.js';
import type { GenerationSpec } from '../../description/generation.js';
import { expertBanks } from '../banks.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants, MAX_EXPERTS } from '../constants.js';
import { kernelName } from '../names.js';
import type { FunctionConstant, KernelPlan } from '../types.js';
import type { FamilyName } from './table.js';
import { blockSpace, hasSkinnyKernels } from '../variants.js';
import { printed } from '../printed.js';

/** Assignments that one threadgroup counts and scatters. */
const CHUNK = 256;
const NUM_CHUNKS = `ceil_div(num_tokens * top_k, ${CHUNK})`;

/** Experts that one threadgroup counts for each of its simdgroups: with more the index is built in three steps. */
export const SINGLE_BUILD_EXPERTS = 256;
const BUILD_THREADS = 1024;
const BUILD_SIMDGROUPS = BUILD_THREADS / 32;

export function indexPlans(spec: GenerationSpec): KernelPlan[] {
  const { block } = spec;
  const steps = [countPlan(spec), scanPlan(spec), scatterPlan(spec)];
  return block === null || hasSingleBuild(block) ? [buildPlan(spec), ...steps] : steps;
}

/** Whether the index of few assignments is built in one kernel. */
export function hasSingleBuild({ numExperts, experts }: Pick<MoeBlock, 'numExperts' | 'experts'>): boolean {
  return numExperts <= SINGLE_BUILD_EXPERTS && hasSkinnyKernels(experts);
}

type Step = Extract<FamilyName, `index_${string}`>;

function common(
  step: Step,
  ...words: readonly string[]
): Pick<KernelPlan, 'name' | 'family' | 'folder' | 'axes'> {
  return { name: kernelName(step, ...words), family: step, folder: 'common', axes: {} };
}

/** The steps that write the grids of what follows say whose. */
function withGrids(step: Step, { block }: GenerationSpec): ReturnType<typeof common> {
  return common(step, ...expertBanks(block).flatMap(({ owner }) => (owner === 'expert' ? [] : [owner])));
}

function buildPlan(spec: GenerationSpec): KernelPlan {
  return {
    ...withGrids('index_build', spec),
    summary: 'Index build of few assignments: expert offsets, tile map, sorted assignments and their rows',
    constants: gridConstants(spec),
    bindings: bindings(
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      ...scanResults(spec),
      buffer('sorted_assignments', 'u32', ['num_tokens * top_k'], { access: 'write', open: ['gaps'] }),
      buffer('row_of_assignment', 'u32', ['num_tokens', 'top_k'], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: { threadgroups: ['1', '1', '1'], threadsPerThreadgroup: [BUILD_THREADS, 1, 1] },
    threadgroupBytes: SINGLE_BUILD_EXPERTS * (8 + BUILD_SIMDGROUPS * 2) + BUILD_SIMDGROUPS * 4,
    mslVersion: spec.mslVersion,
    ...printed('index_build', {
      threads: BUILD_THREADS,
      simdgroups: BUILD_SIMDGROUPS,
      maxExperts: SINGLE_BUILD_EXPERTS,
      grids: grids(spec),
    }),
  };
}

/** What the later stages need beside the sorted assignments. */
function scanResults(spec: GenerationSpec) {
  return [
    buffer('expert_offsets', 'u32', ['num_experts + 1'], { access: 'write' }),
    buffer('tile_map', 'u32', ['max_tiles', '3'], {
      access: 'write',
      note: 'room for min(E, A) + A / block_m tiles',
      open: ['gaps'],
    }),
    ...grids(spec).map(({ name }) => buffer(name, 'u32', ['3'], { access: 'write' })),
  ];
}

function countPlan(spec: GenerationSpec): KernelPlan {
  return {
    ...common('index_count'),
    summary: 'Index build, first step: assignments per expert in each chunk',
    constants: constants(spec, 'num_experts', 'top_k'),
    bindings: bindings(
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      buffer('chunk_counts', 'u32', [NUM_CHUNKS, 'num_experts'], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: { threadgroups: [NUM_CHUNKS, '1', '1'], threadsPerThreadgroup: [CHUNK, 1, 1] },
    threadgroupBytes: MAX_EXPERTS * 4,
    mslVersion: spec.mslVersion,
    ...printed('index_count', { threads: CHUNK }),
  };
}

function scanPlan(spec: GenerationSpec): KernelPlan {
  return {
    ...withGrids('index_scan', spec),
    summary: 'Index build, second step: expert offsets, tile map and arguments of the indirect dispatches',
    constants: gridConstants(spec),
    bindings: bindings(
      buffer('chunk_counts', 'u32', [NUM_CHUNKS, 'num_experts'], { access: 'read_write' }),
      ...scanResults(spec),
      argument('num_tokens'),
    ),
    dispatch: { threadgroups: ['1', '1', '1'], threadsPerThreadgroup: [MAX_EXPERTS, 1, 1] },
    threadgroupBytes: 32 * 4,
    mslVersion: spec.mslVersion,
    ...printed('index_scan', { chunkSize: CHUNK, grids: grids(spec) }),
  };
}

function scatterPlan(spec: GenerationSpec): KernelPlan {
  return {
    ...common('index_scatter'),
    summary: 'Index build, third step: assignments in expert order, and the row of each assignment',
    constants: constants(spec, 'num_experts', 'top_k'),
    bindings: bindings(
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      buffer('chunk_counts', 'u32', [NUM_CHUNKS, 'num_experts'], { note: 'as the second step left them' }),
      buffer('expert_offsets', 'u32', ['num_experts + 1']),
      buffer('sorted_assignments', 'u32', ['num_tokens * top_k'], { access: 'write', open: ['gaps'] }),
      buffer('row_of_assignment', 'u32', ['num_tokens', 'top_k'], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: { threadgroups: [NUM_CHUNKS, '1', '1'], threadsPerThreadgroup: [CHUNK, 1, 1] },
    threadgroupBytes: CHUNK * 4,
    mslVersion: spec.mslVersion,
    ...printed('index_scatter', { threads: CHUNK }),
  };
}

/** Each with the columns of its matrices, and how many of them a threadgroup takes. */
function grids({ block }: GenerationSpec) {
  const { width } = blockSpace(block);
  return expertBanks(block).flatMap(({ grids: own, columns, blocks }) => [
    { name: own.gateUp, columns, block: blocks.gateUp },
    { name: own.down, columns: width, block: blocks.down },
  ]);
}

/** The constants of the kernels that write the grids of what follows. */
function gridConstants(spec: GenerationSpec): FunctionConstant[] {
  const banks = expertBanks(spec.block);
  return constants(
    spec,
    blockSpace(spec.block).width,
    ...banks.map(({ columns }) => columns),
    'num_experts',
    'top_k',
    'block_m',
    ...banks.flatMap(({ blocks }) => [blocks.gateUp, blocks.down]),
  );
}
