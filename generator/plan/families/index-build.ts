// The index build: a stable counting sort of assignments by expert in three kernels, with a map of the tiles that exist.

import type { GenerationSpec } from '../../spec/generation.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants, MAX_EXPERTS } from '../constants.js';
import { kernelName } from '../names.js';
import type { KernelPlan } from '../types.js';
import { blockSpace } from '../variants.js';

/** Assignments that one threadgroup counts and scatters. */
const CHUNK = 256;
const NUM_CHUNKS = `ceil_div(num_tokens * top_k, ${CHUNK})`;

export function indexPlans(spec: GenerationSpec): KernelPlan[] {
  return [countPlan(spec), scanPlan(spec), scatterPlan(spec)];
}

function common(step: string): Pick<KernelPlan, 'name' | 'family' | 'folder' | 'template' | 'axes'> {
  return { name: kernelName(step), family: step, folder: 'common', template: step, axes: {} };
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
    terms: { threads: CHUNK },
  };
}

function scanPlan(spec: GenerationSpec): KernelPlan {
  const { width } = blockSpace(spec.block);
  return {
    ...common('index_scan'),
    summary: 'Index build, second step: expert offsets, tile map and arguments of the indirect dispatches',
    constants: constants(spec, width, 'intermediate_size', 'num_experts', 'top_k', 'block_m', 'block_n'),
    bindings: bindings(
      buffer('chunk_counts', 'u32', [NUM_CHUNKS, 'num_experts'], { access: 'read_write' }),
      buffer('expert_offsets', 'u32', ['num_experts + 1'], { access: 'write' }),
      buffer('tile_map', 'u32', ['max_tiles', '3'], {
        access: 'write',
        note: 'room for min(E, A) + A / block_m tiles',
        open: ['gaps'],
      }),
      buffer('gate_up_threadgroups', 'u32', ['3'], { access: 'write' }),
      buffer('down_threadgroups', 'u32', ['3'], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: { threadgroups: ['1', '1', '1'], threadsPerThreadgroup: [MAX_EXPERTS, 1, 1] },
    threadgroupBytes: 32 * 4,
    mslVersion: spec.mslVersion,
    terms: { chunkSize: CHUNK, width },
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
    terms: { threads: CHUNK },
  };
}
