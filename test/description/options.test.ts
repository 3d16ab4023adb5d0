// Whatever of a block changes its result shows in the sentences about it.

import { describe, expect, it } from 'vitest';
import { checkBlock } from '../../generator/description/check-block.js';
import { blockOptions } from '../../generator/description/options.js';

const NORM = { epsilon: 1e-6 };
const BASE = {
  ...{ hiddenSize: 64, intermediateSize: 32, numExperts: 8, topK: 2 },
  router: { scoring: { kind: 'sigmoid' }, selectionBias: true },
  shared: { intermediateSize: 32 },
};
type Traits = Readonly<Record<string, unknown>>;

const router = (own: object): Traits => ({ router: { ...BASE.router, ...own } });
const experts = (own: object): Traits => ({ experts: own });
const shared = (own: object): Traits => ({ shared: { ...BASE.shared, ...own } });
const limited = (kind: string, limit: number) => ({ glu: { kind, activation: 'silu', limit } });
const OAI = { kind: 'oai', limit: 7, alpha: 1.702 };
const SITU = { kind: 'situ', beta: 4, linearBeta: 25 };

/** Every option in turn, and of each that is a number two values. */
const VARIANTS: readonly Traits[] = [
  ...[{ numExperts: 9 }, { topK: 3 }, { numZeroExperts: 1 }, { numZeroExperts: 2 }],
  ...[{ routedScale: 2 }, { routedScale: 3 }, { outputBias: true }, { shared: null }],
  ...['softmax', 'sqrtsoftplus', 'raw'].map((kind) => router({ scoring: { kind } })),
  ...[0.01, 0.02].map((epsilon) =>
    router({ scoring: { kind: 'sparsemixer', epsilon }, selectionBias: false }),
  ),
  ...['softmax', 'sigmoid'].map((post) => router({ scoring: { kind: 'raw' }, post })),
  ...[
    { input: 'own' },
    { norm: { ...NORM } },
    { norm: { epsilon: 1e-5 } },
    { norm: { ...NORM, factor: 3 } },
  ].map(router),
  ...[
    { logitBias: true },
    { selectionBias: false },
    { markedSelectionBias: true },
    { expertScale: true },
  ].map(router),
  ...[
    { temperature: 2 },
    { temperature: 3 },
    { softcap: 30 },
    { softcap: 40 },
    { scale: 2 },
    { scale: 3 },
  ].map(router),
  ...[
    { count: 4, keep: 2, score: 'max' },
    { count: 4, keep: 3, score: 'max' },
    { count: 2, keep: 1, score: 'max' },
    { count: 4, keep: 2, score: 'top2_sum' },
  ].map((groups) => router({ groups })),
  ...[100, 200].map((vocabSize) =>
    router({ selection: { kind: 'token_table', vocabSize }, selectionBias: false }),
  ),
  ...[
    { kind: 'sum', epsilon: 0 },
    { kind: 'sum', epsilon: 1e-6 },
    { kind: 'floor', floor: 1e-6 },
    { kind: 'floor', floor: 1e-7 },
    { kind: 'p_norm', p: 1 },
    { kind: 'p_norm', p: 2 },
  ].map((normalize) => router({ normalize })),
  ...['interleaved', 'separate', 'ungated'].map((gateUp) => experts({ gateUp })),
  ...[{ gateUpOrder: 'in_out' }, { downOrder: 'in_out' }, { bias: true }, { weightOn: 'input' }].map(experts),
  ...[{ inputNorm: NORM }, { inputNorm: { epsilon: 1e-5 } }, { outputNorm: NORM }].map(experts),
  ...['gelu', 'gelu_tanh', 'relu', 'relu2'].map((activation) =>
    experts({ glu: { kind: 'plain', activation } }),
  ),
  ...['clamp_before', 'clamp_after'].flatMap((kind) => [7, 8].map((limit) => experts(limited(kind, limit)))),
  ...[
    OAI,
    { ...OAI, limit: 8 },
    { ...OAI, alpha: 2 },
    SITU,
    { ...SITU, beta: 5 },
    { ...SITU, linearBeta: 24 },
  ].map((glu) => experts({ glu })),
  ...[{ size: 16 }, { size: 24 }, { size: 16, bias: true }, { size: 16, norm: NORM }].map((latent) => ({
    latent,
  })),
  ...[{ intermediateSize: 48 }, { layout: 'packed' }, { layout: 'ungated' }, { bias: true }].map(shared),
  ...[{ sigmoidGate: true }, { inputNorm: NORM }, { outputNorm: NORM }, { glu: OAI }, { glu: SITU }].map(
    shared,
  ),
  ...['average', 'equal_power', 'softmax'].map((combine) => shared({ combine })),
];

const sentences = (traits: Traits): string =>
  blockOptions(checkBlock({ ...BASE, ...traits }, 'a test'))
    .map(({ option, value }) => `${option}: ${value}`)
    .join('\n');

describe('the options of a block', () => {
  it('differ wherever the blocks do', () => {
    const seen = new Map<string, Traits>([[sentences({}), {}]]);
    for (const variant of VARIANTS) {
      const text = sentences(variant);
      expect(seen.get(text), `${JSON.stringify(variant)} reads as another block`).toBe(undefined);
      seen.set(text, variant);
    }
  });

  it('begin with how weights are normalised', () => {
    expect(sentences({})).toMatch(/^weights: not renormalised\n/);
  });
});
