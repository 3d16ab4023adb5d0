// Blocks that between them have every variant of the expert kernels, small enough to be run.

import type { MoeBlock } from '../../generator/description/block.js';
import { checkBlock } from '../../generator/description/check-block.js';

const SIZES = { hiddenSize: 52, intermediateSize: 41, numExperts: 7, topK: 2 } as const;
const ROUTER = { scoring: { kind: 'softmax' } } as const;

function block(name: string, traits: object): MoeBlock {
  return checkBlock({ ...SIZES, router: ROUTER, ...traits }, name);
}

const plain = (activation: string) => ({ kind: 'plain', activation });

export const EXPERT_BLOCKS: Readonly<Record<string, MoeBlock>> = {
  oai: block('oai', {
    experts: {
      gateUp: 'interleaved',
      gateUpOrder: 'in_out',
      downOrder: 'in_out',
      bias: true,
      glu: { kind: 'oai', limit: 0.7, alpha: 1.702 },
    },
  }),
  weightedInput: block('weighted_input', {
    experts: { gateUpOrder: 'in_out', downOrder: 'in_out', weightOn: 'input' },
    shared: { intermediateSize: 37 },
  }),
  weightedPairs: block('weighted_pairs', {
    experts: { gateUp: 'interleaved', gateUpOrder: 'in_out', weightOn: 'input' },
  }),
  weightedRows: block('weighted_rows', {
    numZeroExperts: 3,
    experts: { gateUp: 'separate', bias: true, weightOn: 'input', glu: plain('relu') },
  }),
  interleaved: block('interleaved', {
    numZeroExperts: 3,
    experts: { gateUp: 'interleaved', glu: { kind: 'clamp_before', activation: 'silu', limit: 0.5 } },
  }),
  separateTransposed: block('separate_transposed', {
    numZeroExperts: 3,
    experts: {
      gateUp: 'separate',
      gateUpOrder: 'in_out',
      downOrder: 'in_out',
      glu: { kind: 'clamp_after', activation: 'gelu', limit: 0.5 },
    },
    shared: {
      intermediateSize: 37,
      layout: 'packed',
      bias: true,
      glu: { kind: 'oai', limit: 0.6, alpha: 1.5 },
      combine: 'average',
    },
    routedScale: 2.5,
  }),
  ungatedTransposed: block('ungated_transposed', {
    experts: { gateUp: 'ungated', gateUpOrder: 'in_out', bias: true, glu: plain('silu') },
    outputBias: true,
  }),
  latent: block('latent', {
    experts: { gateUp: 'ungated', glu: plain('relu2') },
    latent: { size: 29, bias: true },
    shared: { intermediateSize: 37, layout: 'ungated', glu: plain('relu2') },
    routedScale: 1.5,
  }),
  latentZero: block('latent_zero', {
    numZeroExperts: 3,
    latent: { size: 29 },
  }),
  sigmoidGate: block('sigmoid_gate', {
    experts: { glu: plain('relu2') },
    shared: {
      intermediateSize: 37,
      glu: { kind: 'clamp_after', activation: 'silu', limit: 0.4 },
      sigmoidGate: true,
    },
  }),
  packedSigmoidGate: block('packed_sigmoid_gate', {
    experts: { glu: plain('gelu_tanh') },
    shared: { intermediateSize: 37, layout: 'packed', sigmoidGate: true },
  }),
};
