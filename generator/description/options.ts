// What of a block decides its result, as sentences for people: a configuration that was read wrongly shows here first.

import type { Glu, MoeBlock, Router } from './block.js';

export interface BlockOption {
  readonly option: string;
  readonly value: string;
}

/** Renormalising first, for it is what configurations get wrong most. */
export function blockOptions(block: MoeBlock): BlockOption[] {
  const { router, experts, latent, shared } = block;
  const entries: readonly (readonly [string, string | null])[] = [
    ['weights', normalizing(router)],
    ['scores', scoring(router)],
    ['experts', `${block.numExperts}, of which ${block.topK} for each token`],
    ['zero experts', block.numZeroExperts > 0 ? `${block.numZeroExperts}, which return their input` : null],
    ['router input', router.input === 'own' ? "states of the router's own" : null],
    [
      'router norm',
      router.norm === null ? null : `epsilon ${router.norm.epsilon}, factor ${router.norm.factor}`,
    ],
    ['temperature', router.temperature === 1 ? null : `divides the logits by ${router.temperature}`],
    ['softcap', router.softcap === null ? null : `logits stay below ${router.softcap}`],
    ['expert scale', router.expertScale ? 'a factor for the weight of each expert' : null],
    ['marked tokens', router.markedSelectionBias ? 'are selected with a bias of their own' : null],
    ['logit bias', router.logitBias ? 'added to the logits' : null],
    ['selection bias', router.selectionBias ? 'added to the scores to choose; weights never see it' : null],
    ['groups', grouping(router)],
    ['selection', selection(router)],
    ['weight scale', router.scale === 1 ? null : `${router.scale}, after the division`],
    ['activation', glu(experts.glu, experts.gateUp !== 'ungated')],
    ['gate and up', `${experts.gateUp}${experts.gateUpOrder === 'in_out' ? ', transposed' : ''}`],
    ['down', experts.downOrder === 'in_out' ? 'transposed' : null],
    ['expert biases', experts.bias ? 'of gate, up and down' : null],
    ['adjugate experts', adjugateText(block)],
    ['weights multiply', experts.weightOn === 'input' ? 'the input of the experts' : null],
    [
      'latent space',
      latent === null ? null : `${latent.size} dimensions${latent.bias ? ', with biases' : ''}`,
    ],
    ['latent norm', normText(latent?.norm)],
    ['input norm', normText(experts.inputNorm)],
    ['output norm', normText(experts.outputNorm)],
    ['scale of the sum', block.routedScale === 1 ? null : String(block.routedScale)],
    ['output bias', block.outputBias ? 'added to each token' : null],
    ...sharedOptions(shared),
  ];
  return entries.flatMap(([option, value]) => (value === null ? [] : [{ option, value }]));
}

const COMBINATIONS = {
  sum: 'added',
  average: 'averaged',
  equal_power: 'added, over the square root of two',
  softmax: 'both weighted by a softmax of two logits',
} as const;

function normText(norm: { readonly epsilon: number } | null | undefined): string | null {
  return norm == null ? null : `root mean square, epsilon ${norm.epsilon}`;
}

function normalizing({ normalize, post }: Router): string {
  switch (normalize.kind) {
    case 'none':
      return post === 'softmax' ? 'a softmax over the selected' : 'not renormalised';
    case 'sum':
      return `renormalised: over their sum${normalize.epsilon === 0 ? '' : ` + ${normalize.epsilon}`}`;
    case 'floor':
      return `renormalised: over their sum, at least ${normalize.floor}`;
    case 'p_norm':
      return `renormalised: over their ${normalize.p}-norm`;
  }
}

function scoring({ scoring, post }: Router): string {
  if (scoring.kind === 'sparsemixer') return `sparsemixer with epsilon ${scoring.epsilon}`;
  const scores = {
    softmax: 'softmax over all experts',
    sigmoid: 'sigmoid of each logit',
    sqrtsoftplus: 'square root of the softplus of each logit',
    raw: 'the logits themselves',
  }[scoring.kind];
  return post === 'none' ? scores : `${scores}; ${post} of the selected`;
}

function grouping({ groups }: Router): string | null {
  if (groups === null) return null;
  const rating = groups.score === 'max' ? 'their best' : 'the sum of their two best';
  return `the best ${groups.keep} of ${groups.count} by ${rating}`;
}

function selection({ selection }: Router): string | null {
  return selection.kind === 'token_table' ? `a table by token id, ${selection.vocabSize} rows` : null;
}

function glu(unit: Glu, isGated: boolean): string {
  if (unit.kind === 'situ') return `situ, gate at most ${unit.beta}, up at most ${unit.linearBeta}`;
  const act = unit.kind === 'oai' ? `sigmoid with alpha ${unit.alpha}` : unit.activation;
  const limits = {
    plain: () => '',
    clamp_before: (limit: number) => `, clamped at ${limit} before`,
    clamp_after: (limit: number) => `, clamped at ${limit} after`,
    oai: (limit: number) => `, clamped at ${limit} before, up + 1`,
  }[unit.kind];
  return `${act}${limits(unit.kind === 'plain' ? 0 : unit.limit)}${isGated ? '' : ', without a gate'}`;
}

function adjugateText({ adjugate, numExperts }: MoeBlock): string | null {
  if (adjugate === null) return null;
  const { expertsPerGroup, intermediateSize, layout, scale } = adjugate;
  return `${numExperts / expertsPerGroup}, one for ${expertsPerGroup} neighbours, ${intermediateSize} wide, ${layout}, times ${scale}`;
}

function sharedOptions(shared: MoeBlock['shared']): readonly (readonly [string, string | null])[] {
  if (shared === null) return [];
  const isGated = shared.layout !== 'ungated';
  return [
    ['shared expert', `${shared.intermediateSize} wide, ${shared.layout}, ${glu(shared.glu, isGated)}`],
    ['shared biases', shared.bias ? 'of gate, up and down' : null],
    ['shared factor', shared.sigmoidGate ? 'a sigmoid of the token' : null],
    ['shared input norm', normText(shared.inputNorm)],
    ['shared output norm', normText(shared.outputNorm)],
    ['with the sum', COMBINATIONS[shared.combine]],
  ];
}
