// The metadata of a GGUF file into the keys that a config.json has, for architectures whose router llama.cpp computes as the model's own
// code does.

import { MoegenError } from '../errors.js';
import { describeValue, type GgufValue } from './gguf.js';

type Metadata = ReadonlyMap<string, GgufValue>;
type Config = Readonly<Record<string, unknown>>;
/** The value under `ARCHITECTURE.key`. */
type Look = (key: string) => GgufValue | undefined;

const SIGMOID = 2;

const widths = (look: Look): Config => ({
  hidden_size: look('embedding_length'),
  num_hidden_layers: look('block_count'),
  num_experts_per_tok: look('expert_used_count'),
});
const qwen = (look: Look): Config => ({
  ...widths(look),
  num_experts: look('expert_count'),
  moe_intermediate_size: look('expert_feed_forward_length'),
});
const deepseek = (look: Look): Config => ({
  ...widths(look),
  n_routed_experts: look('expert_count'),
  moe_intermediate_size: look('expert_feed_forward_length'),
  n_shared_experts: look('expert_shared_count') ?? 0,
  first_k_dense_replace: look('leading_dense_block_count') ?? 0,
  n_group: look('expert_group_count') ?? 1,
  topk_group: look('expert_group_used_count') ?? 1,
  norm_topk_prob: look('expert_weights_norm') ?? false,
  routed_scaling_factor: look('expert_weights_scale') ?? 1,
});
const local = (look: Look): Config => ({
  ...widths(look),
  num_local_experts: look('expert_count'),
  intermediate_size: look('expert_feed_forward_length') ?? look('feed_forward_length'),
});

/** By `general.architecture`. */
const ARCHITECTURES: Readonly<Record<string, (look: Look) => Config>> = {
  llama: (look) => ({ model_type: 'mixtral', ...local(look) }),
  qwen2moe: (look) => ({
    ...{ model_type: 'qwen2_moe', ...qwen(look), norm_topk_prob: false },
    shared_expert_intermediate_size: look('expert_shared_feed_forward_length'),
  }),
  qwen3moe: (look) => ({ model_type: 'qwen3_moe', ...qwen(look), norm_topk_prob: true }),
  qwen3vlmoe: (look) => ({ model_type: 'qwen3_vl_moe', ...qwen(look) }),
  qwen3next: (look) => ({
    ...{ model_type: 'qwen3_next', ...qwen(look), norm_topk_prob: true },
    shared_expert_intermediate_size: look('expert_shared_feed_forward_length'),
  }),
  grovemoe: (look) => ({
    ...{ model_type: 'grove_moe', ...qwen(look) },
    parallel_expert_intermediate_size: look('expert_chunk_feed_forward_length'),
    ...{ experts_per_group: look('experts_per_group'), expert_group_scale: look('expert_group_scale') },
  }),
  olmoe: (look) => ({
    ...{ model_type: 'olmoe', ...local(look), norm_topk_prob: false },
    num_experts: look('expert_count'),
  }),
  'gpt-oss': (look) => ({ model_type: 'gpt_oss', ...local(look) }),
  granitemoe: (look) => ({ model_type: 'granitemoe', ...local(look) }),
  'minimax-m2': (look) => ({ model_type: 'minimax_m2', ...local(look) }),
  glm4moe: (look) => ({ model_type: 'glm4_moe', ...deepseek(look) }),
  dots1: (look) => ({ model_type: 'dots1', ...deepseek(look) }),
  deepseek2: (look) => ({
    model_type: look('expert_gating_func') === SIGMOID ? 'deepseek_v3' : 'deepseek_v2',
    topk_method: look('expert_group_count') === undefined ? 'greedy' : 'group_limited_greedy',
    ...deepseek(look),
  }),
};

/** Throws `checkpoint/unknown-architecture`. */
export function configOfGguf(metadata: Metadata, where: string): Config {
  const architecture = metadata.get('general.architecture') ?? 'none';
  const name = describeValue(architecture);
  const read = Object.hasOwn(ARCHITECTURES, name) ? ARCHITECTURES[name] : undefined;
  if (read === undefined) {
    throw new MoegenError(
      'checkpoint/unknown-architecture',
      `expected a GGUF architecture that is known, got ${name}`,
      {
        where,
        help: `put the model's config.json beside the file; known are ${Object.keys(ARCHITECTURES).join(', ')}`,
      },
    );
  }
  const config = read((key) => metadata.get(`${name}.${key}`));
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key, typeof value === 'bigint' ? Number(value) : value]),
  );
}
