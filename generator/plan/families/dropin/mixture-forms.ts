// The forms of the mixture kernels, file by file: kernels that route themselves, that are given each token's experts, that are
// given tokens in expert order, and the shared expert alone.

import { argument, bindings, buffer, structArgument, structLayout } from '../../bindings.js';
import type { Binding } from '../../types.js';
import type { DropInContext } from './common.js';
import {
  OPTIMIZED_FILE,
  OPTIMIZED_PARAMS,
  SHARED_EXPERT_FILE,
  SIZE_MEMBERS,
  STRUCT_NAMES,
} from './mixture-buffers.js';
import { EXPERT_TILE, ROUTED_TILE, type MixtureForm, type MixtureSizes } from './mixture-form.js';
import { DROP_IN_WEIGHT, ownWeight } from './weights.js';

type Draft = Omit<Binding, 'index'>;

const EXPERT_PARAMS = structLayout('MoEParams', [
  ...SIZE_MEMBERS,
  ['has_shared', 'u32'],
  ['shared_expert_id', 'u32'],
  ['use_sparse', 'u32'],
]);

/** Sizes as formulas name them, with what stands before them in the kernel. */
function sizesIn(prefix: string, names: MixtureSizes): Pick<MixtureForm, 'sizes' | 'shape'> {
  const of = (name: string): string => `${prefix}${name}`;
  return {
    sizes: {
      tokens: of(names.tokens),
      terms: of(names.terms),
      columns: of(names.columns),
      experts: of(names.experts),
      slots: of(names.slots),
      groupSize: of(names.groupSize),
    },
    shape: { tokens: names.tokens, columns: names.columns, experts: names.experts, slots: names.slots },
  };
}

const ARGUMENT_NAMES: MixtureSizes = {
  ...STRUCT_NAMES,
  tokens: 'num_tokens',
  terms: 'hidden_size',
  columns: 'intermediate_size',
};

export const IN_STRUCT = sizesIn('params.', STRUCT_NAMES);
const IN_ARGUMENTS = sizesIn('', ARGUMENT_NAMES);

const FAMILY = 'dropin_mixture';

const NORMALISED = 'softmax over its top_k highest logits';
const ROUNDED_ONCE =
  'The sum runs in float, over blocks of terms and in each block by ascending expert, and is rounded once.';

/** Of the audited kernels, one has dense weights anyway. */
export function mixtureForms(context: DropInContext): MixtureForm[] {
  const isDropIn = context.weight === DROP_IN_WEIGHT;
  return [
    routedForm(context, 'moe_dispatch_optimized'),
    routedForm(context, 'moe_dispatch_ultra_optimized'),
    preroutedForm(context),
    listedForm(context),
    sortedForm(context),
    sharedOnlyForm(context),
    ...(isDropIn ? [fusedDenseForm(context)] : []),
    fusedFp4Form(context),
  ];
}

function routedForm({ dtype, weight }: DropInContext, kernel: string): MixtureForm {
  return {
    ...IN_STRUCT,
    family: FAMILY,
    file: OPTIMIZED_FILE,
    kernel,
    summary: `Router and a linear layer of ${weight.inWords} experts, with a shared expert on request`,
    description: [
      'output[t, n] = sum over the experts e of token t of p[t, e] * (activations[t] * expert_weight[e])[n]',
      '               + (activations[t] * shared_weight)[n] if params.has_shared',
      `where the logits of token t are activations[t] * router_weight, and p[t] is ${NORMALISED}. Equal`,
      'logits go to the lower expert; a NaN logit is never selected, and a token that it leaves without an expert for',
      `each slot is NaN. ${ROUNDED_ONCE}`,
    ],
    tile: ROUTED_TILE,
    input: 'activations',
    weight,
    routing: { kind: 'routed', router: 'router_weight', slots: IN_STRUCT.sizes.slots },
    rowGroups: 'tiles',
    shared: { isOptional: true },
    output: { name: 'output', value: 'divided' },
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      buffer('router_weight', dtype, ['hidden_dim', 'num_experts']),
      ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
      ...weight.buffers('shared', STRUCT_NAMES, []),
      buffer('output', dtype, ['batch_size', 'out_dim'], { access: 'write' }),
      structArgument('params', OPTIMIZED_PARAMS),
    ),
  };
}

/** Where the activations are BF16, the weights of slots are half, as they are where these kernels are in use. */
function preroutedForm({ dtype, storage, weight }: DropInContext): MixtureForm {
  const isBits = dtype === 'bf16';
  return {
    ...IN_STRUCT,
    family: FAMILY,
    file: OPTIMIZED_FILE,
    kernel: 'moe_dispatch_optimized_prerouted',
    summary: `Linear layer of ${weight.inWords} experts that were selected before, with a shared expert on request`,
    description: [
      'output[t, n] = sum over slots s of topk_weights[t, s] * (activations[t] * expert_weight[topk_ids[t, s]])[n]',
      '               + (activations[t] * shared_weight)[n] if params.has_shared',
      `A slot whose expert does not exist adds nothing. ${ROUNDED_ONCE}`,
    ],
    tile: ROUTED_TILE,
    input: 'activations',
    weight,
    routing: {
      kind: 'listed',
      ids: 'topk_ids',
      weights: { name: 'topk_weights', load: isBits ? 'moe_load_f16_bits' : storage.load },
      slots: IN_STRUCT.sizes.slots,
    },
    rowGroups: 'tiles',
    shared: { isOptional: true },
    output: { name: 'output', value: 'sum' },
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
      buffer('topk_ids', 'u32', ['batch_size', 'top_k']),
      isBits
        ? buffer('topk_weights', 'f16', ['batch_size', 'top_k'], { asBits: true })
        : buffer('topk_weights', dtype, ['batch_size', 'top_k']),
      ...weight.buffers('shared', STRUCT_NAMES, []),
      buffer('output', dtype, ['batch_size', 'out_dim'], { access: 'write' }),
      structArgument('params', OPTIMIZED_PARAMS),
    ),
  };
}

function listedForm({ dtype, storage, weight }: DropInContext): MixtureForm {
  return {
    ...IN_STRUCT,
    family: FAMILY,
    file: 'moe_expert_gemm',
    kernel: 'moe_expert_gemm_fp4',
    summary: `Linear layer of ${weight.inWords} experts that were selected before`,
    description: [
      'output[t, n] = sum over slots s of topk_weights[t, s] * (activations[t] * expert_weight[topk_ids[t, s]])[n]',
      `A slot whose expert does not exist adds nothing. ${ROUNDED_ONCE}`,
      'params.has_shared, shared_expert_id and use_sparse are not read.',
    ],
    tile: EXPERT_TILE,
    input: 'activations',
    weight,
    routing: {
      kind: 'listed',
      ids: 'topk_ids',
      weights: { name: 'topk_weights', load: storage.load },
      slots: IN_STRUCT.sizes.slots,
    },
    rowGroups: 'tiles',
    shared: null,
    output: { name: 'output', value: 'sum' },
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
      buffer('topk_ids', 'u32', ['batch_size', 'top_k']),
      buffer('topk_weights', dtype, ['batch_size', 'top_k']),
      buffer('output', dtype, ['batch_size', 'out_dim'], { access: 'write' }),
      structArgument('params', EXPERT_PARAMS),
    ),
  };
}

function sortedForm({ dtype, storage, weight }: DropInContext): MixtureForm {
  const weights = { name: 'sorted_weights', load: storage.load };
  return {
    ...IN_STRUCT,
    family: FAMILY,
    file: 'moe_expert_gemm',
    kernel: 'moe_expert_gemm_fp4_grouped',
    summary: `Linear layer of ${weight.inWords} experts over tokens in expert order, added to the output`,
    description: [
      'output[t, n] += sum over the places a of token t of sorted_weights[a] * (activations[t] * expert_weight[e])[n]',
      'where sorted_token_ids[a] = t, and e is the expert whose range expert_offsets[e] to expert_offsets[e + 1] holds a.',
      'A threadgroup takes all experts of its rows, so that no two add to one row, and the order of tokens within an',
      `expert does not matter. ${ROUNDED_ONCE}`,
      'params.has_shared, shared_expert_id and use_sparse are not read.',
    ],
    tile: EXPERT_TILE,
    input: 'activations',
    weight,
    routing: { kind: 'sorted', tokens: 'token_ids', weights },
    rowGroups: 'strided',
    shared: null,
    output: { name: 'output', value: 'added' },
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      ...weight.buffers('expert', STRUCT_NAMES, ['num_experts']),
      buffer('sorted_token_ids', 'u32', ['batch_size * top_k'], { note: 'in expert order' }),
      buffer('expert_offsets', 'u32', ['num_experts + 1']),
      buffer('sorted_weights', dtype, ['batch_size * top_k'], { note: 'in the same order' }),
      buffer('output', dtype, ['batch_size', 'out_dim'], { access: 'read_write' }),
      structArgument('params', EXPERT_PARAMS),
    ),
  };
}

function sharedOnlyForm({ dtype, weight }: DropInContext): MixtureForm {
  return {
    ...sizesIn('', STRUCT_NAMES),
    family: FAMILY,
    file: 'moe_expert_gemm',
    kernel: 'moe_expert_gemm_shared_fp4',
    summary: `Linear layer of one expert over all tokens, added to the output, ${weight.inWords}`,
    description: [
      'output[t, n] += shared_prob * (activations[t] * shared_weight)[n]',
      'The sum runs in float and is rounded once.',
    ],
    tile: EXPERT_TILE,
    input: 'activations',
    weight,
    routing: { kind: 'none' },
    rowGroups: 'tiles',
    shared: null,
    output: { name: 'output', value: 'weighted' },
    bindings: bindings(
      buffer('activations', dtype, ['batch_size', 'hidden_dim']),
      ...weight.buffers('shared', STRUCT_NAMES, []),
      buffer('output', dtype, ['batch_size', 'out_dim'], { access: 'read_write' }),
      argument('batch_size'),
      argument('hidden_dim'),
      argument('out_dim'),
      weight.groupSize,
      argument('shared_prob', 'weight of the expert', dtype),
    ),
  };
}

const FUSED_DESCRIPTION = [
  'output[t, n] = (hidden_states[t] * shared_weight)[n]',
  '               + sum over slots s of topk_weights[t, s] * (hidden_states[t] * expert_weight[topk_ids[t, s]])[n]',
  `A slot whose expert does not exist adds nothing. ${ROUNDED_ONCE}`,
];

type FusedForm = Omit<MixtureForm, 'kernel' | 'summary' | 'weight' | 'bindings'>;

function fusedForm({ storage }: DropInContext): FusedForm {
  return {
    ...IN_ARGUMENTS,
    family: FAMILY,
    file: SHARED_EXPERT_FILE,
    description: FUSED_DESCRIPTION,
    tile: EXPERT_TILE,
    input: 'hidden_states',
    routing: {
      kind: 'listed',
      ids: 'topk_ids',
      weights: { name: 'topk_weights', load: storage.load },
      slots: IN_ARGUMENTS.sizes.slots,
    },
    rowGroups: 'tiles',
    shared: { isOptional: false },
    output: { name: 'output', value: 'sum' },
  };
}

/** The buffers of both, after the weights. */
function fusedTail({ dtype }: DropInContext): Draft[] {
  return [
    buffer('topk_weights', dtype, ['num_tokens', 'top_k']),
    buffer('topk_ids', 'u32', ['num_tokens', 'top_k']),
    buffer('output', dtype, ['num_tokens', 'intermediate_size'], { access: 'write' }),
    argument('num_tokens'),
    argument('hidden_size'),
    argument('intermediate_size'),
    argument('top_k'),
    argument('num_experts'),
  ];
}

/** The audited kernel with dense weights has no places for scales. */
function fusedDenseForm(context: DropInContext): MixtureForm {
  const { dtype, spec } = context;
  const weight = ownWeight(spec, dtype);
  return {
    ...fusedForm(context),
    kernel: 'moe_shared_expert_fused',
    summary: 'Linear layer of a shared expert and of the experts selected before',
    weight,
    bindings: bindings(
      buffer('hidden_states', dtype, ['num_tokens', 'hidden_size']),
      ...weight.buffers('shared', ARGUMENT_NAMES, []).filter((draft) => draft !== null),
      ...weight.buffers('expert', ARGUMENT_NAMES, ['num_experts']).filter((draft) => draft !== null),
      ...fusedTail(context),
    ),
  };
}

function fusedFp4Form(context: DropInContext): MixtureForm {
  const { dtype, weight } = context;
  return {
    ...fusedForm(context),
    kernel: 'moe_shared_expert_fused_fp4',
    summary: `Linear layer of a shared expert and of the experts selected before, ${weight.inWords}`,
    weight,
    bindings: bindings(
      buffer('hidden_states', dtype, ['num_tokens', 'hidden_size']),
      ...weight.buffers('shared', ARGUMENT_NAMES, []),
      ...weight.buffers('expert', ARGUMENT_NAMES, ['num_experts']),
      ...fusedTail(context),
      weight.groupSize,
    ),
  };
}
