import { describe, expect, test } from 'vitest';
import { MoegenError } from '../../generator/errors.js';
import { parseConfig, readBlock } from '../../generator/description/models/index.js';

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

describe('aliases', () => {
  test.each<[string, Record<string, unknown>]>([
    ['flex_olmo', { num_local_experts: 8, num_experts_per_tok: 2, intermediate_size: 32 }],
    ['qwen3_moe', { num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32 }],
    ['deepseek_v2', { num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32 }],
    [
      'deepseek_v3',
      { num_local_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32, n_group: 1, topk_group: 1 },
    ],
    ['deepseek_v4', { num_local_experts: 8, num_experts_per_tok: 2, intermediate_size: 32, vocab_size: 9 }],
    ['ernie4_5_moe', { num_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32 }],
    ['hunyuan_v1_moe', { num_local_experts: 8, moe_topk: 2, intermediate_size: 32 }],
    [
      'kimi_linear',
      { num_local_experts: 8, num_experts_per_tok: 2, moe_intermediate_size: 32, n_shared_experts: 3 },
    ],
    ['longcat_flash', { num_local_experts: 8, num_experts_per_tok: 2, expert_ffn_hidden_size: 32 }],
    ['step3p7', { moe_num_experts: 8, moe_top_k: 2, moe_intermediate_size: 32, share_expert_dims: 16 }],
    [
      'minimax_m3_vl',
      { num_experts: 8, num_experts_per_tok: 2, intermediate_size: 32, shared_intermediate_size: 16 },
    ],
  ])('%s', (type, keys) => {
    const block = readBlock({ model_type: type, hidden_size: 64, ...keys }, 1, 'c');
    expect(block).toMatchObject({ numExperts: 8, topK: 2, intermediateSize: 32 });
  });

  test('of switches and groups', () => {
    const kimi = {
      ...DEEPSEEK,
      model_type: 'kimi_linear',
      num_local_experts: 8,
      n_group: 4,
      topk_group: 2,
      norm_topk_prob: false,
    };
    expect(readBlock(kimi, 1, 'c').router).toMatchObject({
      groups: { count: 4, keep: 2 },
      normalize: { kind: 'none' },
    });
    expect(
      readBlock({ ...kimi, moe_renormalize: false, num_expert_group: 4 }, 1, 'c').router.groups?.count,
    ).toBe(4);
  });

  test('that agree are fine', () => {
    const block = readBlock(
      { ...MIXTRAL, model_type: 'qwen3_moe', num_experts: 8, moe_intermediate_size: 5 },
      1,
      'c',
    );
    expect(block.numExperts).toBe(8);
  });
});

describe('values of the configuration', () => {
  test.each([
    ['silu', 'silu'],
    ['swish', 'silu'],
    ['gelu', 'gelu'],
    ['gelu_new', 'gelu_tanh'],
    ['gelu_pytorch_tanh', 'gelu_tanh'],
    ['relu', 'relu'],
    ['relu2', 'relu2'],
  ])('hidden_act %s is %s', (name, activation) => {
    const { glu } = readBlock({ ...MIXTRAL, hidden_act: name }, 1, 'c').experts;
    expect(glu).toEqual({ kind: 'plain', activation });
  });

  test('keeping all groups is no limit', () => {
    expect(readBlock({ ...DEEPSEEK, n_group: 4, topk_group: 4 }, 1, 'c').router.groups).toBeNull();
  });

  test('no shared experts', () => {
    expect(readBlock({ ...DEEPSEEK, n_shared_experts: 0 }, 1, 'c').shared).toBeNull();
  });

  test('entries of lists belong to their layer', () => {
    const step = {
      ...DEEPSEEK,
      model_type: 'step3p5',
      share_expert_dim: 16,
      swiglu_limits: [0, 7, null],
      swiglu_limits_shared: [5, 0, 6],
    };
    const limits = [0, 1, 2].map((layer) => {
      const { experts, shared } = readBlock(step, layer, 'c');
      return [experts.glu, shared?.glu].map((glu) => (glu?.kind === 'clamp_after' ? glu.limit : null));
    });
    expect(limits).toEqual([
      [null, 5],
      [7, null],
      [null, 6],
    ]);
  });

  test('the first layers of deepseek_v4 select by token', () => {
    const v4 = { ...DEEPSEEK, model_type: 'deepseek_v4', vocab_size: 9 };
    const kinds = (config: object) =>
      [0, 1, 2, 3].map((layer) => readBlock(config, layer, 'c').router.selection.kind);
    const [table, best] = ['token_table', 'top_k'];
    expect(kinds(v4)).toEqual([table, table, table, best]);
    expect(kinds({ ...v4, num_hash_layers: 1 })).toEqual([table, best, best, best]);
    expect(kinds({ ...v4, mlp_layer_types: ['moe', 'hash_moe', 'moe', 'moe'] })).toEqual([
      best,
      table,
      best,
      best,
    ]);
    expect(readBlock({ ...v4, scoring_func: 'sigmoid' }, 3, 'c').router.scoring).toEqual({ kind: 'sigmoid' });
  });
});

describe('the text of a config.json', () => {
  test('may hold what Python writes for numbers that JSON does not know', () => {
    const text = '{"a": [0.0, Infinity], "b": -Infinity, "c": NaN, "d": "NaN \\" Infinity", "e": 1e3}';
    expect(parseConfig(text, 'c')).toEqual({
      a: [0, Infinity],
      b: -Infinity,
      c: null,
      d: 'NaN " Infinity',
      e: 1000,
    });
  });

  test('is refused where it is no JSON', () => {
    expect(() => parseConfig('{"a": Infinit}', 'c')).toThrow(/^expected the JSON text of a config.json: /);
  });
});

describe('errors', () => {
  const failure = (config: unknown, layer = 1): unknown => {
    try {
      return readBlock(config, layer, 'config.json');
    } catch (error) {
      return error;
    }
  };
  const bySpec = 'describe the block by hand in a file and pass it with --spec block.json';

  test.each<[string, unknown, MoegenError]>([
    [
      'no object',
      [],
      new MoegenError('spec/invalid-config', 'a config.json must hold one JSON object', {
        where: 'config.json',
        help: 'name the config.json of a model',
      }),
    ],
    [
      'an unknown model_type',
      { ...MIXTRAL, model_type: 'qwen3_mo' },
      new MoegenError(
        'spec/unknown-model-type',
        'model_type must be one of the 52 known types, got "qwen3_mo"; the nearest are qwen3_moe, qwen2_moe, qwen3_5_moe',
        { where: 'config.json: model_type', help: bySpec },
      ),
    ],
    [
      'no model_type',
      { hidden_size: 3 },
      new MoegenError(
        'spec/unknown-model-type',
        'model_type must be one of the 52 known types, got nothing',
        {
          where: 'config.json: model_type',
          help: bySpec,
        },
      ),
    ],
    [
      'a missing key',
      { ...MIXTRAL, num_local_experts: undefined },
      new MoegenError(
        'spec/missing-config-key',
        'num_local_experts must be a whole number of at least 1, got nothing',
        { where: 'config.json: num_local_experts', help: 'add the key: a model of type mixtral needs it' },
      ),
    ],
    [
      'a missing key with aliases',
      { ...DEEPSEEK, n_routed_experts: null },
      new MoegenError(
        'spec/missing-config-key',
        'n_routed_experts (or num_local_experts) must be a whole number of at least 1, got nothing',
        { where: 'config.json: n_routed_experts', help: 'add the key: a model of type deepseek_v3 needs it' },
      ),
    ],
    [
      'aliases that differ',
      { ...DEEPSEEK, num_local_experts: 9 },
      new MoegenError(
        'spec/ambiguous-config',
        'n_routed_experts and num_local_experts are two names of one value, got 8 and 9',
        { where: 'config.json: num_local_experts', help: 'remove one of the two keys' },
      ),
    ],
    [
      'a size that is no whole number',
      { ...MIXTRAL, hidden_size: 64.5 },
      new MoegenError(
        'spec/invalid-config-value',
        'hidden_size must be a whole number of at least 1, got 64.5',
        {
          where: 'config.json: hidden_size',
          help: 'correct the value',
        },
      ),
    ],
    [
      'a switch that is text',
      { ...DEEPSEEK, norm_topk_prob: 'yes' },
      new MoegenError('spec/invalid-config-value', 'norm_topk_prob must be true or false, got "yes"', {
        where: 'config.json: norm_topk_prob',
        help: 'correct the value',
      }),
    ],
    [
      'an unknown activation',
      { ...MIXTRAL, hidden_act: 'situ' },
      new MoegenError(
        'spec/invalid-config-value',
        'hidden_act must be one of "silu", "swish", "gelu", "gelu_python", "gelu_new", "gelu_fast", "gelu_accurate", ' +
          '"gelu_pytorch_tanh", "gelu_python_tanh", "gelu_tanh", "relu", "relu2", got "situ"',
        { where: 'config.json: hidden_act', help: 'correct the value' },
      ),
    ],
    [
      'a key in a section',
      { model_type: 'dbrx', d_model: 64, ffn_config: { ffn_hidden_size: 3, moe_num_experts: 4 } },
      new MoegenError(
        'spec/missing-config-key',
        'ffn_config.moe_top_k must be a whole number of at least 1, got nothing',
        { where: 'config.json: ffn_config.moe_top_k', help: 'add the key: a model of type dbrx needs it' },
      ),
    ],
    [
      'a list that is too short',
      {
        ...MIXTRAL,
        model_type: 'hunyuan_v1_moe',
        num_experts: [8],
        num_local_experts: undefined,
        moe_topk: 1,
      },
      new MoegenError(
        'spec/invalid-config-value',
        'num_experts[1] must be a whole number of at least 1, got nothing',
        {
          where: 'config.json: num_experts[1]',
          help: 'correct the value',
        },
      ),
    ],
    [
      'a negative limit',
      { ...DEEPSEEK, model_type: 'step3p7', share_expert_dim: 16, swiglu_limits: [1, -1] },
      new MoegenError(
        'spec/invalid-config-value',
        'swiglu_limits[1] must be a positive number, 0 or null, got -1',
        {
          where: 'config.json: swiglu_limits[1]',
          help: 'correct the value',
        },
      ),
    ],
    [
      'more experts per token than there are',
      { ...MIXTRAL, num_experts_per_tok: 9 },
      new MoegenError('spec/inconsistent-block', 'top_k must be at most the number of experts (8), got 9', {
        where: 'config.json: top_k',
        help: 'change one of the two values',
      }),
    ],
    [
      'a capacity that drops tokens',
      {
        model_type: 'nllb_moe',
        d_model: 64,
        encoder_layers: 2,
        decoder_layers: 2,
        encoder_ffn_dim: 3,
        num_experts: 4,
        moe_eval_capacity_token_fraction: 0.5,
      },
      new MoegenError(
        'spec/invalid-config-value',
        'moe_eval_capacity_token_fraction must be at least 1 (no expert may drop tokens), got 0.5',
        { where: 'config.json: moe_eval_capacity_token_fraction', help: 'correct the value' },
      ),
    ],
  ])('%s', (_, config, error) => {
    expect(failure(config)).toEqual(error);
  });
});
