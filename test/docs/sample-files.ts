// Small files under the names that the documentation uses.

const CONFIG = {
  ...{ model_type: 'qwen3_moe', hidden_size: 64, moe_intermediate_size: 64, num_experts: 4 },
  ...{ num_experts_per_tok: 2, norm_topk_prob: true, num_hidden_layers: 2, hidden_act: 'silu' },
  torch_dtype: 'bfloat16',
};

const BLOCK = {
  ...{ hidden_size: 256, intermediate_size: 256, num_experts: 4, top_k: 2 },
  router: { scoring: { kind: 'softmax' } },
};

const COPY = `#include <metal_stdlib>
using namespace metal;
kernel void copy(device const float* from [[buffer(0)]], device float* to [[buffer(1)]],
                 uint i [[thread_position_in_grid]]) {
  to[i] = from[i];
}
`;

export const SAMPLE_FILES: Readonly<Record<string, string>> = {
  'config.json': JSON.stringify(CONFIG),
  'block.json': JSON.stringify(BLOCK),
  'copy.metal': COPY,
};

export const COPY_JOB = {
  source: 'copy.metal',
  kernel: 'copy',
  buffers: { 0: { dtype: 'f32', shape: [64], fill: 1 }, 1: { dtype: 'f32', shape: [64] } },
  threadgroups: [2, 1, 1],
  threads_per_threadgroup: [32, 1, 1],
  outputs: {},
};
