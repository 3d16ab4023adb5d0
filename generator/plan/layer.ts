// Which kernels run one layer's MoE block, in which order. Buffers pass from one to the next by the names of their bindings, and
// a checkpoint's tensors come in by the names of theirs.

import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../description/block.js';
import type { ActivationDtype } from '../description/dtypes.js';
import type { TensorRecipe } from '../description/recipes.js';
import { routerVariant } from '../description/routers.js';
import { projectionFormat, type FormatMix } from '../description/weights.js';
import { blockNorms } from './families/norms.js';
import { FAMILIES, type FamilyName, type NormName } from './families/table.js';
import { hasSingleBuild } from './families/index-build.js';
import { LAYER_PATHS, type LayerPath } from './selection.js';
import type { TileName } from './tiles.js';
import type { KernelPlan, TileShape } from './types.js';
import { hasSkinnyKernels } from './variants.js';

export { LAYER_PATHS, pathFor, rulesOf, tileFor, type LayerPath } from './selection.js';

export interface LayerChoice {
  readonly path: LayerPath;
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly mix?: FormatMix;
  readonly intermediate: ActivationDtype;
  readonly tile: TileName;
}

export function layerPaths(experts: Pick<MoeBlock['experts'], 'gateUpOrder' | 'downOrder'>): LayerPath[] {
  return LAYER_PATHS.filter((path) => path !== 'skinny' || hasSkinnyKernels(experts));
}

/** From the plans of the block's own set. */
export function layerKernels(
  plans: readonly KernelPlan[],
  block: MoeBlock,
  choice: LayerChoice,
): KernelPlan[] {
  return layerFamilies(layerShape(block), choice.path).map((family) => {
    const projection = FAMILIES[family].projection;
    return findPlan(plans, family, {
      activation: choice.activation,
      intermediate: choice.intermediate,
      scoring: routerVariant(block.router).name,
      tile: choice.tile,
      ...(projection !== undefined && {
        weight: projectionFormat(projection, choice.weight, choice.activation, choice.mix).name,
      }),
    });
  });
}

/** All that decides which families a layer runs. */
export interface LayerShape {
  /** Of few assignments the index is built in one kernel. */
  readonly hasSingleBuild: boolean;
  readonly hasAdjugate: boolean;
  readonly hasLatent: boolean;
  readonly hasShared: boolean;
  readonly hasSharedSigmoid: boolean;
  readonly hasSharedMix: boolean;
  readonly norms: readonly NormName[];
}

function indexFamilies(isSingle: boolean, path: LayerPath): FamilyName[] {
  if (path === 'decode') return [];
  return path === 'skinny' && isSingle ? ['index_build'] : ['index_count', 'index_scan', 'index_scatter'];
}

/** In the order in which they are dispatched. */
export function layerFamilies(shape: LayerShape, path: LayerPath): FamilyName[] {
  const { hasSingleBuild: isSingle, hasAdjugate, hasLatent, hasShared } = shape;
  const { hasSharedSigmoid, hasSharedMix, norms } = shape;
  const dense = path === 'batched' ? '' : 'decode_';
  const expert = ({ decode: 'decode_', skinny: 'skinny_', batched: '' } as const)[path];
  const only = (condition: boolean, ...families: readonly FamilyName[]) => (condition ? families : []);
  const norm = (family: NormName) => only(norms.includes(family), family);
  return [
    ...norm('router_norm'),
    path === 'batched' ? 'batched_router_logits' : 'router_logits',
    'router_select',
    ...indexFamilies(isSingle, path),
    ...only(hasLatent, `${dense}latent_in`),
    ...norm('expert_norm'),
    `${expert}gate_up`,
    ...only(hasAdjugate, `${expert}adjugate_gate_up`),
    `${expert}down`,
    ...only(hasAdjugate, `${expert}adjugate_down`),
    ...norm('shared_norm'),
    ...only(hasShared, `${dense}shared_gate_up`, `${dense}shared_down`),
    ...norm('shared_output_norm'),
    ...only(hasSharedSigmoid, 'shared_sigmoid'),
    ...only(hasSharedMix, 'shared_mix'),
    path === 'decode' ? 'decode_combine' : 'combine',
    ...norm('routed_norm'),
    ...norm('latent_norm'),
    ...only(hasLatent, `${dense}latent_out`),
  ];
}

function layerShape(block: MoeBlock): LayerShape {
  const { adjugate, latent, shared } = block;
  return {
    hasSingleBuild: hasSingleBuild(block),
    hasAdjugate: adjugate !== null,
    hasLatent: latent !== null,
    hasShared: shared !== null,
    hasSharedSigmoid: shared?.sigmoidGate === true,
    hasSharedMix: shared?.combine === 'softmax',
    norms: blockNorms(block).map(({ family }) => family),
  };
}

/** What the index build needs to know of the kernels that use its tile map. */
export type RunSizes = Readonly<Record<'block_m' | 'block_n' | 'down_block_n', number>> &
  Readonly<Partial<Record<'adjugate_block_n' | 'adjugate_down_block_n', number>>>;

interface SizedKernel {
  readonly family: string;
  readonly tile?: TileShape | undefined;
  readonly rows?: KernelPlan['rows'] | undefined;
}

export function runSizes(kernels: readonly SizedKernel[]): RunSizes {
  const of = (matrix: string) => {
    const plan = kernels.find(({ family }) => family === matrix || family === `skinny_${matrix}`);
    return {
      rows: plan?.tile?.blockM ?? plan?.rows?.maxRows ?? 1,
      columns: plan?.tile?.blockN ?? plan?.rows?.columns ?? 1,
    };
  };
  const hasAdjugate = kernels.some(({ family }) => family.includes('adjugate'));
  const own = { block_n: of('gate_up'), down_block_n: of('down') };
  const shared = { adjugate_block_n: of('adjugate_gate_up'), adjugate_down_block_n: of('adjugate_down') };
  const all = Object.entries(hasAdjugate ? { ...own, ...shared } : own);
  if (new Set(all.map(([, { rows }]) => rows)).size > 1) throw new Error('all share one map of tiles');
  const columns = Object.fromEntries(all.map(([name, plan]) => [name, plan.columns])) as Omit<
    RunSizes,
    'block_m'
  >;
  return { block_m: own.block_n.rows, ...columns };
}

/** The family's plan that says of every axis that it has what is wanted there. */
function findPlan(
  plans: readonly KernelPlan[],
  family: FamilyName,
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
  router_norm: 'router_norm_weight',
  marked_selection_bias: 'marked_selection_bias',
  expert_scale: 'expert_scale',
  expert_norm: 'expert_norm_weight',
  latent_norm: 'latent_norm_weight',
  routed_norm: 'routed_norm_weight',
  shared_norm: 'shared_norm_weight',
  shared_output_norm: 'shared_output_norm_weight',
  shared_mix: 'shared_mix_weight',
  shared_mix_bias: 'shared_mix_bias',
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
  adjugate_gate_up: 'adjugate_gate_up_weight',
  adjugate_gate: 'adjugate_gate_weight',
  adjugate_up: 'adjugate_up_weight',
  adjugate_down: 'adjugate_down_weight',
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

/** The binding that holds a plane of a matrix, or the whole of another parameter. */
export function planeBinding({ role, plane }: Pick<TensorRecipe, 'role' | 'plane'>): string {
  const binding = TENSOR_BINDINGS[role];
  return plane === undefined ? binding : binding.replace(/weight$/, plane);
}
