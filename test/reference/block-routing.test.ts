// Blocks whose routing no fixture shows in full, against formulas written out for each: more than one expert or group, other
// switches, biases and normalizations, experts without weights.

import { describe, test } from 'vitest';
import { expectFormula, H, I, logitsOf, routedSum, sharedMlp, stackedExpert } from './formula-case.js';
import {
  add,
  best,
  divided,
  onlyGroups,
  pick,
  rowsOf,
  scaled,
  sigmoid,
  silu,
  softmax,
  times,
  total,
  transpose,
} from './naive.js';

test('hunyuan_v1_moe with several experts, as many as its layer has', () => {
  const config = {
    model_type: 'hunyuan_v1_moe',
    intermediate_size: I,
    num_experts: [2, 7],
    moe_topk: [1, 3],
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p, 'gate.wg.weight'));
    const ids = best(probabilities, 3);
    const selected = pick(probabilities, ids);
    const weights = divided(selected, total(selected));
    return add(routedSum(ids, weights, stackedExpert(p, x)), sharedMlp(p, x, 'shared_mlp'));
  });
});

test('deepseek_v2 limited to groups', () => {
  const config = {
    model_type: 'deepseek_v2',
    moe_intermediate_size: I,
    n_routed_experts: 12,
    num_experts_per_tok: 4,
    n_shared_experts: 2,
    topk_method: 'group_limited_greedy',
    n_group: 4,
    topk_group: 2,
    routed_scaling_factor: 3.5,
    norm_topk_prob: true,
    mlp_bias: true,
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p));
    const kept = best(
      rowsOf(probabilities, 3).map((group) => Math.max(...group)),
      2,
    );
    const ids = best(onlyGroups(probabilities, kept, 3), 4);
    const weights = scaled(pick(probabilities, ids), 3.5);
    return add(
      routedSum(ids, weights, stackedExpert(p, x)),
      sharedMlp(p, x, 'shared_experts', { hasBias: true }),
    );
  });
});

describe.each([
  ['glm4_moe', {}],
  ['dots1', {}],
  ['exaone_moe', { num_experts: 12, num_shared_experts: 1 }],
  ['kimi_linear', { num_experts: 12, num_experts_per_token: 4, num_expert_group: 3, moe_renormalize: true }],
])('%s with groups', (type, keys) => {
  test.each([true, false])('normalizing: %s', (normalize) => {
    const config = {
      model_type: type,
      moe_intermediate_size: I,
      ...('num_experts' in keys ? {} : { n_routed_experts: 12, n_shared_experts: 1 }),
      num_experts_per_tok: 4,
      n_group: 3,
      topk_group: 2,
      routed_scaling_factor: 1.7,
      norm_topk_prob: normalize,
      ...keys,
      ...('moe_renormalize' in keys ? { moe_renormalize: normalize } : {}),
    };
    expectFormula(config, (x, p) => {
      const scores = logitsOf(x, p).map(sigmoid);
      const choice = add(scores, p.vector('gate.e_score_correction_bias'));
      const rating = rowsOf(choice, 4).map((group) => total(pick(group, best(group, 2))));
      const ids = best(onlyGroups(choice, best(rating, 2), 4), 4);
      const selected = pick(scores, ids);
      const weights = scaled(normalize ? divided(selected, total(selected)) : selected, 1.7);
      return add(routedSum(ids, weights, stackedExpert(p, x)), sharedMlp(p, x, 'shared_experts'));
    });
  });
});

describe('cohere2_moe with sigmoid', () => {
  test.each([
    ['sum', true],
    ['sum', false],
    ['average', true],
    ['average', false],
  ])('%s, normalizing: %s', (strategy, normalize) => {
    const config = {
      model_type: 'cohere2_moe',
      intermediate_size: I,
      num_experts: 6,
      num_experts_per_tok: 3,
      num_shared_experts: 2,
      expert_selection_fn: 'sigmoid',
      norm_topk_prob: normalize,
      shared_expert_combination_strategy: strategy,
    };
    expectFormula(config, (x, p) => {
      const ids = best(logitsOf(x, p), 3);
      const selected = pick(logitsOf(x, p), ids).map(sigmoid);
      const weights = normalize ? divided(selected, total(selected)) : selected;
      const sum = add(routedSum(ids, weights, stackedExpert(p, x)), sharedMlp(p, x, 'shared_experts'));
      return strategy === 'average' ? divided(sum, 2) : sum;
    });
  });
});

test('longcat_flash: experts without weights return the token', () => {
  const config = {
    model_type: 'longcat_flash',
    expert_ffn_hidden_size: I,
    n_routed_experts: 5,
    zero_expert_num: 4,
    moe_topk: 4,
    routed_scaling_factor: 6,
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p, 'router.classifier.weight'));
    const ids = best(add(probabilities, p.vector('router.e_score_correction_bias')), 4);
    const expert = stackedExpert(p, x);
    return routedSum(ids, scaled(pick(probabilities, ids), 6), (e) => (e < 5 ? expert(e) : x));
  });
});

test('768 experts, a third of them without weights', () => {
  const config = {
    model_type: 'longcat_flash',
    expert_ffn_hidden_size: 2,
    n_routed_experts: 512,
    zero_expert_num: 256,
    moe_topk: 12,
    routed_scaling_factor: 6,
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p, 'router.classifier.weight'));
    const ids = best(add(probabilities, p.vector('router.e_score_correction_bias')), 12);
    const expert = stackedExpert(p, x);
    return routedSum(ids, scaled(pick(probabilities, ids), 6), (e) => (e < 512 ? expert(e) : x));
  });
});

test('ernie4_5_moe with a floor above the sum, and biases', () => {
  const config = {
    model_type: 'ernie4_5_moe',
    moe_intermediate_size: I,
    moe_num_experts: 8,
    moe_k: 3,
    moe_num_shared_experts: 2,
    moe_norm_min: 0.9,
    use_bias: true,
  };
  expectFormula(config, (x, p) => {
    const probabilities = softmax(logitsOf(x, p));
    const ids = best(add(probabilities, p.vector('gate.moe_statics.e_score_correction_bias')), 3);
    const selected = pick(probabilities, ids);
    const weights = divided(selected, Math.max(total(selected), 0.9));
    return add(
      routedSum(ids, weights, stackedExpert(p, x)),
      sharedMlp(p, x, 'shared_experts', { hasBias: true }),
    );
  });
});

describe('lfm2_moe', () => {
  test.each([true, false])('with and without its switches: %s', (isOn) => {
    const config = {
      model_type: 'lfm2_moe',
      hidden_act: 'relu',
      moe_intermediate_size: I,
      num_experts: 6,
      num_experts_per_tok: 2,
      use_expert_bias: isOn,
      norm_topk_prob: isOn,
      routed_scaling_factor: 0.5,
    };
    expectFormula(config, (x, p) => {
      const scores = logitsOf(x, p).map(sigmoid);
      const ids = best(isOn ? add(scores, p.vector('expert_bias')) : scores, 2);
      const selected = pick(scores, ids);
      const weights = scaled(isOn ? divided(selected, total(selected) + 1e-6) : selected, 0.5);
      return routedSum(ids, weights, stackedExpert(p, x));
    });
  });
});

describe('dbrx', () => {
  test.each([1, 2, null])('norm of the weights: %s', (norm) => {
    const config = {
      model_type: 'dbrx',
      d_model: H,
      ffn_config: {
        ffn_hidden_size: I,
        moe_num_experts: 4,
        moe_top_k: 2,
        moe_normalize_expert_weights: norm,
      },
    };
    expectFormula(config, (x, p) => {
      const rows = (name: string, e: number) => p.matrix(`experts.mlp.${name}`).slice(e * I, (e + 1) * I);
      const probabilities = softmax(logitsOf(x, p, 'router.layer.weight'));
      const ids = best(probabilities, 2);
      const selected = pick(probabilities, ids);
      const length = norm === 2 ? Math.hypot(...selected) : total(selected);
      return routedSum(ids, norm === null ? selected : divided(selected, length), (e) => {
        const up = times(rows('v1', e), x);
        const hidden = times(rows('w1', e), x).map((gate, i) => silu(gate) * (up[i] ?? NaN));
        return times(transpose(rows('w2', e)), hidden);
      });
    });
  });
});
