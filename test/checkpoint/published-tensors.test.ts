// What `moegen model --config` says of published configurations: each projection in the format that the configuration names, and every
// parameter of a block made from tensors of a checkpoint. The names are those in the files, as the code of makers and readers has them.

import { describe, expect, test } from 'vitest';
import { describeModel, layerGroups } from '../../generator/checkpoint/model.js';
import { publishedNames } from '../../generator/checkpoint/formats/published-names.js';
import type { TensorRole } from '../../generator/description/block.js';
import { modelTypes } from '../../generator/description/models/index.js';
import { formatNamed, PROJECTION_ROLES, type Projection } from '../../generator/description/weights.js';
import { CASES, configPath, layerNumbers, REFUSED } from '../support/published-configs.js';

/** Why the tensors of a model cannot be told. */
const WITHOUT_NAMES: Readonly<Record<string, RegExp>> = {};

/** Some tensors of the first layers, by the role that they have. */
const TENSORS: Readonly<Record<string, Partial<Record<TensorRole, string>>>> = {
  'ERNIE-4.5-VL-28B-A3B': {
    router: 'model.layers.{layer}.mlp.gate.weight',
    selection_bias: 'model.layers.{layer}.mlp.moe_statics.e_score_correction_bias',
    expert_up: 'model.layers.{layer}.mlp.experts.{expert}.up_proj.weight',
  },
  'GLM-4.5V': {
    expert_gate: 'model.language_model.layers.{layer}.mlp.experts.{expert}.gate_proj.weight',
    selection_bias: 'model.language_model.layers.{layer}.mlp.gate.e_score_correction_bias',
  },
  'Gemma-4-text-only': {
    router: 'model.layers.{layer}.router.proj.weight',
    router_norm: 'model.layers.{layer}.router.scale',
    shared_norm: 'model.layers.{layer}.pre_feedforward_layernorm.weight',
  },
  'Grok-2': {
    expert_down: 'model.layers.{layer}.block_sparse_moe.experts.{expert}.w2.weight',
    shared_down: 'model.layers.{layer}.mlp.down_proj.weight',
  },
  GroveMoE: {
    expert_gate: 'model.layers.{layer}.mlp.experts.{expert}.gate_proj.weight',
    adjugate_down: 'model.layers.{layer}.mlp.chunk_experts.{expert}.down_proj.weight',
  },
  'Hunyuan-A13B-origname': { router: 'model.layers.{layer}.mlp.gate.wg.weight' },
  'Jamba-1.5-Mini': { expert_up: 'model.layers.{layer}.feed_forward.experts.{expert}.up_proj.weight' },
  'Klear-46B-A2.5B': {
    shared_mix: 'model.layers.{layer}.mlp.coefficient.weight',
    shared_mix_bias: 'model.layers.{layer}.mlp.coefficient.bias',
  },
  Laguna: {
    selection_bias: 'model.layers.{layer}.mlp.experts.e_score_correction_bias',
    shared_up: 'model.layers.{layer}.mlp.shared_expert.up_proj.weight',
  },
  'Ling-mini-2.0': { selection_bias: 'model.layers.{layer}.mlp.gate.expert_bias' },
  'MiniMaxAI--MiniMax-M2.5': {
    selection_bias: 'model.layers.{layer}.block_sparse_moe.e_score_correction_bias',
  },
  'Qwen--Qwen3-VL-30B-A3B-Instruct': {
    expert_gate_up: 'model.language_model.layers.{layer}.mlp.experts.gate_up_proj',
  },
  'Qwen3-Omni-30B-A3B': {
    expert_down: 'thinker.model.layers.{layer}.mlp.experts.{expert}.down_proj.weight',
  },
  'SmallThinker-21B': {
    router: 'model.layers.{layer}.block_sparse_moe.primary_router.weight',
    expert_gate: 'model.layers.{layer}.block_sparse_moe.experts.{expert}.gate.weight',
  },
  'deepseek-ai--DeepSeek-V4-Flash': {
    token_table: 'layers.{layer}.ffn.gate.tid2eid',
    expert_up: 'layers.{layer}.ffn.experts.{expert}.w3.weight',
    shared_gate: 'layers.{layer}.ffn.shared_experts.w1.weight',
  },
  'granite-4.0-h-tiny': {
    expert_gate_up: 'model.layers.{layer}.block_sparse_moe.input_linear.weight',
    shared_down: 'model.layers.{layer}.shared_mlp.output_linear.weight',
  },
  'meta-llama--Llama-4-Scout-17B-16E-Instruct': {
    expert_down: 'language_model.model.layers.{layer}.feed_forward.experts.down_proj',
  },
  'mlx-Qwen3-30B-A3B-4bit': { expert_up: 'model.layers.{layer}.mlp.switch_mlp.up_proj.weight' },
  'mlx-gpt-oss-20b-MXFP4-Q8': { expert_down: 'model.layers.{layer}.mlp.experts.down_proj.weight' },
  'moonshotai--Kimi-K3': {
    latent_in: 'language_model.model.layers.{layer}.block_sparse_moe.routed_expert_down_proj.weight',
    expert_down: 'language_model.model.layers.{layer}.block_sparse_moe.experts.{expert}.w2.weight_packed',
  },
  'nvidia--NVIDIA-Nemotron-3-Super-120B-A12B-FP8': {
    latent_out: 'backbone.layers.{layer}.mixer.fc2_latent_proj.weight',
    expert_up: 'backbone.layers.{layer}.mixer.experts.{expert}.up_proj.weight',
  },
  'openai--gpt-oss-20b': { expert_gate_up: 'model.layers.{layer}.mlp.experts.gate_up_proj_blocks' },
  'stepfun-ai--Step-3.7-Flash-FP8': {
    expert_gate: 'model.layers.{layer}.moe.gate_proj.weight',
    selection_bias: 'model.layers.{layer}.moe.router_bias',
  },
};

describe('a configuration becomes the tensors that it is published with', () => {
  test.each(Object.entries(CASES))('%s', async (name, { answers }) => {
    const refusal = WITHOUT_NAMES[name];
    if (refusal !== undefined) {
      await expect(describeModel(configPath(name))).rejects.toThrow(refusal);
      return;
    }
    const { layers } = await describeModel(configPath(name));
    const groups = layerGroups(layers);
    const dense = (formats: object) =>
      Object.fromEntries(Object.keys(formats).map((projection) => [projection, 'bf16']));
    expect(groups.map((group) => ({ layers: group.layers, formats: group.formats }))).toEqual(
      answers.map(({ layers: numbers, formats }, at) => ({
        layers: layerNumbers(numbers),
        formats: formats ?? dense(groups[at]?.formats ?? {}),
      })),
    );
    for (const { block, formats, recipes } of groups) {
      const made = new Set(recipes.map(({ role }) => role));
      expect(made).toEqual(new Set(Object.keys(block.tensors)));
      const present = Object.entries(PROJECTION_ROLES).filter(([, roles]) =>
        roles.some((role) => made.has(role)),
      );
      expect(Object.keys(formats)).toEqual(present.map(([projection]) => projection));
      for (const [projection, roles] of present) {
        const planes = formatNamed(formats[projection as Projection] ?? '').planes.map(
          ({ suffix }) => suffix,
        );
        for (const role of roles.filter((each) => made.has(each))) {
          expect(recipes.flatMap((recipe) => (recipe.role === role ? [recipe.plane] : []))).toEqual(planes);
        }
      }
    }
    for (const [role, tensor] of Object.entries(TENSORS[name] ?? {})) {
      expect(groups[0]?.block.tensors[role as TensorRole]?.name).toBe(tensor);
    }
  });

  test.each(Object.entries(REFUSED))('%s is refused', async (name, [, named]) => {
    await expect(describeModel(configPath(name))).rejects.toThrow(named);
  });
});

test.each(modelTypes())('it is known how %s is published, or why nobody can say', (type) => {
  const { refusal } = publishedNames(type, [type], 'none');
  expect(refusal).toBe(
    type === 'nllb_moe' ? 'its encoder and its decoder each number their layers from 0' : null,
  );
});
