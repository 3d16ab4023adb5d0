// Rows of the model table that select on the logits and give the selected experts a softmax, or a sigmoid, of theirs.

import { afterDense, everyLayer, layersIf, listedTypes } from './layers.js';
import {
  expertsPerToken,
  GATE_AND_STACKED,
  hiddenSize,
  intermediateSize,
  NO_NORMALIZING,
  plainExperts,
  plainGlu,
  SHARED_EXPERTS,
  sharedExperts,
  softmaxOfSelected,
  STACKED,
  SUM,
  type ModelRow,
} from './parts.js';
import { activation, choice, count, flag, natural, when } from './readers.js';

const granitemoe: ModelRow = {
  types: ['granitemoe'],
  block: {
    hiddenSize,
    intermediateSize,
    numExperts: count('num_local_experts'),
    topK: expertsPerToken,
    router: softmaxOfSelected,
    experts: plainExperts,
  },
  tensors: { router: 'router.weight', ...STACKED },
  layers: everyLayer,
};

/** A shared expert with packed matrices beside the experts. */
const graniteShared: ModelRow = {
  types: ['granitemoeshared'],
  block: {
    ...granitemoe.block,
    shared: when(
      (config) => natural('shared_intermediate_size', 0)(config) > 0,
      { intermediateSize: count('shared_intermediate_size'), layout: 'packed', glu: plainGlu },
      null,
    ),
  },
  // The two modules of a layer, as they are published.
  tensors: {
    router: 'block_sparse_moe.router.layer.weight',
    expert_gate_up: 'block_sparse_moe.input_linear.weight',
    expert_down: 'block_sparse_moe.output_linear.weight',
    shared_gate_up: 'shared_mlp.input_linear.weight',
    shared_down: 'shared_mlp.output_linear.weight',
  },
  layers: everyLayer,
};

export const logitRows: readonly ModelRow[] = [
  granitemoe,
  graniteShared,
  {
    ...graniteShared,
    types: ['granitemoehybrid'],
    layers: layersIf((config) => natural('num_local_experts', 0)(config) > 0, everyLayer),
  },
  {
    types: ['jetmoe'],
    block: {
      ...granitemoe.block,
      experts: { glu: { kind: 'plain', activation: activation('activation_function', 'silu') } },
      outputBias: true,
    },
    tensors: {
      router: 'router.layer.weight',
      expert_gate_up: 'input_linear.weight',
      expert_down: 'output_linear.weight',
      output_bias: 'bias',
    },
    layers: everyLayer,
  },
  {
    types: ['gpt_oss'],
    block: {
      ...granitemoe.block,
      router: { ...softmaxOfSelected, logitBias: true },
      experts: {
        gateUp: 'interleaved',
        gateUpOrder: 'in_out',
        downOrder: 'in_out',
        bias: true,
        glu: { kind: 'oai', limit: 7, alpha: 1.702 },
      },
    },
    tensors: {
      router: 'router.weight',
      router_bias: 'router.bias',
      expert_gate_up: 'experts.gate_up_proj',
      expert_gate_up_bias: 'experts.gate_up_proj_bias',
      expert_down: 'experts.down_proj',
      expert_down_bias: 'experts.down_proj_bias',
    },
    layers: everyLayer,
  },
  {
    types: ['aria', 'aria_text'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count('moe_num_experts'),
      topK: count('moe_topk'),
      router: softmaxOfSelected,
      experts: { gateUpOrder: 'in_out', downOrder: 'in_out', glu: plainGlu },
      shared: sharedExperts('moe_num_shared_experts', 2, {}, intermediateSize),
    },
    tensors: {
      router: 'router.weight',
      expert_gate_up: 'experts.fc1.weight',
      expert_down: 'experts.fc2.weight',
      ...SHARED_EXPERTS,
    },
    layers: everyLayer,
  },
  {
    types: ['cohere2_moe'],
    block: {
      hiddenSize,
      intermediateSize,
      numExperts: count('num_experts'),
      topK: expertsPerToken,
      router: choice(
        'expert_selection_fn',
        {
          softmax: softmaxOfSelected,
          sigmoid: {
            scoring: { kind: 'raw' },
            post: 'sigmoid',
            normalize: when(flag('norm_topk_prob', true), SUM, NO_NORMALIZING),
          },
        },
        'softmax',
      ),
      experts: plainExperts,
      shared: sharedExperts(
        'num_shared_experts',
        0,
        {
          combine: choice(
            'shared_expert_combination_strategy',
            { sum: 'sum', average: 'average' },
            'average',
          ),
        },
        intermediateSize,
      ),
    },
    tensors: { ...GATE_AND_STACKED, ...SHARED_EXPERTS },
    layers: listedTypes(afterDense('first_k_dense_replace', 0)),
  },
];
