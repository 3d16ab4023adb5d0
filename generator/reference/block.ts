// One layer's whole MoE block in double precision: router, the experts that were hit, combine, and what comes after.

import type { Adjugate, MoeBlock, SharedExpert, TensorRole } from '../description/block.js';
import { sigmoid, softcap } from './activations.js';
import { referenceCombine } from './combine.js';
import { referenceDown, referenceGateUp, type ExpertMatrices, type ExpertShape } from './experts.js';
import { referenceGather, referenceIndex, type ExpertIndex } from './expert-index.js';
import { linearOutIn } from './linear.js';
import { rmsNorm } from './norm.js';
import { referenceRouting, type Routing } from './router.js';
import type { BlockWeights, Values } from './weights.js';

/** A value that a kernel may store on its way. */
export type Stage =
  'logits' | 'gate' | 'up' | 'hidden' | 'expert output' | 'routed sum' | 'shared output' | 'output';
export type Observer = (stage: Stage, values: Float64Array) => void;

export interface BlockInputs {
  /** [tokens, hidden_size]. */
  readonly x: Float64Array;
  /** The id of each token, for blocks that select by a token table. */
  readonly tokenIds: ArrayLike<number> | null;
  /** [tokens, hidden_size], where the router has an input of its own. */
  readonly routerX?: Float64Array;
  /** Not 0 for tokens that are selected with the other bias. */
  readonly tokenMarks?: ArrayLike<number>;
  /** What is left of the values between gate_up and down where they are stored; without it, all of them. */
  readonly storeHidden?: (hidden: Float64Array) => Float64Array;
}

/** What happens to values on their way. */
interface Passing {
  readonly observe: Observer;
  readonly storeHidden: (hidden: Float64Array) => Float64Array;
}

/** [tokens, hidden_size]. */
export function referenceBlock(
  block: MoeBlock,
  weights: BlockWeights,
  inputs: BlockInputs,
  observe: Observer = () => undefined,
): Float64Array {
  const { x, storeHidden = (hidden: Float64Array) => hidden } = inputs;
  const routing = route(block, weights, inputs, observe);
  const expertInput =
    block.latent === null
      ? normed(x, weights, 'expert_norm', block.experts.inputNorm)
      : project(x, weights, 'latent_in', block.latent.bias, block.hiddenSize);
  const combined = runExperts(block, weights, routing, expertInput, { observe, storeHidden });
  const routed =
    block.latent === null
      ? normed(combined, weights, 'routed_norm', block.experts.outputNorm)
      : project(
          normed(combined, weights, 'latent_norm', block.latent.norm),
          weights,
          'latent_out',
          block.latent.bias,
          block.latent.size,
        );
  finishRouted(block, weights, routed);
  observe('routed sum', routed);
  const y =
    block.shared === null
      ? routed
      : addShared({ ...block, shared: block.shared }, weights, x, routed, { observe, storeHidden });
  observe('output', y);
  return y;
}

function route(block: MoeBlock, weights: BlockWeights, inputs: BlockInputs, observe: Observer): Routing {
  const { router } = block;
  const bias = router.logitBias ? weights.tensor('router_bias') : null;
  const own = router.input === 'own' ? (inputs.routerX ?? new Float64Array()) : inputs.x;
  const x = normed(own, weights, 'router_norm', router.norm);
  const logits = linearOutIn(x, weights.tensor('router'), bias, block.hiddenSize).map((logit) => {
    const tempered = logit / router.temperature;
    return router.softcap === null ? tempered : softcap(tempered, router.softcap);
  });
  observe('logits', logits);
  return referenceRouting(block, logits, {
    markedSelectionBias: router.markedSelectionBias ? weights.tensor('marked_selection_bias') : null,
    tokenMarks: inputs.tokenMarks ?? null,
    expertScale: router.expertScale ? weights.tensor('expert_scale') : null,
    selectionBias: router.selectionBias ? weights.tensor('selection_bias') : null,
    tokenTable: router.selection.kind === 'token_table' ? weights.tensor('token_table') : null,
    tokenIds: inputs.tokenIds,
  });
}

/** As it is, where there is no norm. */
function normed(
  x: Float64Array,
  weights: BlockWeights,
  role: TensorRole,
  norm: { readonly epsilon: number; readonly factor?: number } | null,
): Float64Array {
  return norm === null ? x : rmsNorm(x, weights.tensor(role), norm);
}

function project(
  x: Float64Array,
  weights: BlockWeights,
  role: 'latent_in' | 'latent_out',
  hasBias: boolean,
  inSize: number,
): Float64Array {
  return linearOutIn(x, weights.tensor(role), hasBias ? weights.tensor(`${role}_bias`) : null, inSize);
}

/** The weighted sum of the routed experts, in the width in which they work. */
function runExperts(
  block: MoeBlock,
  weights: BlockWeights,
  routing: Routing,
  x: Float64Array,
  { observe, storeHidden }: Passing,
): Float64Array {
  const index = referenceIndex(routing.ids, block.numExperts);
  const shape = routedShape(block);
  const isWeighted = block.experts.weightOn === 'input';
  const rows = referenceGather(x, index.order, routing.topK, shape.width);
  if (isWeighted) scaleRows(rows, shape.width, (row) => routing.weights[index.order[row] ?? 0] ?? NaN);
  const outputs = new Float64Array(rows.length);
  for (let expert = 0; expert < block.numExperts; expert += 1) {
    const [first, end] = rowRange(index, expert);
    if (first === end) continue;
    const matrices = routedMatrices(block, weights, expert);
    const inner = referenceGateUp(shape, matrices, rows.subarray(first * shape.width, end * shape.width));
    if (inner.gate !== null) observe('gate', inner.gate);
    observe('up', inner.up);
    observe('hidden', inner.hidden);
    outputs.set(referenceDown(shape, matrices, storeHidden(inner.hidden)), first * shape.width);
  }
  if (block.adjugate !== null) {
    addAdjugates({ ...block, adjugate: block.adjugate }, weights, index, rows, outputs, {
      observe,
      storeHidden,
    });
  }
  observe('expert output', outputs);
  return referenceCombine({ ...block, width: shape.width, isWeighted }, routing, index, outputs, x);
}

/** Every row into the adjugate expert of its expert's group too, whose output is added to the row's. */
function addAdjugates(
  { adjugate, ...block }: MoeBlock & { readonly adjugate: Adjugate },
  weights: BlockWeights,
  index: ExpertIndex,
  rows: Float64Array,
  outputs: Float64Array,
  { observe, storeHidden }: Passing,
): void {
  const isUngated = block.experts.gateUp === 'ungated';
  const layout = isUngated ? 'ungated' : adjugate.layout;
  const shape: ExpertShape = {
    width: block.latent?.size ?? block.hiddenSize,
    intermediateSize: adjugate.intermediateSize,
    gateUp: layout === 'packed' ? 'concatenated' : layout,
    gateUpOrder: 'out_in',
    downOrder: 'out_in',
    glu: block.experts.glu,
  };
  const { width } = shape;
  for (let group = 0; group < block.numExperts / adjugate.expertsPerGroup; group += 1) {
    const [first] = rowRange(index, group * adjugate.expertsPerGroup);
    const end = index.offsets[(group + 1) * adjugate.expertsPerGroup] ?? 0;
    if (first === end) continue;
    const matrices = expertMatrices(layout, 'adjugate', false, (role) => weights.expert(role, group));
    const { hidden } = referenceGateUp(shape, matrices, rows.subarray(first * width, end * width));
    observe('hidden', hidden);
    referenceDown(shape, matrices, storeHidden(hidden)).forEach((value, at) => {
      outputs[first * width + at] = (outputs[first * width + at] ?? NaN) + adjugate.scale * value;
    });
  }
}

function rowRange(index: ExpertIndex, expert: number): readonly [number, number] {
  return [index.offsets[expert] ?? 0, index.offsets[expert + 1] ?? 0];
}

function scaleRows(rows: Float64Array, width: number, factor: (row: number) => number): void {
  for (let row = 0; row < rows.length / width; row += 1) {
    const scale = factor(row);
    for (let h = row * width; h < (row + 1) * width; h += 1) rows[h] = (rows[h] ?? NaN) * scale;
  }
}

function routedShape(block: MoeBlock): ExpertShape {
  return {
    ...block.experts,
    width: block.latent?.size ?? block.hiddenSize,
    intermediateSize: block.intermediateSize,
  };
}

function routedMatrices(block: MoeBlock, weights: BlockWeights, expert: number): ExpertMatrices {
  const { gateUp, bias } = block.experts;
  const part = (role: TensorRole) => weights.expert(role, expert);
  return expertMatrices(gateUp, 'expert', bias, part);
}

function sharedMatrices(shared: SharedExpert, weights: BlockWeights): ExpertMatrices {
  return expertMatrices(shared.layout, 'shared', shared.bias, (role) => weights.tensor(role));
}

function expertMatrices(
  layout: MoeBlock['experts']['gateUp'] | 'packed',
  prefix: 'expert' | 'adjugate' | 'shared',
  hasBias: boolean,
  part: (role: TensorRole) => Values,
): ExpertMatrices {
  const matrix = (name: 'gate_up' | 'gate' | 'up' | 'down') => ({
    weight: part(`${prefix}_${name}`),
    bias: hasBias && prefix !== 'adjugate' ? part(`${prefix}_${name}_bias`) : null,
  });
  switch (layout) {
    case 'separate':
      return { kind: 'separate', gate: matrix('gate'), up: matrix('up'), down: matrix('down') };
    case 'ungated':
      return { kind: 'ungated', up: matrix('up'), down: matrix('down') };
    case 'packed':
    case 'concatenated':
    case 'interleaved':
      return { kind: 'joint', gateUp: matrix('gate_up'), down: matrix('down') };
  }
}

/** The scale of the routed sum and the bias of the block, in place. */
function finishRouted(block: MoeBlock, weights: BlockWeights, routed: Float64Array): void {
  const bias = block.outputBias ? weights.tensor('output_bias') : null;
  routed.forEach((value, at) => {
    routed[at] = value * block.routedScale + (bias?.[at % block.hiddenSize] ?? 0);
  });
}

function addShared(
  { shared, ...block }: MoeBlock & { readonly shared: SharedExpert },
  weights: BlockWeights,
  x: Float64Array,
  routed: Float64Array,
  { observe, storeHidden }: Passing,
): Float64Array {
  const shape: ExpertShape = {
    width: block.hiddenSize,
    intermediateSize: shared.intermediateSize,
    gateUp: shared.layout === 'packed' ? 'concatenated' : shared.layout,
    gateUpOrder: 'out_in',
    downOrder: 'out_in',
    glu: shared.glu,
  };
  const matrices = sharedMatrices(shared, weights);
  const { hidden } = referenceGateUp(shape, matrices, normed(x, weights, 'shared_norm', shared.inputNorm));
  const product = referenceDown(shape, matrices, storeHidden(hidden));
  const output = normed(product, weights, 'shared_output_norm', shared.outputNorm);
  if (shared.sigmoidGate) {
    const gate = linearOutIn(x, weights.tensor('shared_sigmoid_gate'), null, block.hiddenSize);
    scaleRows(output, block.hiddenSize, (row) => sigmoid(gate[row] ?? NaN));
  }
  observe('shared output', output);
  if (shared.combine === 'softmax') return mixBranches(block, weights, x, routed, output);
  const share = { sum: 1, average: 0.5, equal_power: Math.SQRT1_2 }[shared.combine];
  return routed.map((value, at) => (value + (output[at] ?? NaN)) * share);
}

/** Both branches, weighted by a softmax of two logits of the token. */
function mixBranches(
  { hiddenSize }: Pick<MoeBlock, 'hiddenSize'>,
  weights: BlockWeights,
  x: Float64Array,
  routed: Float64Array,
  shared: Float64Array,
): Float64Array {
  const logits = linearOutIn(x, weights.tensor('shared_mix'), weights.tensor('shared_mix_bias'), hiddenSize);
  return routed.map((value, at) => {
    const token = Math.floor(at / hiddenSize);
    const share = sigmoid((logits[2 * token] ?? NaN) - (logits[2 * token + 1] ?? NaN));
    return value * share + (shared[at] ?? NaN) * (1 - share);
  });
}
