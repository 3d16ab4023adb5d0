// How a file lays out the matrices of a block: gate and up apart or together, rows as outputs or as inputs.

import type { MoeBlock, TensorRole } from '../description/block.js';
import { expertsInRole } from '../description/tensors.js';
import { ACTIVATION_DTYPES } from '../description/dtypes.js';
import type { MoeLayer } from './formats/layers.js';
import type { StoredMatrix } from './formats/matrix.js';

type Order = MoeBlock['experts']['gateUpOrder'];

/** The block with the layout of the layer's matrices; what a file lacks stays as it was described. */
export function layoutOf(block: MoeBlock, layer: MoeLayer): MoeBlock {
  const { experts, adjugate, shared } = block;
  const gateUp = gateUpOf(experts.gateUp, layer, 'expert', 'concatenated');
  const width = block.latent?.size ?? block.hiddenSize;
  const order = (role: TensorRole, inSize: number, own: Order) =>
    orderOf(layer.matrices.get(role)?.[0], inSize, own);
  const gateUpRole = layer.matrices.has('expert_gate_up') ? 'expert_gate_up' : 'expert_up';
  return {
    ...block,
    experts: {
      ...experts,
      gateUp,
      gateUpOrder: order(gateUpRole, width, experts.gateUpOrder),
      downOrder: order('expert_down', block.intermediateSize, experts.downOrder),
    },
    adjugate: adjugate && { ...adjugate, layout: gateUpOf(adjugate.layout, layer, 'adjugate', 'packed') },
    shared: shared && { ...shared, layout: gateUpOf(shared.layout, layer, 'shared', 'packed') },
  };
}

function gateUpOf<Layout extends string>(
  described: Layout,
  { matrices }: MoeLayer,
  prefix: 'expert' | 'adjugate' | 'shared',
  joint: Layout,
): Layout {
  if (described === 'ungated') return described;
  if (matrices.has(`${prefix}_gate_up`)) return described === 'separate' ? joint : described;
  return matrices.has(`${prefix}_up`) ? ('separate' as Layout) : described;
}

/**
 * Whatever is packed has its outputs as rows. Of numbers the shape decides; where it fits both ways, linear modules have outputs as rows,
 * and of a bare parameter (`experts.gate_up_proj`) the model's own code says it.
 */
function orderOf(matrix: StoredMatrix | undefined, inSize: number, described: Order): Order {
  if (matrix === undefined || !ACTIVATION_DTYPES.some((dtype) => dtype === matrix.format)) return 'out_in';
  // The rows of all experts below each other do not tell.
  if (isBare(matrix) && matrix.planes['weight']?.shape.length === 2) return described;
  const [isOutIn, isInOut] = [matrix.terms === inSize, matrix.columns === inSize];
  if (isOutIn !== isInOut) return isOutIn ? 'out_in' : 'in_out';
  return isBare(matrix) ? described : 'out_in';
}

function isBare({ module, planes }: StoredMatrix): boolean {
  return planes['weight']?.name === module;
}

interface MatrixShape {
  readonly count: number;
  readonly columns: number;
  readonly terms: number;
}

/** Matrices in a role, and rows and terms of each as they lie. */
export function expertShape(block: MoeBlock, role: TensorRole): MatrixShape {
  const { hiddenSize, intermediateSize, numExperts, experts, adjugate, shared, latent } = block;
  const width = latent?.size ?? hiddenSize;
  const sharedSize = shared?.intermediateSize ?? 0;
  const adjugateSize = adjugate?.intermediateSize ?? 0;
  const expert = (order: Order, output: number, input: number) =>
    order === 'out_in'
      ? { count: numExperts, columns: output, terms: input }
      : { count: numExperts, columns: input, terms: output };
  const ofGroup = (columns: number, terms: number) => ({
    count: expertsInRole(role, block),
    columns,
    terms,
  });
  const single = (columns: number, terms: number) => ({ count: 1, columns, terms });
  const shapes: Partial<Record<TensorRole, MatrixShape>> = {
    router: single(numExperts + block.numZeroExperts, hiddenSize),
    expert_gate_up: expert(experts.gateUpOrder, 2 * intermediateSize, width),
    expert_gate: expert(experts.gateUpOrder, intermediateSize, width),
    expert_up: expert(experts.gateUpOrder, intermediateSize, width),
    expert_down: expert(experts.downOrder, width, intermediateSize),
    adjugate_gate_up: ofGroup(2 * adjugateSize, width),
    adjugate_gate: ofGroup(adjugateSize, width),
    adjugate_up: ofGroup(adjugateSize, width),
    adjugate_down: ofGroup(width, adjugateSize),
    latent_in: single(width, hiddenSize),
    latent_out: single(hiddenSize, width),
    shared_gate_up: single(2 * sharedSize, hiddenSize),
    shared_gate: single(sharedSize, hiddenSize),
    shared_up: single(sharedSize, hiddenSize),
    shared_down: single(hiddenSize, sharedSize),
    shared_sigmoid_gate: single(1, hiddenSize),
    shared_mix: single(2, hiddenSize),
  };
  const shape = shapes[role];
  if (shape === undefined) throw new Error(`no matrix has the role ${role}`);
  return shape;
}
