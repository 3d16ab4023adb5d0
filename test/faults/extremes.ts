// Sizes and numbers that are rare: more tokens than a byte counts, weights beyond what 32 bits address, rows longer than what is
// staged at once, infinities, and sums whose order shows. Each fault is tried on the one case that is there for it.

import type { Fault } from './fault.js';

const MANY = 'T=300 H=20 I=12 E=5 K=2';
const WIDE = 'T=2 H=8300 I=6 E=2 K=1';
const FAR = 'T=2 H=8300 I=66 E=7843 K=1 one';
const NONFINITE = 'T=9 H=70 I=45 E=7 K=2 nonfinite';
const ORDERED = 'T=9 H=102 I=420 E=3 K=1 ordered';

export const SIZES: readonly Fault[] = [
  {
    name: 'elements of weights are counted in 32 bits',
    kernel: 'moe_gate_up_swiglu_bf16_bf16_bm16_bn64_bk32_wm1_wn4',
    inside: 'moe_row',
    find: 'row * num_terms',
    replace: 'uint(row) * num_terms',
    finds: ['values'],
    case: FAR,
  },
  {
    name: 'the weights of an expert begin at a place of 32 bits',
    kernel: 'moe_shared_expert_scatter_bf16',
    find: 'ulong(expert) * hidden_size',
    replace: 'expert * hidden_size',
    finds: ['values'],
    case: FAR,
  },
  {
    name: 'elements of down weights are counted in 32 bits',
    kernel: 'moe_decode_down_f16_f16',
    inside: 'moe_row',
    find: 'row * num_terms',
    replace: 'uint(row) * num_terms',
    finds: ['values'],
    case: FAR,
  },
  {
    name: 'tokens are numbered in eight bits',
    kernel: 'moe_gate_up_swiglu_bf16_bf16_bm64_bn64_bk32_wm2_wn2',
    find: 'ulong(sorted_assignments[first_row + row] / top_k)',
    replace: 'ulong(uchar(sorted_assignments[first_row + row] / top_k))',
    finds: ['values'],
    case: MANY,
  },
  {
    name: 'rows that are longer than what is staged begin again',
    kernel: 'moe_shared_expert_scatter_bf16',
    find: 'ulong(first_term) * intermediate_size + column',
    replace: 'ulong(0) * intermediate_size + column',
    finds: ['values'],
    case: WIDE,
  },
];

export const NUMBERS: readonly Fault[] = [
  {
    name: 'weights that are not finite reach the rows of other experts',
    kernel: 'moe_shared_expert_fused_fp4_bf16',
    find: 'select(float2(0.0f), block[j].thread_elements(), is_own)',
    replace: 'block[j].thread_elements()',
    finds: ['values'],
    case: NONFINITE,
  },
  {
    name: 'an infinite logit under softmax',
    kernel: 'moe_router_select_softmax',
    inside: 'moe_open_experts',
    find: 'logits[expert] = clamp(logits[expert], lowest, -lowest);',
    replace: '',
    finds: ['values'],
    case: NONFINITE,
  },
  {
    name: 'an infinite logit under sigmoid',
    kernel: 'moe_router_select_sigmoid',
    inside: 'moe_sigmoid',
    find: 'const float t = precise::exp(-abs(x)); return precise::divide(x < 0.0f ? t : 1.0f, 1.0f + t);',
    replace: 'const float t = precise::exp(x);\n  return precise::divide(t, 1.0f + t);',
    finds: ['values'],
    case: NONFINITE,
  },
  {
    name: 'infinite sums of choices have no rank',
    kernel: 'moe_router_select_sqrtsoftplus_table',
    inside: 'moe_open_experts',
    find: 'logits[expert] = clamp(logits[expert], lowest, -lowest);',
    replace: '',
    finds: ['values'],
    case: NONFINITE,
  },
  {
    name: 'a bias that is no number has a rank',
    kernel: 'moe_router_select_sigmoid',
    inside: 'moe_select_experts',
    find: 'if (moe_is_nan(choices[expert])) { open &= ~(1u << (expert / 32)); }',
    replace: '',
    finds: ['values'],
    case: 'T=7 H=52 I=41 E=7 K=7 nan',
  },
  {
    name: 'blocks are added from the last to the first',
    kernel: 'moe_decode_gate_up_geglu_bf16_bf16',
    inside: 'moe_multiply_rows',
    find: 'const float4 sums = own_sums[i / 4];',
    replace: 'const float4 sums = own_sums[row_lanes / 4 - 1 - i / 4].wzyx;',
    finds: ['values'],
    case: ORDERED,
  },
  {
    name: 'a chain is summed from its last term',
    kernel: 'moe_decode_down_bf16_bf16',
    inside: 'moe_multiply_rows',
    find: 'fma(x[k / 4][k % 4], code[r][k], chain_sum)',
    replace: 'fma(x[3 - k / 4][3 - k % 4], code[r][15 - k], chain_sum)',
    finds: ['values'],
    case: ORDERED,
  },
  {
    name: 'tiles add the second half of a chain by itself',
    kernel: 'moe_down_bf16_bf16_bm16_bn128_bk32_wm1_wn4',
    find: 'simdgroup_multiply_accumulate(sum, x[i][1], weight[1], sum);',
    replace:
      'total[part][i][j].thread_elements() += sum.thread_elements(); sum = make_filled_simdgroup_matrix<float, 8, 8>(0.0f); simdgroup_multiply_accumulate(sum, x[i][1], weight[1], sum);',
    finds: ['values'],
    case: ORDERED,
  },
  {
    name: 'the exponential is the fast one',
    kernel: 'moe_gate_up_swiglu_bf16_bf16_bm16_bn64_bk32_wm1_wn4',
    inside: 'moe_silu',
    find: 'precise::divide(x, 1.0f + precise::exp(-x))',
    replace: 'x / (1.0f + exp(-x))',
    finds: ['values'],
    case: ORDERED,
  },
  {
    name: 'exponentials of logits are the fast ones',
    kernel: 'moe_router_select_softmax',
    inside: 'moe_probability',
    find: 'precise::exp',
    replace: 'exp',
    finds: ['values'],
    case: NONFINITE,
  },
  {
    name: 'the fast exponential of sigmoid',
    kernel: 'moe_router_select_sigmoid',
    inside: 'moe_sigmoid',
    find: 'precise::exp',
    replace: 'fast::exp',
    finds: ['values'],
    case: 'T=1 H=64 I=32 E=7 K=7',
  },
];

export const SWITCHED_OFF: readonly Fault[] = [
  {
    name: 'a bias that is switched off is added',
    kernel: 'moe_combine_f32',
    find: 'if (has_output_bias) {',
    replace: '{',
    finds: ['values', 'uninitialized'],
  },
  {
    name: 'an output of the shared expert that is switched off is added',
    kernel: 'moe_combine_bf16',
    find: 'if (has_shared_expert) {',
    replace: '{',
    finds: ['values', 'uninitialized'],
  },
];
