// Where in a configuration a model is found, by which names, and what of it is refused.

import { describe, expect, test } from 'vitest';
import { findModel } from '../../generator/description/models/find-model.js';
import { readBlock } from '../../generator/description/models/index.js';

const MIXTRAL = {
  model_type: 'mixtral',
  hidden_size: 64,
  intermediate_size: 32,
  num_local_experts: 8,
  num_experts_per_tok: 2,
};
const DEEPSEEK = {
  model_type: 'deepseek_v3',
  hidden_size: 64,
  moe_intermediate_size: 32,
  n_routed_experts: 8,
  num_experts_per_tok: 2,
  n_group: 1,
  topk_group: 1,
};

describe('where a model is found', () => {
  test('in the text part of a larger model', () => {
    const text = { ...MIXTRAL, model_type: 'llama4_text' };
    const whole = { model_type: 'llama4', text_config: text, vision_config: { hidden_size: 1 } };
    expect(readBlock(whole, 1, 'c')).toEqual(readBlock(text, 1, 'c'));
  });

  test('in the text part of a model that is not known itself', () => {
    const whole = { model_type: 'some_vlm', text_config: MIXTRAL };
    expect(readBlock(whole, 1, 'c')).toEqual(readBlock(MIXTRAL, 1, 'c'));
  });

  test('as what the whole model says, where its text part says something else', () => {
    const text = { ...MIXTRAL, model_type: 'minimax_m2', shared_intermediate_size: 16 };
    const block = readBlock({ model_type: 'minimax_m3_vl', text_config: text }, 1, 'c');
    expect(block.experts.glu.kind).toBe('oai');
  });
});

describe('names of a type', () => {
  test.each([
    ['nllb-moe', 'nllb_moe'],
    ['Klear', 'klear'],
    ['kimi_k2', 'deepseek_v3'],
    ['deepseek_v32', 'deepseek_v3'],
    ['glm4v_moe_text', 'glm4_moe'],
    ['hunyuan', 'hunyuan_v1_moe'],
    ['minimax_text_01', 'minimax'],
    ['qwen3_omni_moe_thinker', 'qwen3_omni_moe'],
    ['bailing_moe_v2', 'bailing_moe'],
    ['gemma4_text', 'gemma4'],
  ])('%s is %s', (name, type) => {
    const find = (value: string) => findModel({ model_type: value }, 'c').row;
    expect(find(name)).toBe(find(type));
  });

  test.each([
    ['DeepseekV4ForCausalLM', 'deepseek_v4'],
    ['Grok1ForCausalLM', 'grok'],
    ['Qwen3VLMoeForConditionalGeneration', 'qwen3_vl_moe'],
    ['HunYuanMoEV1ForCausalLM', 'hunyuan_v1_moe'],
    ['NllbMoeForConditionalGeneration', 'nllb_moe'],
    ['GptOssForCausalLM', 'gpt_oss'],
  ])('the class %s is that of %s, where the type is not known', (name, type) => {
    const config = { model_type: 'a_fork', architectures: [name] };
    expect(findModel(config, 'c').row).toBe(findModel({ model_type: type }, 'c').row);
  });

  test('the type goes before the class', () => {
    const config = { model_type: 'mixtral', architectures: ['DeepseekV3ForCausalLM'] };
    expect(findModel(config, 'c').config.modelType).toBe('mixtral');
  });

  test.each([
    { text_config: MIXTRAL },
    { llm_config: MIXTRAL },
    { language_config: MIXTRAL },
    { thinker_config: { model_type: 'a_thinker', text_config: MIXTRAL }, talker_config: { text_config: {} } },
    { text_config: null, llm_config: MIXTRAL },
  ])('a text model is found in %j', (sections) => {
    expect(readBlock({ model_type: 'a_wrapper', ...sections }, 0, 'c')).toEqual(readBlock(MIXTRAL, 0, 'c'));
  });

  test('a model that is not known is refused by its name, with what to do', () => {
    expect(() => readBlock({ model_type: 'orchard_moe' }, 0, 'c')).toThrow(
      expect.objectContaining({
        code: 'spec/unknown-model-type',
        message: expect.stringContaining('"orchard_moe"') as string,
        help: expect.stringContaining('--spec') as string,
      }),
    );
  });
});

describe('values that the type does not have', () => {
  test.each<[string, Record<string, unknown>, RegExp]>([
    ['another scoring', { ...DEEPSEEK, scoring_func: 'softmax' }, /scoring_func must be one of "sigmoid"/],
    ['another choice', { ...DEEPSEEK, topk_method: 'greedy' }, /topk_method must be one of "noaux_tc"/],
    [
      'a shared expert that the row does not know',
      { ...MIXTRAL, model_type: 'minimax_text_01', shared_intermediate_size: 16 },
      /shared_intermediate_size must be 0, got 16/,
    ],
    [
      'limits that are no numbers',
      { ...DEEPSEEK, model_type: 'laguna', num_experts: 8, moe_router_logit_softcapping: 'none' },
      /moe_router_logit_softcapping must be a number/,
    ],
  ])('%s is refused', (_, config, message) => {
    expect(() => readBlock({ shared_expert_intermediate_size: 8, ...config }, 3, 'c')).toThrow(message);
  });
});
