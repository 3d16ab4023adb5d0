// The drop-in gate and up kernels of the shared expert: both products in one pass over the activations, ending in SwiGLU.

import type { GenerationSpec } from '../../../description/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import { tileBytes, tileTerms, tileThreads } from './tiles.js';
import type { KernelPlan } from '../../types.js';
import { grid, dropInAccessors, dropInPlan, weightedPlans, type DropInContext } from './common.js';
import { SHARED_EXPERT_FILE } from './mixture-buffers.js';
import { EXPERT_TILE, resultStride } from './mixture-form.js';
import { DROP_IN_WEIGHT, ownWeight, type DropInWeight } from './weights.js';
import { printed } from '../../printed.js';

/** Of the audited kernels, one has dense weights, and no places for scales. */
export function dropInGateUpPlans(spec: GenerationSpec): KernelPlan[] {
  return weightedPlans(spec, (context) => {
    const plan = gateUpPlan(context, 'shared_expert_gate_up_fused', context.weight);
    if (context.weight !== DROP_IN_WEIGHT) return [plan];
    const own = ownWeight(spec, context.dtype);
    return [plan, gateUpPlan(context, 'shared_expert_gate_up_fused_fp16', own)];
  });
}

const SIZES = { terms: 'hidden_size', columns: '2 * intermediate_size', groupSize: 'group_size' } as const;

function gateUpPlan(context: DropInContext, kernel: string, weight: DropInWeight): KernelPlan {
  const { dtype, storage } = context;
  const matrix = weight.buffers('gate_up', SIZES, [], 'columns of gate, then columns of up');
  return dropInPlan(context, SHARED_EXPERT_FILE, kernel, {
    family: 'dropin_gate_up',
    weight: weight.name,
    summary: `Gate and up projections of a shared expert with ${weight.inWords} weights, SwiGLU, ${dtype}`,
    bindings: bindings(
      buffer('hidden_states', dtype, ['num_tokens', 'hidden_size']),
      ...(weight === context.weight ? matrix : matrix.filter((draft) => draft !== null)),
      buffer('output', dtype, ['num_tokens', 'intermediate_size'], { access: 'write' }),
      argument('num_tokens'),
      argument('hidden_size'),
      argument('intermediate_size'),
      weight.groupSize,
    ),
    dispatch: grid(
      tileThreads(EXPERT_TILE),
      `ceil_div(intermediate_size, ${EXPERT_TILE.blockN})`,
      `ceil_div(num_tokens, ${EXPERT_TILE.blockM})`,
    ),
    tile: EXPERT_TILE,
    resultStride: resultStride(EXPERT_TILE),
    threadgroupBytes: tileBytes(EXPERT_TILE, 2),
    ...printed('dropin/gate_up', {
      tile: tileTerms(EXPERT_TILE),
      resultStride: resultStride(EXPERT_TILE),
      description: context.weight.description,
      operands: [{ name: 'gate' }, { name: 'up' }],
      input: { name: 'hidden_states', load4: storage.load4 },
      weight: weight.words,
      store: storage.store,
      accessors: dropInAccessors(context),
    }),
  });
}
