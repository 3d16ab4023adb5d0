// Threads that do not wait for each other, or wait for some that never come; memory that nobody wrote, or that is not theirs.

import type { Fault } from './fault.js';

export const SYNCHRONIZATION: readonly Fault[] = [
  {
    name: 'tiles are multiplied before all threads have loaded them',
    kernel: 'moe_gate_up_swiglu_bf16_bf16_bm32_bn32_bk32_wm2_wn2',
    find: 'threadgroup_barrier(mem_flags::mem_threadgroup); simdgroup_float8x8 gate_block',
    replace: 'simdgroup_float8x8 gate_block',
    finds: ['races'],
  },
  {
    name: 'a barrier that orders no memory, in front of the products',
    kernel: 'moe_gate_up_geglu_f32_f32_bm8_bn32_bk32_wm1_wn2',
    find: 'threadgroup_barrier(mem_flags::mem_threadgroup); simdgroup_float8x8 gate_block',
    replace: 'threadgroup_barrier(mem_flags::mem_none); simdgroup_float8x8 gate_block',
    finds: ['races'],
    silent: true,
  },
  {
    name: 'a barrier that orders device memory, where lanes share threadgroup memory',
    kernel: 'moe_decode_gate_up_geglu_bf16_bf16',
    inside: 'moe_dot_rows',
    find: 'simdgroup_barrier(mem_flags::mem_threadgroup); float sum',
    replace: 'simdgroup_barrier(mem_flags::mem_device); float sum',
    finds: ['races'],
    silent: true,
  },
  {
    name: 'tiles are loaded while others still multiply the last ones',
    kernel: 'moe_down_bf16_bf16_bm8_bn32_bk32_wm1_wn2',
    find: 'threadgroup_barrier(mem_flags::mem_threadgroup); } //',
    replace: '} //',
    finds: ['races'],
  },
  {
    name: 'lanes read the tile of their simdgroup before it is loaded',
    kernel: 'moe_decode_gate_up_swiglu_f16_f16',
    inside: 'moe_dot_rows',
    find: 'simdgroup_barrier(mem_flags::mem_threadgroup); float sum',
    replace: 'float sum',
    finds: ['races'],
  },
  {
    name: 'assignments are counted while counters are still cleared',
    kernel: 'moe_index_count',
    find: 'threadgroup_barrier(mem_flags::mem_threadgroup); const uint assignment',
    replace: 'const uint assignment',
    finds: ['uninitialized'],
  },
  {
    name: 'a barrier of the simdgroup where the threadgroup has to wait',
    kernel: 'moe_shared_down_f32_f32_bm32_bn32_bk32_wm2_wn2',
    find: 'threadgroup_barrier(mem_flags::mem_threadgroup); for (uint index',
    replace: 'simdgroup_barrier(mem_flags::mem_threadgroup); for (uint index',
    finds: ['races'],
  },
  {
    name: 'a barrier that only the threads which add up reach',
    kernel: 'moe_decode_down_bf16_bf16',
    find: '} threadgroup_barrier(mem_flags::mem_threadgroup); } const uint column = first_column + thread_index',
    replace:
      'threadgroup_barrier(mem_flags::mem_threadgroup); } } const uint column = first_column + thread_index',
    finds: ['divergence'],
  },
  {
    name: 'the highest rating is asked for by some lanes only',
    kernel: 'moe_router_select_sigmoid_top2_groups',
    inside: 'moe_keep_groups',
    find: 'simd_max(is_rival ? rating : lowest)',
    replace: '(is_rival ? simd_max(rating) : lowest)',
    finds: ['divergence'],
    silent: true,
  },
  {
    name: 'a plain increment of a counter that all threads share',
    kernel: 'moe_compute_grouping_f32',
    find: 'atomic_fetch_add_explicit(&counts[topk_ids[assignment]], 1u, memory_order_relaxed)',
    replace: 'expert_counts[topk_ids[assignment]] += 1',
    finds: ['races'],
  },
  {
    name: 'rows are handed out to whoever comes first',
    kernel: 'moe_gpu_sort_bf16',
    find: 'expert < num_experts ? expert_bounds[expert + 1] + rank : 0',
    replace:
      'expert < num_experts ? atomic_fetch_add_explicit(&counts[expert], 1u, memory_order_relaxed) : 0',
    finds: ['order'],
  },
  {
    name: 'the first rows, which are only read, serve as counters',
    kernel: 'moe_scatter_indices',
    find: 'write_offsets[topk_ids[assignment]] + moe_rank(topk_ids, assignment)',
    replace:
      'atomic_fetch_add_explicit((device atomic_uint*)&write_offsets[topk_ids[assignment]], 1u, memory_order_relaxed)',
    finds: ['readonly'],
  },
  {
    name: 'choices start as nothing where there is no bias',
    kernel: 'moe_router_select_sigmoid_top2_groups',
    find: 'own_choices[expert] = has_selection_bias ? selection_bias[expert] : 0.0f',
    replace: 'if (has_selection_bias) { own_choices[expert] = selection_bias[expert]; }',
    finds: ['uninitialized'],
  },
  {
    name: 'the third dimension of a grid is never written',
    kernel: 'moe_index_scan',
    find: 'down_threadgroups[2] = 1;',
    replace: '',
    finds: ['unwritten'],
  },
];
