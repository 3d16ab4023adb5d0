// The drop-in kernels that compute a token's output column by column: one token with its own router, a token per threadgroup, and
// the sum of expert outputs that lie ready.

import type { GenerationSpec } from '../../../description/generation.js';
import { ELEMENT_TYPES } from '../../../description/dtypes.js';
import { argument, bindings, buffer, structArgument } from '../../bindings.js';
import type { KernelPlan } from '../../types.js';
import {
  grid,
  dropInAccessors,
  dropInPlan,
  dropInPlans,
  weightedPlans,
  type DropInContext,
} from './common.js';
import { STRUCT_NAMES, OPTIMIZED_PARAMS, SHARED_EXPERT_FILE, OPTIMIZED_FILE } from './mixture-buffers.js';
import { ownWeight } from './weights.js';
import { printed } from '../../printed.js';

const THREADS = 128;
/** Terms of a row that are staged at once: as many as fit for every dtype. */
const CAPACITY = 7168;
/** Slots of the one token that are selected at a time. */
const SLOTS = 64;

const ROW = { threads: THREADS, capacity: CAPACITY };

export function dropInRowPlans(spec: GenerationSpec): KernelPlan[] {
  return [
    ...weightedPlans(spec, (context) => [decodePlan(context)]),
    ...dropInPlans(spec, (context) => [scatterPlan(context), aggregatePlan(context)]),
  ];
}

function decodePlan(context: DropInContext): KernelPlan {
  const { dtype, weight } = context;
  return dropInPlan(context, OPTIMIZED_FILE, 'moe_dispatch_decode', {
    family: 'dropin_decode',
    weight: weight.name,
    summary: `Router and a linear layer of ${weight.inWords} experts for one token, with a shared expert on request, ${dtype}`,
    bindings: bindings(
      buffer('activations', dtype, ['hidden_dim']),
      buffer('router_weight', dtype, ['hidden_dim', 'num_experts']),
      ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
      ...weight.buffers('shared', STRUCT_NAMES, []),
      buffer('output', dtype, ['out_dim'], { access: 'write' }),
      structArgument('params', OPTIMIZED_PARAMS),
    ),
    dispatch: grid(THREADS, `ceil_div(out_dim, ${THREADS})`),
    threadgroupBytes: rowBytes(context) + THREADS * 4 + SLOTS * 8 + 8,
    ...printed('dropin/decode', {
      ...rowTerms(context),
      row: { ...ROW, slots: SLOTS },
      weight: weight.words,
      denseProducts: denseProducts(context),
      description: [
        'output[n] = sum over the selected experts e of p[e] * (activations * expert_weight[e])[n]',
        '            + (activations * shared_weight)[n] if params.has_shared',
        'where the logits are activations * router_weight, and p is softmax over the top_k highest. Equal logits go to the',
        'lower expert; a NaN logit is never selected, and where it leaves a slot empty the output is NaN. The sum runs in',
        'float, in slot order, and is rounded once. params.batch_size is not read.',
        ...weight.description,
      ],
    }),
  });
}

/** The row as it is staged, times a column of the router, and of dense weights. */
function denseProducts({ storage, weight }: DropInContext) {
  const { load } = weight;
  const { msl } = weight.words;
  const staged = { msl: storage.msl, load: storage.load };
  const router = { staged, column: staged };
  return load === null || msl === storage.msl ? [router] : [router, { staged, column: { msl, load } }];
}

function scatterPlan(context: DropInContext): KernelPlan {
  const { dtype } = context;
  return dropInPlan(context, SHARED_EXPERT_FILE, 'moe_shared_expert_scatter', {
    family: 'dropin_scatter',
    weight: ownWeight(context.spec, dtype).name,
    summary: `Linear layer of a shared expert and of the experts selected before, a token per threadgroup, ${dtype}`,
    bindings: bindings(
      buffer('hidden_states', dtype, ['num_tokens', 'hidden_size']),
      buffer('shared_weight', dtype, ['hidden_size', 'intermediate_size']),
      buffer('expert_weight', dtype, ['num_experts', 'hidden_size', 'intermediate_size']),
      buffer('topk_weights', dtype, ['num_tokens', 'top_k']),
      buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
      buffer('output', dtype, ['num_tokens', 'intermediate_size'], { access: 'write' }),
      argument('num_tokens'),
      argument('hidden_size'),
      argument('intermediate_size'),
      argument('top_k'),
      argument('num_experts'),
    ),
    dispatch: grid(THREADS, 'num_tokens'),
    threadgroupBytes: rowBytes(context),
    ...printed('dropin/scatter', {
      ...rowTerms(context),
      element: { msl: context.storage.msl, load: context.storage.load },
      row: ROW,
      description: [
        'output[t, n] = (hidden_states[t] * shared_weight)[n]',
        '               + sum over slots s of topk_weights[t, s] * (hidden_states[t] * expert_weight[topk_ids[t, s]])[n]',
        'in float, rounded once. A slot whose expert does not exist adds nothing.',
      ],
    }),
  });
}

function aggregatePlan(context: DropInContext): KernelPlan {
  const { dtype, storage } = context;
  return dropInPlan(context, SHARED_EXPERT_FILE, 'moe_aggregate_weighted', {
    family: 'dropin_aggregate',
    summary: `Sum of a shared expert's output and of weighted expert outputs, ${dtype}`,
    bindings: bindings(
      buffer('shared_output', dtype, ['num_tokens', 'hidden_size']),
      buffer('expert_output', dtype, ['num_tokens', 'top_k', 'hidden_size']),
      buffer('topk_weights', dtype, ['num_tokens', 'top_k']),
      buffer('output', dtype, ['num_tokens', 'hidden_size'], { access: 'write' }),
      argument('num_tokens'),
      argument('hidden_size'),
      argument('top_k'),
    ),
    dispatch: grid(THREADS, `ceil_div(hidden_size, ${THREADS})`, 'num_tokens'),
    ...printed('dropin/aggregate', {
      row: { threads: THREADS },
      load: storage.load,
      store: storage.store,
      accessors: dropInAccessors(context),
    }),
  });
}

function rowBytes({ dtype }: DropInContext): number {
  return CAPACITY * ELEMENT_TYPES[dtype].bytes;
}

function rowTerms(context: DropInContext) {
  const { msl, load, store } = context.storage;
  return {
    msl,
    load,
    store,
    accessors: dropInAccessors(context),
  };
}
