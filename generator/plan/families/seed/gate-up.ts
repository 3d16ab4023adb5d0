// The drop-in gate and up kernels of the shared expert: both products in one pass over the activations, ending in SwiGLU.

import { gluVariant } from '../../../spec/activations.js';
import type { GenerationSpec } from '../../../spec/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import { accessorTerms } from '../../storage.js';
import { tileBytes, tileTerms, tileThreads } from '../../tiles.js';
import type { KernelPlan } from '../../types.js';
import { activationTerms } from '../shared.js';
import { grid, seedPlan, seedPlans, type SeedContext } from './common.js';
import { SHARED_EXPERT_FILE } from './mixture-buffers.js';
import { EXPERT_TILE } from './mixture-form.js';

const SWIGLU = gluVariant({ kind: 'plain', activation: 'silu' }, true);

export function seedGateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return seedPlans(spec, (context) => [gateUpPlan(context, true), gateUpPlan(context, false)]);
}

function gateUpPlan(context: SeedContext, isFp4: boolean): KernelPlan {
  const { dtype, storage, spec } = context;
  const columns = '2 * intermediate_size';
  const note = 'columns of gate, then columns of up';
  const weights = isFp4
    ? [
        buffer('gate_up_weight', 'u32', ['ceil_div(hidden_size, 8)', columns], {
          note: `FP4, eight terms to a word, ${note}`,
        }),
        buffer('gate_up_scales', 'f16', ['ceil_div(hidden_size, group_size)', columns]),
      ]
    : [buffer('gate_up_weight', dtype, ['hidden_size', columns], { note })];
  return seedPlan(
    context,
    SHARED_EXPERT_FILE,
    isFp4 ? 'shared_expert_gate_up_fused' : 'shared_expert_gate_up_fused_fp16',
    {
      family: 'seed_gate_up',
      template: 'seed/gate_up',
      summary: `Gate and up projections of a shared expert with ${isFp4 ? 'FP4' : 'dense'} weights, SwiGLU, ${dtype}`,
      bindings: bindings(
        buffer('hidden_states', dtype, ['num_tokens', 'hidden_size']),
        ...weights,
        buffer('output', dtype, ['num_tokens', 'intermediate_size'], { access: 'write' }),
        argument('num_tokens'),
        argument('hidden_size'),
        argument('intermediate_size'),
        ...(isFp4 ? [argument('group_size')] : []),
      ),
      dispatch: grid(
        tileThreads(EXPERT_TILE),
        `ceil_div(intermediate_size, ${EXPERT_TILE.blockN})`,
        `ceil_div(num_tokens, ${EXPERT_TILE.blockM})`,
      ),
      threadgroupBytes: tileBytes(EXPERT_TILE, 2),
      terms: {
        tile: tileTerms(EXPERT_TILE),
        operands: [{ name: 'gate' }, { name: 'up' }],
        input: { name: 'hidden_states', load4: storage.load4 },
        weight: isFp4
          ? { isFp4, load4: '', gateScales: 'gate_up_scales', upScales: 'gate_up_scales + intermediate_size' }
          : { isFp4, load4: storage.load4, gateScales: '', upScales: '' },
        store: storage.store,
        activation: activationTerms(SWIGLU),
        accessors: accessorTerms([{ dtype, loads: true, loads4: true, stores: true }], spec.bf16Storage),
      },
    },
  );
}
