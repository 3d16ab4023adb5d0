// The drop-in kernels that measure how evenly a router spreads tokens: entropies in bits, per token and per expert, their mean,
// and the gradient.

import type { GenerationSpec } from '../../../description/generation.js';
import { bindings, buffer, structArgument, structLayout } from '../../bindings.js';
import { accessorTerms } from '../../storage.js';
import type { Binding, Formula, KernelPlan } from '../../types.js';
import { grid, dropInPlan, dropInPlans, type DropInContext } from './common.js';
import { printed } from '../../printed.js';

const FILE = 'moe_dispatch';
const THREADS = 256;
const COUNTERS = 1024;

export function dropInEntropyPlans(spec: GenerationSpec): KernelPlan[] {
  return dropInPlans(spec, (context) => [
    ...TOKEN_FORMS.map((form) => tokenPlan(context, form)),
    expertPlan(context),
    loadsPlan(context),
    gradientPlan(context),
  ]);
}

/** epsilon has the dtype of the probabilities. */
function params({ dtype }: DropInContext): Omit<Binding, 'index'> {
  const layout = structLayout('MoEEntropyParams', [
    ['batch_size', 'u32'],
    ['num_experts', 'u32'],
    ['mode', 'u32'],
    ['top_k', 'u32'],
    ['epsilon', dtype],
  ]);
  return structArgument('params', layout);
}

function probabilities({ dtype }: DropInContext, note = ''): Omit<Binding, 'index'> {
  return buffer('probabilities', dtype, ['batch_size', 'num_experts'], { note });
}

function entropy({ dtype }: DropInContext, shape: Formula): Omit<Binding, 'index'> {
  return buffer('entropy', dtype, [shape], { access: 'write', note: 'in bits' });
}

const FAMILY = 'dropin_entropy';

/** How elements become floats and back. */
function elementWords({ dtype, spec, storage }: DropInContext) {
  return {
    load: storage.load,
    store: storage.store,
    accessors: accessorTerms([{ dtype, loads: true, stores: true }], spec.bf16Storage),
  };
}

/** The same, for kernels that walk along rows. */
function rowWords(context: DropInContext) {
  return { ...elementWords(context), msl: context.storage.msl };
}

interface TokenForm {
  readonly kernel: string;
  readonly summary: string;
  readonly hasSlots: boolean;
  readonly isNormalized: boolean;
}

const TOKEN_FORMS: readonly TokenForm[] = [
  {
    kernel: 'moe_gate_entropy_per_token',
    summary: "Entropy of each token's probabilities",
    hasSlots: false,
    isNormalized: false,
  },
  {
    kernel: 'moe_gate_entropy_normalized',
    summary: "Entropy of each token's probabilities as a share of the largest",
    hasSlots: false,
    isNormalized: true,
  },
  {
    kernel: 'moe_gate_entropy_topk',
    summary: "Entropy of each token's selected weights",
    hasSlots: true,
    isNormalized: false,
  },
];

function tokenPlan(
  context: DropInContext,
  { kernel, summary, hasSlots, isNormalized }: TokenForm,
): KernelPlan {
  const slotBuffers = hasSlots
    ? [
        buffer('topk_ids', 'u32', ['batch_size', 'top_k'], { note: 'not used' }),
        buffer('topk_weights', context.dtype, ['batch_size', 'top_k']),
      ]
    : [];
  return dropInPlan(context, FILE, kernel, {
    family: FAMILY,
    summary,
    bindings: bindings(
      probabilities(context, hasSlots ? 'not used' : ''),
      ...slotBuffers,
      entropy(context, 'batch_size'),
      params(context),
    ),
    dispatch: grid(THREADS, `ceil_div(batch_size, ${THREADS})`),
    ...printed('dropin/token_entropy', {
      ...rowWords(context),
      isNormalized,
      unused: hasSlots ? ['probabilities', 'topk_ids'] : [],
      source: hasSlots ? 'topk_weights' : 'probabilities',
      width: hasSlots ? 'top_k' : 'num_experts',
      index: hasSlots ? 's' : 'e',
      divisorInWords: isNormalized ? ', divided by log2(num_experts)' : '',
    }),
  });
}

function expertPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_gate_entropy_per_expert', {
    family: FAMILY,
    summary: "Each expert's mean contribution to the entropy",
    bindings: bindings(probabilities(context), entropy(context, 'num_experts'), params(context)),
    dispatch: grid(THREADS, `ceil_div(num_experts, ${THREADS})`),
    ...printed('dropin/expert_entropy', elementWords(context)),
  });
}

function loadsPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_gate_entropy_with_loads', {
    family: FAMILY,
    summary: 'Mean entropy of the tokens, and how often each expert was selected',
    bindings: bindings(
      probabilities(context),
      buffer('topk_ids', 'u32', ['batch_size', 'top_k']),
      entropy(context, '1'),
      buffer('expert_loads', 'f32', ['num_experts'], { access: 'write' }),
      params(context),
    ),
    dispatch: grid(THREADS, '1'),
    threadgroupBytes: (32 + COUNTERS) * 4,
    ...printed('dropin/entropy_with_loads', { ...rowWords(context), counters: COUNTERS }),
  });
}

function gradientPlan(context: DropInContext): KernelPlan {
  return dropInPlan(context, FILE, 'moe_gate_entropy_gradient', {
    family: FAMILY,
    summary: 'Gradient of the entropy of each token',
    bindings: bindings(
      probabilities(context),
      buffer('gradient', context.dtype, ['batch_size', 'num_experts'], { access: 'write' }),
      params(context),
    ),
    dispatch: grid(THREADS, `ceil_div(num_experts, ${THREADS})`, 'batch_size'),
    ...printed('dropin/entropy_gradient', elementWords(context)),
  });
}
