import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { renderKernel } from '../../generator/emit/render.js';
import { blockConstants } from '../../generator/plan/constants.js';
import { routerPlans } from '../../generator/plan/families/router.js';
import { assertPlan } from '../../generator/plan/limits.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { BlockTraitsInput, MoeBlock } from '../../generator/description/block.js';
import { checkBlock } from '../../generator/description/check-block.js';
import type { GenerationSpec } from '../../generator/description/generation.js';
import { ROUTER_VARIANTS, routerVariant, variantNamed } from '../../generator/description/routers.js';

const GENERAL: GenerationSpec = {
  activations: ['f16', 'bf16', 'f32'],
  weights: ['f16', 'bf16', 'f32'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
  block: null,
};

const environment = createEnvironment('templates');

function textOf(plan: KernelPlan): string {
  return renderKernel(environment, toContext(plan));
}

function blockWith(router: BlockTraitsInput['router'], sizes: Partial<BlockTraitsInput> = {}): MoeBlock {
  const traits = { hiddenSize: 64, intermediateSize: 32, numExperts: 60, topK: 8, ...sizes, router };
  return checkBlock(traits, 'test');
}

/** The kernels for one block, in one dtype. */
function plansFor(block: MoeBlock): KernelPlan[] {
  return routerPlans({ ...GENERAL, activations: ['bf16'], weights: ['bf16'], block });
}

function planOf(plans: readonly KernelPlan[], family: string): KernelPlan {
  const plan = plans.find((candidate) => candidate.family === family);
  if (plan === undefined) throw new Error(`no ${family}`);
  return plan;
}

const GROUPS = { count: 6, keep: 2 };
const TABLE = { kind: 'token_table', vocabSize: 100 } as const;

describe('routerVariant', () => {
  it.each<[string, BlockTraitsInput['router']]>([
    ['softmax', { scoring: { kind: 'softmax' } }],
    ['softmax', { scoring: { kind: 'softmax' }, selectionBias: true, scale: 6 }],
    ['softmax', { scoring: { kind: 'softmax' }, normalize: { kind: 'sum', epsilon: 0.5 } }],
    ['softmax_floor', { scoring: { kind: 'softmax' }, normalize: { kind: 'floor', floor: 0.5 } }],
    ['softmax_p_norm', { scoring: { kind: 'softmax' }, normalize: { kind: 'p_norm', p: 2 } }],
    ['softmax_max_groups', { scoring: { kind: 'softmax' }, groups: { ...GROUPS, score: 'max' } }],
    ['sigmoid_top2_groups', { scoring: { kind: 'sigmoid' }, groups: { ...GROUPS, score: 'top2_sum' } }],
    ['sqrtsoftplus_table', { scoring: { kind: 'sqrtsoftplus' }, selection: TABLE }],
    ['raw', { scoring: { kind: 'raw' }, logitBias: true }],
    ['topk_softmax', { scoring: { kind: 'raw' }, post: 'softmax' }],
    [
      'topk_softmax_sum',
      { scoring: { kind: 'raw' }, post: 'softmax', normalize: { kind: 'sum', epsilon: 0 } },
    ],
    ['topk_sigmoid', { scoring: { kind: 'raw' }, post: 'sigmoid', normalize: { kind: 'sum', epsilon: 0 } }],
  ])('calls it %s', (name, router) => {
    const variant = routerVariant(blockWith(router).router);
    expect(variant.name).toBe(name);
    expect(variantNamed(name)).toEqual(variant);
  });

  it('knows sparsemixer, which picks twice', () => {
    const block = blockWith({ scoring: { kind: 'sparsemixer', epsilon: 0.01 } }, { topK: 2 });
    expect(routerVariant(block.router).name).toBe('sparsemixer');
  });
});

describe('the general set', () => {
  const plans = routerPlans(GENERAL);

  it('selects in every variant, from logits of every activation with every weight', () => {
    const of = (family: string) => plans.filter((plan) => plan.family === family).map(({ axes }) => axes);
    const scorings = of('router_select').map(({ scoring }) => scoring);
    expect(new Set(scorings)).toEqual(new Set(ROUTER_VARIANTS.map(({ name }) => name)));
    expect(scorings).toHaveLength(ROUTER_VARIANTS.length);
    for (const family of ['router_logits', 'batched_router_logits']) {
      const pairs = of(family).map(({ activation, weight }) => `${activation ?? ''} ${weight ?? ''}`);
      expect(new Set(pairs).size, family).toBe(9);
    }
    expect(plans).toHaveLength(ROUTER_VARIANTS.length + 2 * 9);
  });

  it.each(plans.map((plan) => [plan.name, plan] as const))('%s uses what it declares', (_, plan) => {
    assertPlan(plan);
    const text = textOf(plan);
    for (const { name } of [...plan.constants, ...plan.bindings]) {
      const uses = text.match(new RegExp(`^(?!//).*\\b${name}\\b`, 'gm')) ?? [];
      expect(uses.length, name).toBeGreaterThan(1);
    }
    const conditions = plan.bindings.flatMap(({ condition }) => condition ?? []);
    expect(plan.constants.map(({ name }) => name)).toEqual(expect.arrayContaining(conditions));
  });
});

describe('the kernels of one block', () => {
  const grouped = blockWith({
    scoring: { kind: 'sigmoid' },
    selectionBias: true,
    groups: { ...GROUPS, score: 'top2_sum' },
    normalize: { kind: 'sum', epsilon: 1e-20 },
    scale: 2.5,
  });

  it('have its constants baked in', () => {
    const { constants } = planOf(plansFor(grouped), 'router_select');
    expect(Object.fromEntries(constants.map(({ name, value }) => [name, value]))).toEqual({
      num_experts: 60,
      top_k: 8,
      num_groups: 6,
      top_groups: 2,
      norm_epsilon: 1e-20,
      weight_scale: 2.5,
    });
  });

  it('read its biases without a condition', () => {
    const { bindings } = planOf(plansFor(grouped), 'router_select');
    expect(bindings.map(({ name, condition }) => [name, condition])).toEqual([
      ['logits', undefined],
      ['selection_bias', undefined],
      ['topk_ids', undefined],
      ['topk_weights', undefined],
      ['num_tokens', undefined],
    ]);
    const biased = blockWith({ scoring: { kind: 'raw' }, logitBias: true });
    const logits = planOf(plansFor(biased), 'router_logits').bindings;
    expect(logits.map(({ name, condition }) => [name, condition])).toEqual([
      ['hidden_states', undefined],
      ['router_weight', undefined],
      ['router_bias', undefined],
      ['logits', undefined],
      ['num_tokens', undefined],
    ]);
  });

  it('leave out what it does not have', () => {
    const plain = plansFor(
      blockWith({ scoring: { kind: 'softmax' }, normalize: { kind: 'sum', epsilon: 0 } }),
    );
    expect(plain.map(({ name }) => name)).toEqual([
      'moe_router_logits_bf16_bf16',
      'moe_batched_router_logits_bf16_bf16',
      'moe_router_select_softmax',
    ]);
    for (const plan of plain) {
      const text = textOf(plan).replace('the weights, without a scale.', '');
      expect(text).not.toMatch(
        /function_constant|bias|choices|epsilon|scale|group_size|zero_experts|num_scored/,
      );
    }
  });

  it('score experts without weights like the others', () => {
    const plans = plansFor(blockWith({ scoring: { kind: 'softmax' } }, { numZeroExperts: 30 }));
    for (const plan of plans) {
      const text = textOf(plan);
      expect(text).toContain('constant uint num_scored = num_experts + num_zero_experts;');
      expect(text).toContain('constant uint num_zero_experts = 30;');
    }
    expect(planOf(plans, 'router_select').bindings[0]?.shape).toEqual([
      'num_tokens',
      'num_experts + num_zero_experts',
    ]);
  });

  it('hold their experts in threadgroup memory, and no more', () => {
    expect(planOf(plansFor(grouped), 'router_select').threadgroupBytes).toBe(2 * 2 * 60 * 4);
  });

  it.each<[string, MoeBlock]>([
    [
      'a router selects from at most 32 groups, got 40',
      blockWith(
        { scoring: { kind: 'sigmoid' }, groups: { count: 40, keep: 20, score: 'max' } },
        { numExperts: 80 },
      ),
    ],
    [
      'a router selects from at most 1024 experts, got 1100',
      blockWith({ scoring: { kind: 'softmax' } }, { numExperts: 1000, numZeroExperts: 100 }),
    ],
  ])('are refused by name: %s', (message, block) => {
    expect(() => plansFor(block)).toThrow(message);
  });
});

describe('blockConstants', () => {
  it('gives what a router does not have the value that changes nothing', () => {
    expect(blockConstants(blockWith({ scoring: { kind: 'raw' } }))).toMatchObject({
      num_zero_experts: 0,
      norm_topk_prob: false,
      has_router_bias: false,
      has_selection_bias: false,
      num_groups: 1,
      top_groups: 1,
      norm_epsilon: 0,
      weight_scale: 1,
    });
  });
});
