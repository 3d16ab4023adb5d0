// The drop-in kernels that bring assignments of tokens to experts into expert order: counts, offsets, sorted indices, buckets, and
// a sort in one threadgroup. Each is stable, so that equal inputs give equal orders.

import type { GenerationSpec } from '../../../description/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import { accessorTerms } from '../../storage.js';
import type { Binding, KernelPlan } from '../../types.js';
import { grid, dropInPlan, dropInPlans, type DropInContext } from './common.js';
import { printed } from '../../printed.js';

const FILE = 'moe_dispatch';
const THREADS = 256;
const MAX_THREADS = 1024;
const PER_ASSIGNMENT = grid(THREADS, `ceil_div(num_tokens * top_k, ${THREADS})`);

const IDS = buffer('topk_ids', 'u32', ['num_tokens', 'top_k']);
const SIZES = [argument('num_tokens'), argument('top_k'), argument('num_experts')];
const COUNTS = buffer('expert_counts', 'u32', ['num_experts'], {
  access: 'read_write',
  note: 'the caller clears it first',
});

export function dropInAssignmentPlans(spec: GenerationSpec): KernelPlan[] {
  return dropInPlans(spec, (context) => [
    groupingPlan(context),
    countPlan(context),
    offsetsPlan(context),
    scatterPlan(context),
    bucketsPlan(context),
    sortPlan(context),
  ]);
}

function unused(name: string): Omit<Binding, 'index'> {
  return buffer(name, 'u32', ['1'], { note: 'not used; it keeps the place of the buffers behind it' });
}

function groupingPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_compute_grouping', {
    family: 'dropin_assignments',
    summary: 'Assignments per expert',
    bindings: bindings(IDS, unused('sorted_indices'), COUNTS, unused('expert_offsets'), ...SIZES),
    dispatch: PER_ASSIGNMENT,
    ...printed('dropin/count_assignments', { unused: ['sorted_indices', 'expert_offsets'] }),
  });
}

function countPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_count_experts_atomic', {
    family: 'dropin_assignments',
    summary: 'Assignments per expert, for buckets',
    bindings: bindings(IDS, COUNTS, unused('assignments'), ...SIZES),
    dispatch: PER_ASSIGNMENT,
    ...printed('dropin/count_assignments', { unused: ['assignments'] }),
  });
}

function offsetsPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_compute_offsets', {
    family: 'dropin_assignments',
    summary: 'First row of each expert',
    bindings: bindings(
      buffer('expert_counts', 'u32', ['num_experts']),
      buffer('expert_offsets', 'u32', ['num_experts + 1'], { access: 'write' }),
      argument('num_experts'),
    ),
    dispatch: grid(1, '1'),
    ...printed('dropin/expert_offsets', {}),
  });
}

function scatterPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_scatter_indices', {
    family: 'dropin_assignments',
    summary: 'Assignments in expert order',
    bindings: bindings(
      IDS,
      buffer('sorted_assignments', 'u32', ['num_tokens * top_k'], { access: 'write', open: ['gaps'] }),
      buffer('write_offsets', 'u32', ['num_experts'], { note: 'first row of each expert' }),
      ...SIZES,
    ),
    dispatch: PER_ASSIGNMENT,
    ...printed('dropin/scatter_assignments', {}),
  });
}

function bucketsPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_assign_tokens_atomic', {
    family: 'dropin_assignments',
    summary: 'Assignments in a bucket for each expert',
    bindings: bindings(
      IDS,
      buffer('topk_weights', context.dtype, ['num_tokens', 'top_k']),
      buffer('token_buffer', 'u32', ['num_experts', 'max_per_expert'], { access: 'write', open: ['gaps'] }),
      buffer('weight_buffer', context.dtype, ['num_experts', 'max_per_expert'], {
        access: 'write',
        open: ['gaps'],
      }),
      buffer('write_counts', 'u32', ['num_experts'], {
        access: 'read_write',
        note: 'the caller clears it first',
      }),
      ...SIZES,
      argument('max_per_expert', 'entries of a bucket'),
    ),
    dispatch: PER_ASSIGNMENT,
    ...printed('dropin/fill_buckets', {}),
  });
}

function sortPlan(context: DropInContext): KernelPlan {
  const { dtype, spec, storage } = context;
  return dropInPlan(context, FILE, 'moe_gpu_sort', {
    family: 'dropin_assignments',
    summary: 'Sort of assignments by expert in one threadgroup',
    bindings: bindings(
      IDS,
      buffer('topk_weights', dtype, ['num_tokens', 'top_k']),
      buffer('packed_assignments', 'u32', ['num_tokens * top_k'], { access: 'write', open: ['gaps'] }),
      buffer('sorted_tokens', 'u32', ['num_tokens * top_k'], { access: 'write', open: ['gaps'] }),
      buffer('expert_bounds', 'u32', ['num_experts + 1'], { access: 'read_write' }),
      ...SIZES,
    ),
    dispatch: grid(THREADS, '1'),
    threadgroupBytes: MAX_THREADS * 4,
    ...printed('dropin/sort_assignments', {
      load: storage.load,
      maxThreads: MAX_THREADS,
      accessors: accessorTerms([{ dtype, loads: true }], spec.bf16Storage),
    }),
  });
}
