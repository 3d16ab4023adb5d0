// What the command line does with a model: a config.json, or a block described by hand.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../generator/manifest/schema.js';
import { freshFolder, put } from '../support/output-folder.js';
import { fixturePath } from '../support/fixtures.js';
import { json, moegen, moegenIn } from './moegen.js';

const CONFIG = {
  model_type: 'step3p7',
  text_config: {
    model_type: 'step3p7',
    hidden_size: 64,
    moe_intermediate_size: 33,
    moe_num_experts: 6,
    moe_top_k: 2,
    share_expert_dim: 40,
    moe_router_scaling_factor: 3,
    num_hidden_layers: 5,
    moe_layers_enum: '1,2,3,4',
    swiglu_limits: [0, 0, 7, 0, 7],
    swiglu_limits_shared: [0, 0, 0, 0, 0],
  },
};

/** Ungated experts in groups, one of them weightless. */
const SPEC = {
  hidden_size: 40,
  intermediate_size: 21,
  num_experts: 7,
  num_zero_experts: 1,
  top_k: 3,
  router: {
    scoring: { kind: 'sigmoid' },
    selection_bias: true,
    groups: { count: 4, keep: 2, score: 'top2_sum' },
    normalize: { kind: 'sum', epsilon: 1e-20 },
    scale: 2.5,
  },
  experts: { gate_up: 'ungated', glu: { kind: 'plain', activation: 'relu2' } },
  tensors: { router: { name: 'router.weight' }, expert_up: { name: 'experts.{expert}.up.weight' } },
};

function folderWith(files: Readonly<Record<string, unknown>>): string {
  const cwd = freshFolder();
  for (const [file, value] of Object.entries(files)) put(cwd, file, JSON.stringify(value));
  return cwd;
}

describe('moegen explain, of a model', () => {
  it('shows each block with its layers, stages, tensors and costs', async () => {
    const cwd = folderWith({ 'config.json': CONFIG });
    const { code, out, err } = await moegen(cwd, 'explain', '--config', 'config.json', '--tokens', '3,1');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^step3p7: layers 5, different MoE blocks 2, dense: 0\n {2}activations bf16, weights bf16\n/,
    );
    expect(out).toContain('block 1: layers 1, 3\n');
    expect(out).toContain('block 2: layers 2, 4\n');
    expect(out).toMatch(/\n {2}batched path, low tiles, tokens: 1, 3\n/);
    expect(out).toMatch(
      /\n {4}down +moe_down_bf16_bf16_bm16\w+ +ceil_div\(hidden_size, 128\) x num_tiles x 1/,
    );
    expect(out).toMatch(/\n {2}skinny path, tokens: 1, 3\n/);
    expect(out).toMatch(/\n {2}decode path, tokens: 1, 3\n/);
    expect(out).toMatch(
      /\n {4}3 tokens +threadgroups +weight bytes +activation bytes +written bytes +FLOPs\n/,
    );
    expect(out).toMatch(/\n {4}per token +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+\n/);
    expect(out).toMatch(/\n {4}swiglu_limit +7\n/);
    expect(out).not.toMatch(/ +\n/);
  });

  it('gives all of it as JSON, formulas and numbers', async () => {
    const cwd = folderWith({ 'block.json': SPEC });
    const options = [
      '--spec',
      'block.json',
      '--dtype',
      'f16',
      '--weights',
      'f32',
      '--tokens',
      '64',
      '--json',
    ];
    const account = json(await moegen(cwd, 'explain', ...options));
    expect(account).toMatchObject({
      modelType: 'block',
      numLayers: 1,
      denseLayers: [],
      activation: 'f16',
      weight: 'f32',
      tokens: [64],
      sizes: { touched_experts: 'min(num_experts, num_tokens * top_k)' },
    });
    const [block] = account['blocks'] as [Record<string, unknown>];
    expect(block).toMatchObject({ layers: [0], constants: { num_zero_experts: 1, top_groups: 2 } });
    expect(block['tensors']).toContainEqual({
      role: 'expert_up',
      tensor: 'experts.{expert}.up.weight',
      shape: [21, 40],
      buffer: 'up_weight',
      element: 'f32',
      bufferShape: ['num_experts', 'intermediate_size', 'hidden_size'],
      layout: 'one expert after the other',
      bytes: 7 * 21 * 40 * 4,
    });
    const [decode, batched] = block['paths'] as [Record<string, unknown[]>, Record<string, unknown[]>];
    expect(batched['stages']?.[5]).toEqual({
      stage: 'gate_up',
      kernel: 'moe_gate_up_relu2_ungated_f16_f32_bm16_bn128_bk32_wm1_wn4',
      threadgroups: ['ceil_div(intermediate_size, 128)', 'num_tiles', '1'],
      indirect: 'gate_up_threadgroups',
      threadsPerThreadgroup: [128, 1, 1],
      threadgroupBytes: 20_736,
      cost: {
        weights: '4 * touched_experts * intermediate_size * hidden_size',
        activations: '2 * num_tokens * hidden_size + 4 * num_tokens * top_k + 4 * num_tiles * 3',
        written: '2 * num_tokens * top_k * intermediate_size',
        flops: '2 * num_tokens * top_k * intermediate_size * hidden_size',
      },
    });
    expect(decode['batches']).toHaveLength(1);
  });

  it.each([
    [['explain'], 'cli/nothing-to-explain'],
    [['explain', 'moe_combine_f32', '--spec', 'block.json'], 'cli/two-subjects'],
    [['explain', '--spec', 'block.json', '--config', 'block.json'], 'cli/two-models'],
    [['explain', '--spec', 'gone.json'], 'cli/unreadable-model'],
    [['explain', '--spec', 'block.json', '--tokens', '1,0'], 'cli/not-a-number'],
    [['explain', '--spec', 'block.json', '--dtype', 'bf8'], 'cli/unknown-value'],
    [['validate', '--tokens', '4'], 'cli/no-model'],
    [['validate', 'moe_combine_f32', '--spec', 'block.json'], 'cli/two-subjects'],
  ])('%j ends with 2', async (argv, code) => {
    const outcome = await moegen(folderWith({ 'block.json': SPEC }), ...argv);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(new RegExp(`^error\\[${code}\\]: .+\\n  --> .+\\n`));
  });
});

/** Dense layers, then experts in 4 bits, whose router has 8 in the last layer. */
const QUANTISED = {
  ...{ model_type: 'qwen3_moe', hidden_size: 64, moe_intermediate_size: 32, num_experts: 8 },
  ...{ num_experts_per_tok: 2, num_hidden_layers: 4, mlp_only_layers: [0], torch_dtype: 'float16' },
  quantization: {
    ...{ group_size: 32, bits: 4, 'model.layers.1.mlp.gate': false, 'model.layers.2.mlp.gate': false },
    'model.layers.3.mlp.gate': { group_size: 64, bits: 8 },
  },
};

describe('the formats of a configuration', () => {
  const explain = async (config: object, ...options: string[]) => {
    const cwd = folderWith({ 'config.json': config });
    return json(await moegen(cwd, 'explain', '--config', 'config.json', '--json', ...options));
  };
  const DENSE = { router: 'f32', gate_up: 'f32', down: 'f32' };

  it('are what explain and generate answer with, and its dtype too', async () => {
    const account = await explain(QUANTISED);
    const mixed = { gate_up: 'affine4_g32_f16', down: 'affine4_g32_f16' };
    expect(account).toMatchObject({
      activation: 'f16',
      blocks: [
        { layers: [1, 2], formats: { router: 'f16', ...mixed } },
        { layers: [3], formats: { router: 'affine8_g64_f16', ...mixed } },
      ],
    });
    const cwd = folderWith({ 'config.json': QUANTISED });
    const outcome = await moegen(cwd, '--config', 'config.json', '--no-compile');
    expect(outcome).toMatchObject({ code: 0, err: '' });
    const file = path.join(cwd, 'generated/qwen3_moe/manifest.json');
    const { kernels } = parseManifest(readFileSync(file, 'utf8'), file);
    const formats = kernels.map(({ axes }) => axes['weight']).filter((format) => format !== undefined);
    expect([...new Set(formats)].sort()).toEqual(['affine4_g32_f16', 'affine8_g64_f16', 'f16']);
    expect(new Set(kernels.map(({ axes }) => axes['activation'] ?? 'f16'))).toEqual(new Set(['f16']));
  });

  it('yield to --weights and --dtype', async () => {
    const account = await explain(QUANTISED, '--weights', 'f32', '--dtype', 'bf16');
    expect(account).toMatchObject({ activation: 'bf16', blocks: [{ layers: [1, 2, 3], formats: DENSE }] });
    const chosen = await explain(QUANTISED, '--weights', 'f32,down=affine8_g32_f32');
    expect(chosen).toMatchObject({ blocks: [{ formats: { ...DENSE, down: 'affine8_g32_f32' } }] });
  });

  it('are refused by name where there are no kernels, with 2', async () => {
    const quantised = { ...QUANTISED, quantization: { group_size: 32, bits: 7 } };
    const outcome = await moegen(
      folderWith({ 'config.json': quantised }),
      'explain',
      '--config',
      'config.json',
    );
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(
      /error\[checkpoint\/unsupported-format\]: router of layer 1 .+ affine7_g32_f16/,
    );
    expect(outcome.err).toMatch(/help: pass --weights/);
  });
});

describe('moegen --config', () => {
  it('writes the kernels that --kernel names', async () => {
    const cwd = folderWith({ 'config.json': CONFIG });
    const options = ['--config', 'config.json', '--dtype', 'f32', '--no-compile', '--kernel', '*combine*'];
    expect(await moegen(cwd, ...options)).toMatchObject({ code: 0, err: '' });
    const file = path.join(cwd, 'generated/step3p7/manifest.json');
    const { kernels, model } = parseManifest(readFileSync(file, 'utf8'), file);
    expect(kernels.map(({ name }) => name)).toEqual(['moe_combine_f32', 'moe_decode_combine_f32']);
    expect(model?.groups.flatMap(({ runs }) => runs)).toEqual([]);
    const none = await moegen(cwd, '--config', 'config.json', '--kernel', 'nothing');
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toMatch(/error\[cli\/no-such-kernel\]/);
  });

  it('keeps the formats of the configuration where --weights names those of some projections', async () => {
    const quantization = { group_size: 32, bits: 4 };
    const text_config = { ...CONFIG.text_config, moe_intermediate_size: 32, share_expert_dim: 32 };
    const cwd = folderWith({ 'config.json': { ...CONFIG, text_config, quantization } });
    const formats = async (...weights: string[]) => {
      const options = ['--config', 'config.json', '--tokens', '1', '--json'];
      const { out } = await moegen(cwd, 'explain', ...options, ...weights);
      const { blocks } = JSON.parse(out) as { blocks: readonly { formats: Record<string, string> }[] };
      return blocks.map(({ formats: own }) => [own['gate_up'], own['down']]);
    };
    const own = 'affine4_g32_bf16';
    for (const [weights, want] of [
      [[], [own, own]],
      [
        ['--weights', 'down=mxfp4'],
        [own, 'mxfp4'],
      ],
      [
        ['--weights', 'mxfp4'],
        ['mxfp4', 'mxfp4'],
      ],
      [
        ['--weights', 'bf16,down=mxfp4'],
        ['bf16', 'mxfp4'],
      ],
    ] as const) {
      for (const found of await formats(...weights)) expect(found).toEqual(want);
    }
  });

  it('warns of keys that look like a slip, and says where one is missing', async () => {
    const { moe_router_scaling_factor: factor, ...rest } = CONFIG.text_config;
    const cwd = folderWith({
      'slip.json': { ...CONFIG, text_config: { ...rest, moe_router_scaling_factors: factor } },
      'beside_null.json': {
        ...CONFIG,
        text_config: { ...rest, moe_router_scaling_factors: factor, moe_router_scaling_factor: null },
      },
      'null.json': { ...CONFIG, text_config: { ...CONFIG.text_config, mlp_bias: null, moe_layer_freqs: 1 } },
      'missing.json': {
        ...CONFIG,
        text_config: { ...CONFIG.text_config, hidden_size: null, hiden_size: 64 },
      },
    });
    const slip = await moegen(cwd, 'explain', '--config', 'slip.json');
    expect(slip.code).toBe(0);
    expect(slip.err).toBe(
      'warning: slip.json: "moe_router_scaling_factors" is no key of step3p7 that decides anything; "moe_router_scaling_factor" is\n',
    );
    const beside = await moegen(cwd, 'explain', '--config', 'beside_null.json');
    expect(beside.err).toMatch(/^warning: beside_null\.json: "moe_router_scaling_factors" is no key/);
    const set = await moegen(cwd, 'model', '--config', 'slip.json', '--no-compile');
    expect(set.err).toMatch(/^warning: .*slip\.json: "moe_router_scaling_factors" is no key/);
    expect(await moegen(cwd, 'explain', '--config', 'null.json')).toMatchObject({ code: 0, err: '' });
    const missing = await moegen(cwd, 'explain', '--config', 'missing.json');
    expect(missing.code).toBe(2);
    expect(missing.err).toMatch(
      /hidden_size must be .+, got nothing\n.+\n {2}help: "hiden_size" looks like it/,
    );
  });

  it('shows what decides the result, renormalising first', async () => {
    const cwd = folderWith({ 'config.json': { ...CONFIG, torch_dtype: 'bfloat16' } });
    const { out } = await moegen(cwd, 'explain', '--config', 'config.json', '--tokens', '1');
    expect(out).toMatch(/ {2}options\n {4}option +value\n {4}weights +renormalised: over their sum\n/);
    expect(out).toMatch(/\n {4}scale of the sum +3\n/);
    expect(out).toMatch(/\n {4}activation +silu, clamped at 7 after\n/);
    expect(out).toContain('the configuration names no quantised weights\n');
  });

  it('takes any number of layers, and refuses what is none', async () => {
    const text = { ...CONFIG.text_config, num_hidden_layers: 50_000, swiglu_limits: null };
    const config = { ...CONFIG, text_config: { ...text, swiglu_limits_shared: null, moe_layers_enum: null } };
    const huge = { ...config, text_config: { ...config.text_config, num_hidden_layers: 1e12 } };
    const cwd = folderWith({ 'config.json': config, 'huge.json': huge });
    const { out } = await moegen(cwd, 'explain', '--config', 'config.json', '--tokens', '1');
    expect(out).toMatch(/^step3p7: layers 50000, different MoE blocks 1, dense: 0-2\n/);
    const refused = await moegen(cwd, 'explain', '--config', 'huge.json');
    expect(refused).toMatchObject({ code: 2, out: '' });
    expect(refused.err).toMatch(/a model has at most 1000000 layers, got 1000000000000/);
  });
});

describe('moegen --spec', () => {
  it('writes the set of the block, and says in the manifest how it runs', async () => {
    const cwd = folderWith({ 'block.json': SPEC });
    const outcome = await moegen(cwd, '--spec', 'block.json', '--dtype', 'f32', '--no-compile');
    expect(outcome).toMatchObject({ code: 0, err: '' });
    const file = path.join(cwd, 'generated/block/manifest.json');
    const { kernels, model } = parseManifest(readFileSync(file, 'utf8'), file);
    expect(model).toMatchObject({ modelType: 'block', numLayers: 1, denseLayers: [] });
    const named = new Set(model?.groups.flatMap(({ runs }) => runs.flatMap((run) => run.kernels)));
    expect(new Set(kernels.map(({ name }) => name))).toEqual(named);
  });

  it.each<[string, object, RegExp]>([
    ['a key that is not known', { topk: 3 }, /unknown key "topk"; the nearest known one is "top_k"/],
    [
      'a key further in',
      { experts: { gateup: 'ungated' } },
      /block\.json: experts\.gateup\n {2}help: known here: gate_up/,
    ],
    ['a missing field', { router: undefined }, /router must be of type object, got nothing/],
    ['a missing kind', { router: { scoring: {} } }, /router\.scoring\.kind must be one of .+, got nothing/],
    [
      'a limit without a gate',
      { experts: { gate_up: 'ungated', glu: { kind: 'oai', limit: 7, alpha: 1 } } },
      /an expert without a gate takes glu kind "plain"/,
    ],
    [
      'groups that do not divide the experts',
      { num_zero_experts: 2 },
      /count must divide the number of experts \(9\)/,
    ],
  ])('refuses %s with 2, by name', async (_, change, text) => {
    const cwd = folderWith({ 'block.json': { ...SPEC, ...change } });
    const outcome = await moegen(cwd, '--spec', 'block.json');
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(text);
  });
});

describe('moegen validate', () => {
  it('runs the blocks of a model, with as many tokens as are asked for', async () => {
    const cwd = folderWith({ 'block.json': SPEC });
    const options = ['--spec', 'block.json', '--tokens', '5', '--dtype', 'f32', '--json'];
    const outcome = await moegenIn(process.env, cwd, 'validate', ...options);
    expect(outcome.code).toBe(0);
    expect(json(outcome)).toMatchObject({
      fixtures: [{ file: 'block, layer 0', dtype: 'f32', ok: true, identical: true, rows: 5 }],
      refused: [],
    });
  });

  it('runs the other fixtures where one is refused, and ends with 2', async () => {
    const files = ['mixtral_huge_values', 'olmoe'].map(fixturePath);
    const options = ['--fixture', ...files, '--dtype', 'f16', '--json'];
    const outcome = await moegenIn(process.env, freshFolder(), 'validate', ...options);
    expect(outcome.code).toBe(2);
    expect(outcome.err).toMatch(
      /^error\[validate\/beyond-f16\]: .+\n {2}--> \S+mixtral_huge_values\.safetensors\n/m,
    );
    expect(json(outcome)).toMatchObject({
      fixtures: [{ file: files[1], ok: true }],
      refused: [{ file: files[0], code: 'validate/beyond-f16' }],
    });
  });
});
