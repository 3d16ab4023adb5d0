// The drop-in router file: softmax over all experts, the top_k of them, and their weights, in five kernels that differ in the
// layout of the router's weights, in which token a threadgroup takes and in what is counted beside.

import type { GenerationSpec } from '../../../description/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import { MAX_EXPERTS } from '../../constants.js';
import { accessorTerms } from '../../storage.js';
import type { DispatchRule, Formula, KernelPlan } from '../../types.js';
import { grid, dropInPlan, dropInPlans, type DropInContext } from './common.js';
import { printed } from '../../printed.js';

const FILE = 'moe_router';
const THREADS = 128;
/** Shares of the terms that are summed side by side, and experts whose sums are exchanged at a time. */
const PARTS = 4;
const CHUNK = 64;

interface Variant {
  readonly kernel: string;
  readonly summary: string;
  readonly rowsPerExpert: boolean;
  readonly isRagged: boolean;
  readonly hasLoads: boolean;
  readonly tokens: Formula;
  readonly dispatch: DispatchRule;
}

const PLAIN = {
  rowsPerExpert: false,
  isRagged: false,
  hasLoads: false,
  tokens: 'num_tokens',
  dispatch: grid(THREADS, 'num_tokens'),
} as const;

const VARIANTS: readonly Variant[] = [
  { ...PLAIN, kernel: 'moe_router_fused', summary: 'Router with weights [hidden_size, num_experts]' },
  { ...PLAIN, kernel: 'moe_router_fused_small', summary: 'Router for few experts, any number of them' },
  {
    ...PLAIN,
    kernel: 'moe_router_fused_coalesced',
    summary: 'Router with weights [num_experts, hidden_size]',
    rowsPerExpert: true,
  },
  {
    ...PLAIN,
    kernel: 'moe_router_with_aux_loss',
    summary: "Router that adds up each expert's probability and selections",
    hasLoads: true,
  },
  {
    ...PLAIN,
    kernel: 'moe_router_batched',
    summary: 'Router for sequences of different lengths',
    isRagged: true,
    tokens: 'num_tokens',
    dispatch: grid(THREADS, 'max_length', 'num_sequences'),
  },
];

export function dropInRouterPlans(spec: GenerationSpec): KernelPlan[] {
  return dropInPlans(spec, (context) => VARIANTS.map((variant) => routerPlan(context, variant)));
}

function routerPlan(context: DropInContext, variant: Variant): KernelPlan {
  const { dtype, spec, storage } = context;
  const { rowsPerExpert, isRagged, hasLoads, tokens } = variant;
  return dropInPlan(context, FILE, variant.kernel, {
    family: 'dropin_router',
    summary: `${variant.summary}, ${dtype}`,
    bindings: bindings(
      buffer('hidden_states', dtype, [tokens, 'hidden_size']),
      buffer(
        'router_weight',
        dtype,
        rowsPerExpert ? ['num_experts', 'hidden_size'] : ['hidden_size', 'num_experts'],
      ),
      buffer('topk_ids', 'u32', [tokens, 'top_k'], { access: 'write', note: 'descending by logit' }),
      buffer('topk_weights', dtype, [tokens, 'top_k'], { access: 'write' }),
      ...(hasLoads
        ? [
            buffer('expert_load', 'f32', ['num_experts'], {
              access: 'read_write',
              note: 'probabilities are added',
              open: ['order'],
            }),
            buffer('expert_count', 'u32', ['num_experts'], {
              access: 'read_write',
              note: 'selections are added',
            }),
          ]
        : []),
      ...(isRagged
        ? [buffer('token_offsets', 'u32', ['num_sequences + 1'], { note: 'first token of each sequence' })]
        : []),
      isRagged ? argument('num_sequences') : argument('num_tokens'),
      argument('hidden_size'),
      argument('num_experts', `at most ${MAX_EXPERTS.toLocaleString('en')}`),
      argument('top_k', 'any number'),
    ),
    dispatch: variant.dispatch,
    // The logits, and where columns are summed in parts, those.
    threadgroupBytes: (MAX_EXPERTS + (rowsPerExpert ? 0 : PARTS * CHUNK)) * 4,
    ...printed('dropin/router', {
      load: storage.load,
      load4: storage.load4,
      msl: storage.msl,
      store: storage.store,
      weightElement: rowsPerExpert ? 'router_weight[e, h]' : 'router_weight[h, e]',
      logits: rowsPerExpert ? 'moe_logits_by_rows' : 'moe_logits_by_columns',
      rowsPerExpert,
      isRagged,
      hasLoads,
      parts: PARTS,
      chunk: CHUNK,
      maxExperts: MAX_EXPERTS,
      accessors: accessorTerms(
        [{ dtype, loads: true, stores: true, loads4: rowsPerExpert }],
        spec.bf16Storage,
      ),
    }),
  });
}
