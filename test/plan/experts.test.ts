// What blocks ask of the expert kernels, as names, buffers and texts.

import { describe, expect, it } from 'vitest';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { GENERAL_GLU_VARIANTS, GLU_VARIANTS, gluVariant } from '../../generator/description/activations.js';
import type { MoeBlock } from '../../generator/description/block.js';
import type { GenerationSpec } from '../../generator/description/generation.js';
import { kernelTexts } from '../support/host-kernels.js';
import { EXPERT_BLOCKS } from './experts-blocks.js';

function plansOf(block: MoeBlock | null): KernelPlan[] {
  const spec: GenerationSpec = {
    activations: ['bf16'],
    weights: ['bf16'],
    bf16Storage: 'ushort',
    mslVersion: '3.0',
    block,
  };
  return planKernels(spec);
}

function blockNamed(name: string): MoeBlock {
  const block = EXPERT_BLOCKS[name];
  if (block === undefined) throw new Error(`no block ${name}`);
  return block;
}

function planOf(block: MoeBlock | null, family: string): KernelPlan {
  const plan = plansOf(block).find((candidate) => candidate.family === family);
  if (plan === undefined) throw new Error(`no ${family}`);
  return plan;
}

const bindingsOf = (plan: KernelPlan) => plan.bindings.map(({ name }) => name);

async function textOf(plan: KernelPlan): Promise<string> {
  return (await kernelTexts([plan])).textOf(plan).text;
}

describe('the gated units', () => {
  it('have one row each, under a name of its own', () => {
    const names = GLU_VARIANTS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(GENERAL_GLU_VARIANTS.map(({ name }) => name)).toEqual(['swiglu', 'geglu']);
  });

  it.each([
    ['oai', 'decode_gate_up', 'moe_swish(moe_at_most(gate, swiglu_limit), swiglu_alpha)'],
    [
      'separateTransposed',
      'decode_shared_gate_up',
      'moe_swish(moe_at_most(gate, shared_swiglu_limit), shared_swiglu_alpha)',
    ],
  ])('of the block %s take their limits from the constants of %s', async (block, family, value) => {
    expect(await textOf(planOf(blockNamed(block), family))).toContain(value);
  });

  it('refuse what an ungated expert cannot have', () => {
    expect(() => gluVariant({ kind: 'oai', limit: 7, alpha: 1 }, false)).toThrow(
      'no ungated unit of kind oai',
    );
  });
});

describe('the kernels of a block', () => {
  it.each([
    ['oai', 'decode_gate_up', 'moe_decode_gate_up_oai_interleaved_transposed_biased_bf16_bf16'],
    ['oai', 'decode_down', 'moe_decode_down_transposed_biased_bf16_bf16'],
    ['weightedInput', 'decode_gate_up', 'moe_decode_gate_up_swiglu_transposed_weighted_input_bf16_bf16'],
    ['weightedInput', 'combine', 'moe_combine_unweighted_bf16'],
    ['weightedRows', 'decode_down', 'moe_decode_down_biased_bf16_bf16'],
    ['weightedRows', 'decode_combine', 'moe_decode_combine_unweighted_bf16'],
    ['interleaved', 'skinny_gate_up', 'moe_skinny_gate_up_swiglu_clamp_before_interleaved_bf16_bf16'],
    ['latent', 'skinny_down', 'moe_skinny_down_latent_bf16_bf16'],
    ['latent', 'decode_gate_up', 'moe_decode_gate_up_relu2_ungated_latent_bf16_bf16'],
    ['latent', 'decode_latent_out', 'moe_decode_latent_out_biased_bf16_bf16'],
    ['separateTransposed', 'decode_shared_gate_up', 'moe_decode_shared_gate_up_oai_biased_bf16_bf16'],
    ['sigmoidGate', 'shared_sigmoid', 'moe_shared_sigmoid_bf16_bf16'],
  ])('say their variant in their names: %s, %s', (block, family, name) => {
    expect(planOf(blockNamed(block), family).name).toBe(name);
  });

  it('are those that it needs: one gate_up for each tile and intermediate, no shared expert where there is none', () => {
    const plans = plansOf(blockNamed('oai'));
    expect(plans.filter(({ family }) => family === 'gate_up')).toHaveLength(4);
    expect(plans.filter(({ family }) => /shared|latent/.test(family))).toEqual([]);
  });

  it('have the buffers of its layout', () => {
    expect(bindingsOf(planOf(blockNamed('weightedRows'), 'gate_up'))).toEqual([
      'hidden_states',
      'gate_weight',
      'gate_bias',
      'up_weight',
      'up_bias',
      'sorted_assignments',
      'tile_map',
      'topk_weights',
      'intermediate',
    ]);
    const [, weight] = planOf(blockNamed('oai'), 'gate_up').bindings;
    expect(weight?.shape).toEqual(['num_experts', 'hidden_size', '2 * intermediate_size']);
  });

  it('finish the output after the latent space', () => {
    const latent = blockNamed('latent');
    expect(bindingsOf(planOf(latent, 'combine'))).not.toContain('shared_output');
    expect(bindingsOf(planOf(latent, 'latent_out'))).toContain('shared_output');
    expect(planOf(latent, 'combine').bindings.find(({ name }) => name === 'routed_latent')?.element).toBe(
      'f32',
    );
  });

  it('hold nothing that the block does not have', async () => {
    const text = await textOf(planOf(blockNamed('oai'), 'combine'));
    expect(text).not.toMatch(/routed_scale|output_bias|shared|has_|hidden_states/);
    const shared = await textOf(planOf(blockNamed('sigmoidGate'), 'combine'));
    expect(shared).toContain('sum = fma(shared_sigmoid[token], shared_output[element], sum);');
  });
});

describe('the general kernels', () => {
  it('leave what may be added to the output to constants', () => {
    for (const family of ['combine', 'decode_combine']) {
      const { constants, bindings } = planOf(null, family);
      const names = constants.map(({ name }) => name);
      const conditions = bindings.flatMap(({ condition }) => (condition === undefined ? [] : [condition]));
      expect(new Set(conditions)).toEqual(
        new Set(['has_zero_experts', 'has_output_bias', 'has_shared_expert', 'has_shared_sigmoid']),
      );
      expect(names).toEqual(expect.arrayContaining([...conditions, 'routed_scale', 'output_scale']));
    }
  });

  it('make the factor of the shared output in a kernel of its own, for some tokens a threadgroup', () => {
    const { dispatch, rows } = planOf(null, 'shared_sigmoid');
    expect(dispatch.threadgroups).toEqual(['1', `ceil_div(num_tokens, ${rows?.maxRows ?? 0})`, '1']);
    // A limit of one simdgroup would let compilers drop its barriers.
    expect(dispatch.threadsPerThreadgroup).toEqual([64, 1, 1]);
  });

  it('need no skinny kernels of transposed matrices', () => {
    const families = (name: string) => new Set(plansOf(blockNamed(name)).map(({ family }) => family));
    expect(families('oai')).not.toContain('skinny_gate_up');
    expect(families('oai')).not.toContain('skinny_down');
    expect(families('sigmoidGate')).toContain('skinny_gate_up');
  });
});
