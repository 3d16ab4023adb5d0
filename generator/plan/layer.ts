// Which kernels run one layer's MoE block, in which order. Buffers pass from one to the next by the names of their bindings, and
// a checkpoint's tensors come in by the names of theirs.

import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../spec/block.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import { routerVariant } from '../spec/routers.js';
import { TILES, tileName, type TileName } from './tiles.js';
import type { KernelPlan } from './types.js';

/** `batched` sorts assignments by expert and multiplies tiles; `decode` serves one token or a few. */
export const LAYER_PATHS = ['batched', 'decode'] as const;
export type LayerPath = (typeof LAYER_PATHS)[number];

export interface LayerChoice {
  readonly path: LayerPath;
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly intermediate: ActivationDtype;
  readonly tile: TileName;
}

/** Low tiles where an expert has fewer rows than half a wide tile, on average. */
export function tileFor(
  numTokens: number,
  { topK, numExperts }: Pick<MoeBlock, 'topK' | 'numExperts'>,
): TileName {
  return (numTokens * topK) / numExperts < TILES.wide.blockM / 2 ? 'low' : 'wide';
}

/** From the plans of the block's own set. */
export function layerKernels(
  plans: readonly KernelPlan[],
  block: MoeBlock,
  choice: LayerChoice,
): KernelPlan[] {
  const families = choice.path === 'batched' ? batchedFamilies(block) : decodeFamilies(block);
  const wanted: Readonly<Record<string, string>> = {
    activation: choice.activation,
    weight: choice.weight,
    intermediate: choice.intermediate,
    scoring: routerVariant(block.router).name,
  };
  return families.map((family) => {
    // The logits have one tile of their own: their number of rows is the number of tokens.
    const tile = tileName(family === 'router_logits' ? TILES.wide : TILES[choice.tile]);
    return findPlan(plans, family, { ...wanted, tile });
  });
}

function batchedFamilies({ latent, shared }: MoeBlock): string[] {
  return [
    'router_logits',
    'router_select',
    'index_count',
    'index_scan',
    'index_scatter',
    ...(latent === null ? [] : ['latent_in']),
    'gate_up',
    'down',
    ...(shared === null ? [] : ['shared_gate_up', 'shared_down']),
    ...(shared?.sigmoidGate === true ? ['shared_sigmoid'] : []),
    'combine',
    ...(latent === null ? [] : ['latent_out']),
  ];
}

function decodeFamilies({ latent, shared }: MoeBlock): string[] {
  return [
    'router',
    ...(latent === null ? [] : ['decode_latent_in']),
    'decode_gate_up',
    ...(shared === null ? [] : ['decode_shared_gate_up', 'decode_shared_down']),
    'decode_down',
    ...(latent === null ? [] : ['decode_latent_out']),
  ];
}

/** The family's plan that says of every axis that it has what is wanted there. */
function findPlan(
  plans: readonly KernelPlan[],
  family: string,
  wanted: Readonly<Record<string, string>>,
): KernelPlan {
  const found = plans.find(
    (plan) =>
      plan.family === family &&
      Object.entries(wanted).every(([axis, value]) => (plan.axes[axis] ?? value) === value),
  );
  if (found === undefined) {
    throw new MoegenError('plan/no-such-kernel', `no ${family} kernel has ${JSON.stringify(wanted)}`, {
      help: 'see `moegen list` for what there is',
    });
  }
  return found;
}

/** The binding that holds each tensor of a checkpoint. */
export const TENSOR_BINDINGS: Readonly<Record<TensorRole, string>> = {
  router: 'router_weight',
  router_bias: 'router_bias',
  selection_bias: 'selection_bias',
  token_table: 'token_table',
  expert_gate_up: 'gate_up_weight',
  expert_gate_up_bias: 'gate_up_bias',
  expert_gate: 'gate_weight',
  expert_gate_bias: 'gate_bias',
  expert_up: 'up_weight',
  expert_up_bias: 'up_bias',
  expert_down: 'down_weight',
  expert_down_bias: 'down_bias',
  latent_in: 'latent_in_weight',
  latent_in_bias: 'latent_in_bias',
  latent_out: 'latent_out_weight',
  latent_out_bias: 'latent_out_bias',
  shared_gate_up: 'shared_gate_up_weight',
  shared_gate_up_bias: 'shared_gate_up_bias',
  shared_gate: 'shared_gate_weight',
  shared_gate_bias: 'shared_gate_bias',
  shared_up: 'shared_up_weight',
  shared_up_bias: 'shared_up_bias',
  shared_down: 'shared_down_weight',
  shared_down_bias: 'shared_down_bias',
  shared_sigmoid_gate: 'shared_sigmoid_weight',
  output_bias: 'output_bias',
};
