// Options that no recorded block has, each against the formula that its makers or their readers give: norms, SiTU, capped and tempered
// logits, factors of experts, marked tokens, a router's own input, and ways to add the shared expert.

import { expect, test } from 'vitest';
import { rmsNorm } from '../../generator/reference/norm.js';
import { readBlockSpec } from '../../generator/description/read-spec.js';
import {
  expectBlockFormula,
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
} from './formula-case.js';
import {
  add,
  best,
  capped,
  clamp,
  divided,
  flat,
  normed,
  pick,
  relu,
  rowsOf,
  scaled,
  sigmoid,
  silu,
  softmax,
  sumOf,
  times,
  total,
  type Vector,
} from './naive.js';

const EXPERTS = { num_experts: 8, num_experts_per_tok: 3, moe_intermediate_size: I };
const LAYERS = { num_hidden_layers: 2 };

function chosen(scores: Vector, choice: Vector = scores) {
  const ids = best(choice, 3);
  const picked = pick(scores, ids);
  return { ids, picked, normalized: divided(picked, total(picked)) };
}

test('gemma4: norms before and behind both branches, a scaled router, factors of experts', () => {
  const formula: Formula = (x, p) => {
    const own = (name: string, values: Vector) => normed(values, p.vector(name), 1e-6);
    const routerX = scaled(own('router.scale', x), H ** -0.5);
    const { ids, normalized } = chosen(softmax(logitsOf(routerX, p, 'router.proj.weight')));
    const factors = pick(p.vector('router.per_expert_scale'), ids);
    const weights = normalized.map((weight, slot) => weight * (factors[slot] ?? NaN));
    const experts = stackedExpert(p, own('pre_feedforward_layernorm_2.weight', x));
    const routed = own('post_feedforward_layernorm_2.weight', routedSum(ids, weights, experts));
    const dense = sharedMlp(p, own('pre_feedforward_layernorm.weight', x), 'mlp');
    return add(routed, own('post_feedforward_layernorm_1.weight', dense));
  };
  const config = { model_type: 'gemma4', ...LAYERS, ...EXPERTS, intermediate_size: 14, top_k_experts: 3 };
  expectFormula({ ...config, hidden_activation: 'silu', enable_moe_block: true }, formula);
});

test('kimi_k3: experts in a latent space with a norm, SiTU', () => {
  const situ: Join = (gate, up) => capped(gate, 0.25) * sigmoid(gate) * capped(up, 0.5);
  const formula: Formula = (x, p) => {
    const scores = logitsOf(x, p).map(sigmoid);
    const { ids, normalized } = chosen(scores, add(scores, p.vector('gate.e_score_correction_bias')));
    const latent = times(p.matrix('routed_expert_down_proj.weight'), x);
    const sum = routedSum(ids, scaled(normalized, 1.5), stackedExpert(p, latent, situ), 9);
    const normedSum = normed(sum, p.vector('routed_expert_norm.weight'), 0.01);
    return add(
      times(p.matrix('routed_expert_up_proj.weight'), normedSum),
      sharedMlp(p, x, 'shared_experts', { join: situ }),
    );
  };
  const config = { model_type: 'kimi_k3', ...EXPERTS, num_shared_experts: 2, routed_expert_hidden_size: 9 };
  expectFormula(
    {
      ...{ ...config, hidden_act: 'situ', activation_situ_beta: 0.25, activation_situ_linear_beta: 0.5 },
      ...{ latent_moe_use_norm: true, rms_norm_eps: 0.01, routed_scaling_factor: 1.5 },
    },
    formula,
  );
});

test('deepseek_v41: a temperature, another bias for marked tokens', () => {
  const marks = Array.from({ length: NUM_TOKENS }, (_, token) => token % 2);
  const join: Join = (gate, up) => silu(Math.min(gate, 0.25)) * clamp(up, 0.25);
  const formula: Formula = (x, p, token) => {
    const scores = divided(logitsOf(x, p), 2).map((logit) => Math.sqrt(Math.log(1 + Math.exp(logit))));
    const bias = marks[token] === 1 ? 'gate.bias_vl' : 'gate.e_score_correction_bias';
    const { ids, normalized } = chosen(scores, add(scores, p.vector(bias)));
    return add(
      routedSum(ids, scaled(normalized, 1.5), stackedExpert(p, x, join)),
      sharedMlp(p, x, 'shared_experts', { join }),
    );
  };
  const config = { model_type: 'deepseek_v41', ...EXPERTS, n_routed_experts: 8, n_shared_experts: 1 };
  const values = { gate_temp: 2, swiglu_limit: 0.25, routed_scaling_factor: 1.5, vision_config: {} };
  expectFormula({ ...config, ...values }, formula, { marks });
});

test('deepseek_v41: a single weight is not renormalised', () => {
  const formula: Formula = (x, p) => {
    const scores = logitsOf(x, p).map(sigmoid);
    const ids = best(add(scores, p.vector('gate.e_score_correction_bias')), 1);
    return routedSum(ids, pick(scores, ids), stackedExpert(p, x));
  };
  const config = { model_type: 'deepseek_v41', ...EXPERTS, n_routed_experts: 8, num_experts_per_tok: 1 };
  expectFormula({ ...config, n_shared_experts: 0, scoring_func: 'sigmoid', swiglu_limit: 0 }, formula);
});

test('laguna: logits below a cap', () => {
  const formula: Formula = (x, p) => {
    const scores = logitsOf(x, p).map((logit) => sigmoid(capped(logit, 0.5)));
    const { ids, normalized } = chosen(scores, add(scores, p.vector('gate.e_score_correction_bias')));
    return add(
      scaled(routedSum(ids, normalized, stackedExpert(p, x)), 2.5),
      sharedMlp(p, x, 'shared_experts'),
    );
  };
  const config = { model_type: 'laguna', ...EXPERTS, shared_expert_intermediate_size: 14 };
  expectFormula({ ...config, moe_router_logit_softcapping: 0.5, moe_routed_scaling_factor: 2.5 }, formula);
});

test('grok: capped before the softmax, both branches over the square root of two', () => {
  const formula: Formula = (x, p) => {
    const logits = logitsOf(x, p, 'block_sparse_moe.gate.weight');
    const { ids, picked } = chosen(softmax(logits.map((logit) => capped(logit, 0.75))));
    const expert = (e: number) => {
      const matrix = (name: string) => p.matrix(`block_sparse_moe.experts.${e}.${name}.weight`);
      const up = times(matrix('w3'), x);
      return times(
        matrix('w2'),
        times(matrix('w1'), x).map((gate, i) => silu(gate) * (up[i] ?? NaN)),
      );
    };
    return divided(add(routedSum(ids, picked, expert), sharedMlp(p, x, 'mlp')), Math.sqrt(2));
  };
  const config = { model_type: 'grok', ...EXPERTS, num_local_experts: 8, intermediate_size: 14 };
  expectFormula({ ...config, residual_moe: true, router_logit_softcapping: 0.75 }, formula);
});

test('klear: both branches weighted by a softmax', () => {
  const formula: Formula = (x, p) => {
    const scores = logitsOf(x, p).map(sigmoid);
    const { ids, normalized } = chosen(scores, add(scores, p.vector('expert_bias')));
    const mix = softmax(add(times(p.matrix('coefficient.weight'), x), p.vector('coefficient.bias')));
    return add(
      scaled(routedSum(ids, normalized, stackedExpert(p, x)), mix[0] ?? NaN),
      scaled(sharedMlp(p, x, 'shared_experts'), mix[1] ?? NaN),
    );
  };
  expectFormula({ model_type: 'klear', ...EXPERTS, n_shared_experts: 1 }, formula);
});

test('smallthinker: a router that sees other states', () => {
  const routerX = rowsOf(flat('router_x', { shape: [NUM_TOKENS, H], scale: 2 }), H);
  const formula: Formula = (x, p, token) => {
    const { ids, picked } = chosen(logitsOf(routerX[token] ?? [], p, 'primary_router.weight'));
    const weights = picked.map(sigmoid);
    const expert = (e: number) => {
      const matrix = (name: string) => p.matrix(`experts.${e}.${name}.weight`);
      const up = times(matrix('up'), x);
      return times(
        matrix('down'),
        times(matrix('gate'), x).map((gate, i) => relu(gate) * (up[i] ?? NaN)),
      );
    };
    return routedSum(ids, divided(weights, total(weights)), expert);
  };
  const sizes = { moe_num_primary_experts: 8, moe_num_active_primary_experts: 3, moe_ffn_hidden_size: I };
  expectFormula({ model_type: 'smallthinker', ...sizes, hidden_act: 'relu' }, formula, { routerX });
});

test('grove_moe: two neighbours share an adjugate expert, under the weights of both', () => {
  const formula: Formula = (x, p) => {
    const { ids, normalized } = chosen(softmax(logitsOf(x, p)));
    const routed = routedSum(ids, normalized, (e) => sharedMlp(p, x, `experts.${e}`));
    const adjugates = routedSum(ids, normalized, (e) =>
      sharedMlp(p, x, `chunk_experts.${Math.floor(e / 2)}`),
    );
    return add(routed, scaled(adjugates, 0.05));
  };
  expectFormula(
    { model_type: 'grove_moe', ...EXPERTS, ...LAYERS, parallel_expert_intermediate_size: 5 },
    formula,
  );
});

test('an adjugate expert of three neighbours gets the weighted input, its output another factor', () => {
  const formula: Formula = (x, p) => {
    const { ids, picked } = chosen(softmax(logitsOf(x, p)));
    const own = (e: number, slot: number) => {
      const input = scaled(x, picked[slot] ?? NaN);
      const adjugate = packedMlp(
        p.part('adjugate_gate_up', Math.floor(e / 3)),
        p.part('adjugate_down', Math.floor(e / 3)),
        input,
      );
      return add(stackedExpert(p, input)(e), scaled(adjugate, -0.75));
    };
    return sumOf(ids.map(own), H);
  };
  const block = {
    ...{
      hidden_size: H,
      intermediate_size: I,
      num_experts: 9,
      top_k: 3,
      router: { scoring: { kind: 'softmax' } },
    },
    experts: { weight_on: 'input' },
    adjugate: { experts_per_group: 3, intermediate_size: 5, layout: 'packed', scale: -0.75 },
    tensors: {
      router: { name: 'gate.weight' },
      expert_gate_up: { name: 'experts.gate_up_proj' },
      expert_down: { name: 'experts.down_proj' },
    },
  };
  expectBlockFormula(readBlockSpec(JSON.stringify(block), 'case'), formula);
});

test('a row of zeros has a norm of zeros', () => {
  expect([...rmsNorm(new Float64Array(4), Float64Array.of(1, 2), { epsilon: 1e-6 })]).toEqual([0, 0, 0, 0]);
});
