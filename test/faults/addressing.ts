// Ends that are missed by one, guards that are missing, and places that are computed from the wrong numbers.

import type { Fault } from './fault.js';

export const TAILS: readonly Fault[] = [
  {
    name: 'one column too many of the last tile is read',
    kernel: 'moe_gate_up_swiglu_f16_f16_bm16_bn64_bk64_wm1_wn4',
    find: 'min(first_column + row % block_n, intermediate_size - 1)',
    replace: 'min(first_column + row % block_n, intermediate_size)',
    finds: ['bounds'],
    silent: true,
  },
  {
    name: 'one thread too many stores a column',
    kernel: 'moe_combine_bf16',
    find: 'if (column < hidden_size) {\n      float sum',
    replace: 'if (column <= hidden_size) {\n      float sum',
    finds: ['races'],
  },
  {
    name: 'rows beyond the last token are read',
    kernel: 'moe_shared_gate_up_swiglu_separate_f32_f32_bm16_bn64_bk32_wm1_wn4',
    find: 'const bool exists = row < num_rows',
    replace: 'const bool exists = true',
    finds: ['bounds'],
    silent: true,
  },
  {
    name: 'rows of input that do not exist are staged',
    kernel: 'moe_router_logits_f32_f32',
    inside: 'moe_multiply_rows',
    find: 'if (t < num_rows)',
    replace: 'if (t < max_rows)',
    finds: ['uninitialized'],
    silent: true,
  },
  {
    name: 'columns beyond the last one are stored',
    kernel: 'moe_latent_out_biased_bf16_bf16_bm16_bn128_bk32_wm1_wn4',
    find: 'row < num_rows && column < hidden_size',
    replace: 'row < num_rows',
    finds: ['bounds', 'races'],
  },
  {
    name: 'the last terms are forgotten where they are no whole step',
    kernel: 'moe_router_logits_bf16_bf16',
    inside: 'moe_multiply_rows',
    find: 'min(chunk + chunk_terms, num_terms)',
    replace: 'min(chunk + chunk_terms, num_terms / step_terms * step_terms)',
    finds: ['values'],
  },
  {
    name: 'the last block of terms is taken for a whole one',
    kernel: 'moe_router_fused_bf16',
    inside: 'moe_logits_by_columns',
    find: 'min(block + 32, hidden_size)',
    replace: 'block + 32',
    finds: ['values'],
  },
];

export const PLACES: readonly Fault[] = [
  {
    name: 'experts lie one matrix apart where there are two',
    kernel: 'moe_gate_up_swiglu_bf16_f32_bm64_bn64_bk32_wm2_wn2',
    find: 'ulong(expert) * 2 * intermediate_size + column',
    replace: 'ulong(expert) * intermediate_size + column',
    finds: ['values'],
  },
  {
    name: 'the weights are not transposed',
    kernel: 'moe_down_f32_f32_bm64_bn128_bk32_wm2_wn2',
    find: 'tile_stride, ulong2(0), true',
    replace: 'tile_stride',
    finds: ['values'],
  },
  {
    name: 'codes of a word are read from its other end',
    kernel: 'moe_expert_gemm_fp4_bf16',
    inside: 'moe_decode_fp4_word',
    find: 'word >> (4 * i)',
    replace: 'word >> (28 - 4 * i)',
    finds: ['values'],
  },
  {
    name: 'the slot is taken for the token',
    kernel: 'moe_decode_gate_up_swiglu_bf16_bf16',
    find: 'ulong(assignment / top_k)',
    replace: 'ulong(assignment % top_k)',
    finds: ['values'],
  },
  {
    name: 'the up of another column',
    kernel: 'moe_decode_shared_gate_up_swiglu_separate_bf16_bf16',
    find: 'const float up = products[',
    replace: 'const float up = products[1 + ',
    finds: ['values'],
  },
  {
    name: 'every tile has all of its rows',
    kernel: 'moe_index_scan',
    find: 'min(block_m, count - tile * block_m)',
    replace: 'block_m',
    finds: ['values'],
  },
];
