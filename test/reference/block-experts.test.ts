// Blocks whose experts no fixture shows in full, against formulas written out for each: limits that bite, biases, a latent
// space, layouts and shared experts that only some models have.

import { describe, test } from 'vitest';
import {
  expectFormula,
  H,
  I,
  logitsOf,
  NUM_TOKENS,
  packedMlp,
  routedSum,
  sharedMlp,
  stackedExpert,
  type Formula,
  type Join,
  type Parameters,
} from './formula-case.js';
import {
  add,
  best,
  clamp,
  divided,
  dot,
  pick,
  relu,
  rowsOf,
  scaled,
  sigmoid,
  silu,
  softmax,
  times,
  total,
  transpose,
  type Matrix,
  type Vector,
} from './naive.js';

describe('deepseek_v4', () => {
  const config = {
    model_type: 'deepseek_v4',
    moe_intermediate_size: I,
    n_routed_experts: 8,
    num_experts_per_tok: 3,
    mlp_layer_types: ['hash_moe', 'moe'],
    vocab_size: NUM_TOKENS,
    swiglu_limit: 0.25,
    routed_scaling_factor: 1.5,
  };
  const join: Join = (gate, up) => silu(Math.min(gate, 0.25)) * clamp(up, 0.25);
  const scores = (x: Vector, p: Parameters) =>
    logitsOf(x, p).map((logit) => Math.sqrt(Math.log(1 + Math.exp(logit))));
  const finish = (x: Vector, p: Parameters, ids: readonly number[], hasBias = false) => {
    const selected = pick(scores(x, p), ids);
    const weights = scaled(divided(selected, total(selected)), 1.5);
    return add(
      routedSum(ids, weights, stackedExpert(p, x, join)),
      sharedMlp(p, x, 'shared_experts', { join, hasBias }),
    );
  };

  test('a layer that selects by scores, with limits that bite', () => {
    expectFormula(config, (x, p) =>
      finish(x, p, best(add(scores(x, p), p.vector('gate.e_score_correction_bias')), 3)),
    );
  });

  test('a layer that selects by token, from a table with repeated experts', () => {
    const table = Array.from({ length: NUM_TOKENS }, (_, id) => [id % 8, (3 * id + 1) % 8, id % 8]);
    expectFormula(config, (x, p, token) => finish(x, p, table[token] ?? []), {
      layer: 0,
      table: table.flat(),
    });
  });

  test('biases of the shared expert', () => {
    expectFormula({ ...config, mlp_bias: true }, (x, p) =>
      finish(x, p, best(add(scores(x, p), p.vector('gate.e_score_correction_bias')), 3), true),
    );
  });
});

describe('step3p7', () => {
  const config = {
    model_type: 'step3p5',
    moe_intermediate_size: I,
    n_routed_experts: 6,
    num_experts_per_tok: 2,
    share_expert_dim: 14,
    moe_router_scaling_factor: 3,
    swiglu_limits: [0, 0.125, 0.125],
    swiglu_limits_shared: [0.25, 0.0625, null],
  };
  const limited =
    (limit: number): Join =>
    (gate, up) =>
      Math.min(silu(gate), limit) * clamp(up, limit);
  const whole = (x: Vector, p: Parameters, routed: Join, shared: Join, hasBias = false) => {
    const scores = logitsOf(x, p).map(sigmoid);
    const ids = best(add(scores, p.vector('gate.e_score_correction_bias')), 2);
    const selected = pick(scores, ids);
    const sum = routedSum(ids, divided(selected, total(selected)), stackedExpert(p, x, routed));
    return add(scaled(sum, 3), sharedMlp(p, x, 'shared_experts', { join: shared, hasBias }));
  };

  test('limits of both kinds of expert', () => {
    expectFormula(config, (x, p) => whole(x, p, limited(0.125), limited(0.0625)));
  });

  test('0 and null are no limits', () => {
    expectFormula(config, (x, p) => whole(x, p, limited(Infinity), limited(0.25)), { layer: 0 });
    expectFormula(config, (x, p) => whole(x, p, limited(0.125), limited(Infinity)), { layer: 2 });
  });

  test('biases of the shared expert', () => {
    expectFormula({ ...config, mlp_bias: true }, (x, p) =>
      whole(x, p, limited(0.125), limited(0.0625), true),
    );
  });
});

test('minimax_m3_vl with limits that bite', () => {
  const config = {
    model_type: 'minimax_m3_vl_text',
    hidden_act: 'gelu',
    intermediate_size: I,
    num_local_experts: 6,
    num_experts_per_tok: 2,
    shared_intermediate_size: 7,
    routed_scaling_factor: 2,
    swiglu_alpha: 1.25,
    swiglu_limit: 0.5,
  };
  const join: Join = (gate, up) => {
    const g = Math.min(gate, 0.5);
    return (clamp(up, 0.5) + 1) * g * sigmoid(1.25 * g);
  };
  expectFormula(config, (x, p) => {
    const scores = logitsOf(x, p).map(sigmoid);
    const ids = best(add(scores, p.vector('gate.e_score_correction_bias')), 2);
    const selected = pick(scores, ids);
    const sum = routedSum(ids, divided(selected, total(selected)), stackedExpert(p, x, join));
    const shared = ['gate_up', 'down'].map((name) => p.matrix(`shared_experts.${name}_proj.weight`)) as [
      Matrix,
      Matrix,
    ];
    return add(scaled(sum, 2), packedMlp(...shared, x, join));
  });
});

test('gpt_oss with limits that bite and all its biases', () => {
  const config = {
    model_type: 'gpt_oss',
    intermediate_size: I,
    num_local_experts: 6,
    num_experts_per_tok: 3,
  };
  const join: Join = (gate, up) => {
    const g = Math.min(gate, 7);
    return (clamp(up, 7) + 1) * g * sigmoid(1.702 * g);
  };
  const formula: Formula = (x, p) => {
    const raw = add(logitsOf(x, p, 'router.weight'), p.vector('router.bias'));
    const ids = best(raw, 3);
    return routedSum(ids, softmax(pick(raw, ids)), (e) => {
      const bias = (name: string) => p.matrix(`experts.${name}_proj_bias`)[e] ?? [];
      const inner = add(times(transpose(p.part('experts.gate_up_proj', e)), x), bias('gate_up'));
      const hidden = rowsOf(inner, 2).map(([gate = NaN, up = NaN]) => join(gate, up));
      return add(times(transpose(p.part('experts.down_proj', e)), hidden), bias('down'));
    });
  };
  expectFormula(config, formula, { scale: 4 });
});

test('nemotron_h in a latent space, with biases', () => {
  const config = {
    model_type: 'nemotron_h',
    moe_intermediate_size: I,
    n_routed_experts: 6,
    num_experts_per_tok: 2,
    moe_shared_expert_intermediate_size: 9,
    moe_latent_size: 5,
    mlp_hidden_act: 'relu2',
    mlp_bias: true,
    routed_scaling_factor: 1.25,
  };
  expectFormula(config, (x, p) => {
    const affine = (name: string, input: Vector) =>
      add(times(p.matrix(`${name}.weight`), input), p.vector(`${name}.bias`));
    const squared = (values: Vector) => values.map((value) => relu(value) ** 2);
    const scores = logitsOf(x, p).map(sigmoid);
    const ids = best(add(scores, p.vector('gate.e_score_correction_bias')), 2);
    const selected = pick(scores, ids);
    const weights = scaled(divided(selected, total(selected)), 1.25);
    const small = affine('fc1_latent_proj', x);
    const expert = (e: number) =>
      times(p.part('experts.down_proj', e), squared(times(p.part('experts.up_proj', e), small)));
    const routed = affine('fc2_latent_proj', routedSum(ids, weights, expert, 5));
    return add(routed, affine('shared_experts.down_proj', squared(affine('shared_experts.up_proj', x))));
  });
});

test('llama4 with two experts per token', () => {
  const config = {
    model_type: 'llama4_text',
    intermediate_size: I,
    num_local_experts: 4,
    num_experts_per_tok: 2,
  };
  expectFormula(config, (x, p) => {
    const raw = logitsOf(x, p, 'router.weight');
    const outputs = best(raw, 2).map((e) => {
      const gateUp = transpose(p.part('experts.gate_up_proj', e));
      const down = transpose(p.part('experts.down_proj', e));
      return packedMlp(gateUp, down, scaled(x, sigmoid(raw[e] ?? NaN)));
    });
    return outputs.reduce(add, sharedMlp(p, x, 'shared_expert'));
  });
});

test('jetmoe adds its bias once, with another activation', () => {
  const config = {
    model_type: 'jetmoe',
    intermediate_size: I,
    num_local_experts: 4,
    num_experts_per_tok: 2,
    activation_function: 'relu',
  };
  expectFormula(config, (x, p) => {
    const raw = logitsOf(x, p, 'router.layer.weight');
    const ids = best(raw, 2);
    const expert = (e: number) =>
      packedMlp(
        p.part('input_linear.weight', e),
        p.part('output_linear.weight', e),
        x,
        (gate, up) => relu(gate) * up,
      );
    return add(routedSum(ids, softmax(pick(raw, ids)), expert), p.vector('bias'));
  });
});

test('qwen3_5_moe: a shared expert of its own width behind a sigmoid', () => {
  const config = {
    model_type: 'qwen3_5_moe_text',
    moe_intermediate_size: I,
    num_experts: 6,
    num_experts_per_tok: 2,
    shared_expert_intermediate_size: 15,
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p));
    const ids = best(probabilities, 2);
    const selected = pick(probabilities, ids);
    const gate = sigmoid(dot(p.vector('shared_expert_gate.weight'), x));
    const routed = routedSum(ids, divided(selected, total(selected)), stackedExpert(p, x));
    return add(routed, scaled(sharedMlp(p, x, 'shared_expert'), gate));
  });
});

test('nllb_moe whose experts cannot overflow', () => {
  const config = {
    model_type: 'nllb_moe',
    d_model: H,
    encoder_layers: 4,
    decoder_layers: 4,
    encoder_ffn_dim: I,
    decoder_ffn_dim: 3,
    num_experts: 4,
    router_bias: true,
    moe_token_dropout: 0.25,
  };
  expectFormula(config, (x, p) => {
    const raw = add(logitsOf(x, p, 'router.classifier.weight'), p.vector('router.classifier.bias'));
    const probabilities = softmax(raw);
    const ids = best(probabilities, 2);
    const selected = pick(probabilities, ids);
    return routedSum(ids, scaled(divided(selected, total(selected)), 0.75), (e) => {
      const layer = (name: string, input: Vector) =>
        add(
          times(p.matrix(`experts.expert_${e}.${name}.weight`), input),
          p.vector(`experts.expert_${e}.${name}.bias`),
        );
      return layer('fc2', layer('fc1', x).map(relu));
    });
  });
});
