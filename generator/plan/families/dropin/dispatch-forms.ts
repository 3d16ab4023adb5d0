// The matrix kernels of the drop-in dispatch file, as forms of the mixture: one linear layer whose rows go to several experts, with
// the assignments given as slots, as a sorted list, or in buckets.

import { argument, bindings, buffer, structArgument, structLayout } from '../../bindings.js';
import type { Binding } from '../../types.js';
import type { DropInContext } from './common.js';
import { SIZE_MEMBERS, STRUCT_NAMES } from './mixture-buffers.js';
import { DISPATCH_TILE, type MixtureForm } from './mixture-form.js';
import { IN_STRUCT } from './mixture-forms.js';

type Draft = Omit<Binding, 'index'>;

const PARAMS = structLayout('MoEDispatchParams', SIZE_MEMBERS);

export function dispatchForms(context: DropInContext): MixtureForm[] {
  return [fusedForm(context), parallelForm(context), groupedForm(context), bucketForm(context)];
}

const COMMON = {
  ...IN_STRUCT,
  family: 'dropin_dispatch',
  file: 'moe_dispatch',
  tile: DISPATCH_TILE,
  input: 'activations',
  shared: null,
} as const;

const ROUNDED_ONCE =
  'The sum runs in float, over blocks of terms and in each block by ascending expert, and is rounded once.';
const SLOTS_IN_WORDS =
  'sum over slots s of topk_weights[t, s] * (activations[t] * expert_weight[topk_ids[t, s]])[n]';
const OWNER_IN_WORDS = [
  'A threadgroup takes all experts of its rows, so that no two add to one row, and the order of entries within an',
  `expert does not matter. ${ROUNDED_ONCE}`,
];

function matrixBuffers({ dtype, weight }: DropInContext): (Draft | null)[] {
  return [
    buffer('activations', dtype, ['batch_size', 'hidden_dim']),
    ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
  ];
}

function slotBuffers({ dtype }: DropInContext): Draft[] {
  return [
    buffer('topk_ids', 'u32', ['batch_size', 'top_k']),
    buffer('topk_weights', dtype, ['batch_size', 'top_k']),
  ];
}

function slotRouting({ storage }: DropInContext): MixtureForm['routing'] {
  const weights = { name: 'topk_weights', load: storage.load };
  return { kind: 'listed', ids: 'topk_ids', weights, slots: IN_STRUCT.sizes.slots };
}

/** What a kernel adds to. */
function sumBuffer(element: DropInContext['dtype']): Draft {
  return buffer('output', element, ['batch_size', 'out_dim'], { access: 'read_write' });
}

function fusedForm(context: DropInContext): MixtureForm {
  return {
    ...COMMON,
    weight: context.weight,
    kernel: 'moe_dispatch_fused',
    summary: `Linear layer of ${context.weight.inWords} experts that were selected before, for each row those of its slots`,
    description: [
      `output[t, n] = ${SLOTS_IN_WORDS}`,
      `A slot whose expert does not exist adds nothing. ${ROUNDED_ONCE}`,
    ],
    routing: slotRouting(context),
    rowGroups: 'tiles',
    output: { name: 'output', value: 'sum' },
    bindings: bindings(
      ...matrixBuffers(context),
      ...slotBuffers(context),
      buffer('output', context.dtype, ['batch_size', 'out_dim'], { access: 'write' }),
      structArgument('params', PARAMS),
    ),
  };
}

function parallelForm(context: DropInContext): MixtureForm {
  return {
    ...COMMON,
    weight: context.weight,
    kernel: 'moe_dispatch_parallel',
    summary: `Linear layer of ${context.weight.inWords} experts that were selected before, added to a float output`,
    description: [
      `output[t, n] += ${SLOTS_IN_WORDS}`,
      'A slot whose expert does not exist adds nothing. A threadgroup takes all slots of its rows, so that no two add to',
      `one row. ${ROUNDED_ONCE}`,
    ],
    routing: slotRouting(context),
    rowGroups: 'split',
    output: { name: 'output', value: 'added_in_float', store: 'float' },
    bindings: bindings(
      ...matrixBuffers(context),
      ...slotBuffers(context),
      sumBuffer('f32'),
      structArgument('params', PARAMS),
    ),
  };
}

function groupedForm(context: DropInContext): MixtureForm {
  const { dtype, storage } = context;
  return {
    ...COMMON,
    weight: context.weight,
    kernel: 'moe_dispatch_grouped',
    summary: `Linear layer of ${context.weight.inWords} experts over assignments in expert order, added to the output`,
    description: [
      'output[t, n] += sum over the places a of token t of sorted_weights[a] * (activations[t] * expert_weight[e])[n]',
      'where sorted_assignments[a] is token * top_k + slot, and e is the expert whose range of expert_offsets holds a.',
      ...OWNER_IN_WORDS,
    ],
    routing: {
      kind: 'sorted',
      tokens: 'assignments',
      weights: { name: 'sorted_weights', load: storage.load },
    },
    rowGroups: 'strided',
    output: { name: 'output', value: 'added' },
    bindings: bindings(
      ...matrixBuffers(context),
      buffer('sorted_assignments', 'u32', ['batch_size * top_k'], {
        note: 'token * top_k + slot, in expert order',
      }),
      buffer('expert_offsets', 'u32', ['num_experts + 1']),
      buffer('sorted_weights', dtype, ['batch_size * top_k'], { note: 'in the same order' }),
      sumBuffer(dtype),
      structArgument('params', PARAMS),
    ),
  };
}

function bucketForm(context: DropInContext): MixtureForm {
  const { dtype, storage } = context;
  return {
    ...COMMON,
    weight: context.weight,
    kernel: 'moe_dispatch_atomic',
    summary: `Linear layer of ${context.weight.inWords} experts over each one's bucket of tokens, added to the output`,
    description: [
      'output[t, n] += sum over the entries i of token t in the buckets of the experts e of',
      '                weight_buffer[e, i] * (activations[t] * expert_weight[e])[n]',
      'Of a bucket, the first expert_counts[e] entries count, at most max_per_expert.',
      ...OWNER_IN_WORDS,
    ],
    routing: {
      kind: 'sorted',
      tokens: 'buckets',
      weights: { name: 'weight_buffer', load: storage.load },
    },
    rowGroups: 'strided',
    output: { name: 'output', value: 'added' },
    bindings: bindings(
      ...matrixBuffers(context),
      buffer('token_buffer', 'u32', ['num_experts', 'max_per_expert'], { note: 'tokens in any order' }),
      buffer('weight_buffer', dtype, ['num_experts', 'max_per_expert']),
      buffer('expert_counts', 'u32', ['num_experts']),
      sumBuffer(dtype),
      structArgument('params', PARAMS),
      argument('max_per_expert', 'entries of a bucket'),
    ),
  };
}
