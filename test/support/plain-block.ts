// One plain block in full, and what others have instead: how tests write down the block that a configuration must become.

import type { MoeBlock } from '../../generator/description/block.js';

const SIZES = { hiddenSize: 64, intermediateSize: 32, numExperts: 8, topK: 2 };
const PLAIN: Omit<MoeBlock, 'tensors'> = {
  ...SIZES,
  numZeroExperts: 0,
  router: {
    scoring: { kind: 'softmax' },
    logitBias: false,
    input: 'block',
    norm: null,
    temperature: 1,
    softcap: null,
    markedSelectionBias: false,
    expertScale: false,
    selectionBias: false,
    groups: null,
    selection: { kind: 'top_k' },
    post: 'none',
    normalize: { kind: 'none' },
    scale: 1,
  },
  experts: {
    gateUp: 'concatenated',
    gateUpOrder: 'out_in',
    downOrder: 'out_in',
    bias: false,
    glu: { kind: 'plain', activation: 'silu' },
    weightOn: 'output',
    inputNorm: null,
    outputNorm: null,
  },
  adjugate: null,
  latent: null,
  routedScale: 1,
  outputBias: false,
  shared: null,
};
export const SHARED: NonNullable<MoeBlock['shared']> = {
  intermediateSize: 32,
  layout: 'separate',
  bias: false,
  glu: { kind: 'plain', activation: 'silu' },
  sigmoidGate: false,
  combine: 'sum',
  inputNorm: null,
  outputNorm: null,
};
export const SUM = { kind: 'sum', epsilon: 0 } as const;
export const SUM_1E20 = { kind: 'sum', epsilon: 1e-20 } as const;
export const SIGMOID = { scoring: { kind: 'sigmoid' }, selectionBias: true } as const;
export const OF_SELECTED = { scoring: { kind: 'raw' }, post: 'softmax' } as const;

export interface Difference extends Omit<Partial<MoeBlock>, 'router' | 'experts' | 'tensors'> {
  readonly router?: Partial<MoeBlock['router']>;
  readonly experts?: Partial<MoeBlock['experts']>;
}

/** The block with these differences from the plain one. */
export function blockTraits(difference: Difference): Omit<MoeBlock, 'tensors'> {
  return {
    ...PLAIN,
    ...difference,
    router: { ...PLAIN.router, ...difference.router },
    experts: { ...PLAIN.experts, ...difference.experts },
  };
}
