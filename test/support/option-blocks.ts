// Blocks with the options that no recorded model has, several in each: norms, caps, factors and inputs of the router, ways to add the
// shared expert.

import type { MoeBlock } from '../../generator/description/block.js';
import { checkBlock } from '../../generator/description/check-block.js';

/** No multiples of a tile. */
const SIZES = { hiddenSize: 60, intermediateSize: 37, numExperts: 9, topK: 4 };
const NORM = { epsilon: 1e-5 };
const SUM = { kind: 'sum', epsilon: 1e-20 };
const GEGLU = { kind: 'plain', activation: 'gelu_tanh' };
/** Bounds that bite. */
const SITU = { kind: 'situ', beta: 0.5, linearBeta: 0.75 };

const INPUTS: Readonly<Record<string, unknown>> = {
  'norms around both branches, mixed': {
    ...SIZES,
    router: {
      norm: { ...NORM, factor: 0.25 },
      scoring: { kind: 'softmax' },
      normalize: SUM,
      expertScale: true,
    },
    experts: { inputNorm: NORM, outputNorm: NORM, glu: GEGLU },
    shared: { intermediateSize: 43, inputNorm: NORM, outputNorm: NORM, glu: GEGLU, combine: 'softmax' },
  },
  'a norm in the latent space, marked tokens, tempered and capped logits, mixed': {
    ...SIZES,
    router: {
      scoring: { kind: 'sigmoid' },
      temperature: 0.5,
      softcap: 0.75,
      selectionBias: true,
      markedSelectionBias: true,
      normalize: SUM,
    },
    experts: { glu: SITU },
    latent: { size: 28, norm: NORM },
    shared: { intermediateSize: 43, glu: SITU, combine: 'softmax' },
  },
  "a router's own input, a table with factors, mixed": {
    ...SIZES,
    router: {
      input: 'own',
      scoring: { kind: 'sigmoid' },
      selection: { kind: 'token_table', vocabSize: 30 },
      normalize: SUM,
      expertScale: true,
    },
    shared: { intermediateSize: 43, combine: 'softmax' },
  },
  'adjugate experts, weighted inputs, transposed experts': {
    ...SIZES,
    router: { scoring: { kind: 'sigmoid' }, normalize: SUM },
    experts: { weightOn: 'input', gateUpOrder: 'in_out', downOrder: 'in_out' },
    adjugate: { expertsPerGroup: 3, intermediateSize: 13, layout: 'packed', scale: 0.75 },
    routedScale: 2.5,
  },
  'adjugate experts without a gate in a latent space, shared': {
    ...SIZES,
    router: { scoring: { kind: 'sigmoid' }, normalize: SUM },
    experts: { gateUp: 'ungated', glu: { kind: 'plain', activation: 'relu2' } },
    adjugate: { expertsPerGroup: 9, intermediateSize: 41, scale: 0.5 },
    latent: { size: 28, norm: NORM },
    shared: { intermediateSize: 43 },
  },
  'an adjugate expert for each expert, zero experts, bounds that bite': {
    ...SIZES,
    numZeroExperts: 4,
    router: { scoring: { kind: 'softmax' }, normalize: SUM },
    experts: { gateUp: 'interleaved', glu: { kind: 'oai', limit: 0.5, alpha: 1.702 }, inputNorm: null },
    adjugate: { expertsPerGroup: 1, intermediateSize: 19, scale: -1.5 },
  },
  'equal power, logits capped alone': {
    ...SIZES,
    router: { input: 'own', norm: NORM, scoring: { kind: 'raw' }, post: 'softmax', softcap: 0.5 },
    shared: { intermediateSize: 43, combine: 'equal_power' },
  },
};

export const OPTION_BLOCKS: Readonly<Record<string, MoeBlock>> = Object.fromEntries(
  Object.entries(INPUTS).map(([name, input]) => [name, checkBlock(input, name)]),
);
