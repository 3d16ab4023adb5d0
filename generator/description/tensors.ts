// What a block is into the tensors that it needs: one role and one shape for each, expert dimension first.

import type { BlockTraits, TensorRole } from './block.js';

type Shape = readonly number[];
type Entry = readonly [TensorRole, Shape];

/** In the order in which the block uses them. */
export function tensorShapes(block: BlockTraits): ReadonlyMap<TensorRole, Shape> {
  const entries = [
    ...routerTensors(block),
    ...expertTensors(block),
    ...adjugateTensors(block),
    ...latentTensors(block),
    ...sharedTensors(block),
  ];
  if (block.experts.outputNorm !== null) entries.push(['routed_norm', [block.hiddenSize]]);
  if (block.outputBias) entries.push(['output_bias', [block.hiddenSize]]);
  return new Map(entries);
}

function routerTensors({ router, topK, hiddenSize, ...block }: BlockTraits): Entry[] {
  const scored = block.numExperts + block.numZeroExperts;
  const entries: Entry[] = [['router', [scored, hiddenSize]]];
  if (router.logitBias) entries.push(['router_bias', [scored]]);
  if (router.norm !== null) entries.push(['router_norm', [hiddenSize]]);
  if (router.selectionBias) entries.push(['selection_bias', [scored]]);
  if (router.markedSelectionBias) entries.push(['marked_selection_bias', [scored]]);
  if (router.expertScale) entries.push(['expert_scale', [scored]]);
  if (router.selection.kind === 'token_table') {
    entries.push(['token_table', [router.selection.vocabSize, topK]]);
  }
  return entries;
}

function expertTensors(block: BlockTraits): Entry[] {
  const { numExperts, intermediateSize, experts } = block;
  const width = block.latent?.size ?? block.hiddenSize;
  const matrix = (order: 'out_in' | 'in_out', output: number, input: number): Shape =>
    order === 'out_in' ? [numExperts, output, input] : [numExperts, input, output];
  const projection = (role: 'expert_gate_up' | 'expert_gate' | 'expert_up', output: number) =>
    withBias(role, matrix(experts.gateUpOrder, output, width), [numExperts, output], experts.bias);
  const gateUp = {
    concatenated: () => projection('expert_gate_up', 2 * intermediateSize),
    interleaved: () => projection('expert_gate_up', 2 * intermediateSize),
    separate: () => [
      ...projection('expert_gate', intermediateSize),
      ...projection('expert_up', intermediateSize),
    ],
    ungated: () => projection('expert_up', intermediateSize),
  }[experts.gateUp]();
  const down = matrix(experts.downOrder, width, intermediateSize);
  return [
    ...normTensor('expert_norm', experts.inputNorm, width),
    ...gateUp,
    ...withBias('expert_down', down, [numExperts, width], experts.bias),
  ];
}

/** Of each routed expert, or of each that these share in groups. */
export function isOfExperts(role: TensorRole): boolean {
  return /^(?:expert|adjugate)_/.test(role);
}

/** Matrices in a role, of the routed experts or of those that they share in groups. */
export function expertsInRole(role: TensorRole, { numExperts, adjugate }: BlockTraits): number {
  const isShared = adjugate !== null && role.startsWith('adjugate_');
  return isShared ? numExperts / adjugate.expertsPerGroup : numExperts;
}

function adjugateTensors(block: BlockTraits): Entry[] {
  const { adjugate } = block;
  if (adjugate === null) return [];
  const width = block.latent?.size ?? block.hiddenSize;
  const { intermediateSize } = adjugate;
  const matrix = (role: TensorRole, output: number, input: number): Entry => [
    role,
    [expertsInRole(role, block), output, input],
  ];
  const up = matrix('adjugate_up', intermediateSize, width);
  const gateUp = {
    packed: [matrix('adjugate_gate_up', 2 * intermediateSize, width)],
    separate: [matrix('adjugate_gate', intermediateSize, width), up],
    ungated: [up],
  }[block.experts.gateUp === 'ungated' ? 'ungated' : adjugate.layout];
  return [...gateUp, matrix('adjugate_down', width, intermediateSize)];
}

function normTensor(role: TensorRole, norm: object | null, width: number): Entry[] {
  return norm === null ? [] : [[role, [width]]];
}

function latentTensors({ latent, hiddenSize }: BlockTraits): Entry[] {
  if (latent === null) return [];
  return [
    ...withBias('latent_in', [latent.size, hiddenSize], [latent.size], latent.bias),
    ...normTensor('latent_norm', latent.norm, latent.size),
    ...withBias('latent_out', [hiddenSize, latent.size], [hiddenSize], latent.bias),
  ];
}

function sharedTensors({ shared, hiddenSize }: BlockTraits): Entry[] {
  if (shared === null) return [];
  const { intermediateSize, bias } = shared;
  const projection = (role: 'shared_gate_up' | 'shared_gate' | 'shared_up', output: number) =>
    withBias(role, [output, hiddenSize], [output], bias);
  const gateUp = {
    packed: () => projection('shared_gate_up', 2 * intermediateSize),
    separate: () => [
      ...projection('shared_gate', intermediateSize),
      ...projection('shared_up', intermediateSize),
    ],
    ungated: () => projection('shared_up', intermediateSize),
  }[shared.layout]();
  const down = withBias('shared_down', [hiddenSize, intermediateSize], [hiddenSize], bias);
  const sigmoidGate: Entry[] = shared.sigmoidGate ? [['shared_sigmoid_gate', [1, hiddenSize]]] : [];
  const mix: Entry[] =
    shared.combine === 'softmax'
      ? [
          ['shared_mix', [2, hiddenSize]],
          ['shared_mix_bias', [2]],
        ]
      : [];
  return [
    ...normTensor('shared_norm', shared.inputNorm, hiddenSize),
    ...gateUp,
    ...down,
    ...normTensor('shared_output_norm', shared.outputNorm, hiddenSize),
    ...sigmoidGate,
    ...mix,
  ];
}

type RoleWithBias = {
  [Role in TensorRole]: `${Role}_bias` extends TensorRole ? Role : never;
}[TensorRole];

function withBias(role: RoleWithBias, weight: Shape, bias: Shape, hasBias: boolean): Entry[] {
  return hasBias
    ? [
        [role, weight],
        [`${role}_bias`, bias],
      ]
    : [[role, weight]];
}
