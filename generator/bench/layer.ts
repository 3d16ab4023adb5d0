// Which kernels run a layer for a number of tokens, and the values of everything that their plans name.

import { MoegenError } from '../errors.js';
import type { MoeBlock } from '../description/block.js';
import type { ActivationDtype } from '../description/dtypes.js';
import type { FormatMix } from '../description/weights.js';
import type { LoadedLibrary } from '../native/types.js';
import { blockConstants } from '../plan/constants.js';
import {
  layerKernels,
  layerPaths,
  pathFor,
  rulesOf,
  runSizes,
  tileFor,
  type LayerPath,
  type RunSizes,
} from '../plan/layer.js';
import type { TileName } from '../plan/tiles.js';
import type { KernelPlan } from '../plan/types.js';
import type { Step, StepValues } from '../validate/job.js';

export interface BenchChoice {
  readonly activation: ActivationDtype;
  /** Name of a row of the weight-format table. */
  readonly weight: string;
  /** Projections whose format is chosen by itself. */
  readonly mix?: FormatMix | undefined;
  readonly numTokens: number;
  /** Instead of the path that the layer takes for so many tokens. */
  readonly path?: LayerPath | undefined;
}

export interface BenchLayer extends BenchChoice {
  readonly block: MoeBlock;
  readonly path: LayerPath;
  readonly tile: TileName | 'none';
  /** In the order in which they run. */
  readonly plans: readonly KernelPlan[];
  readonly sizes: RunSizes;
  readonly values: StepValues;
}

/** `plans` are those of the block's own set. Throws `bench/no-such-path` for a path that the block does not have. */
export function benchLayer(plans: readonly KernelPlan[], block: MoeBlock, choice: BenchChoice): BenchLayer {
  const { activation, weight, mix = {}, numTokens } = choice;
  const paths = layerPaths(block.experts);
  const path = choice.path ?? pathFor(numTokens, block, paths, rulesOf(plans));
  if (!paths.includes(path)) {
    throw new MoegenError('bench/no-such-path', `a layer of this block has no ${path} path`, {
      where: '--path',
      help: `use ${paths.join(' or ')}`,
    });
  }
  const tile = tileFor(numTokens, block);
  const own = layerKernels(plans, block, { path, activation, weight, mix, intermediate: activation, tile });
  const sizes = runSizes(own);
  return {
    ...choice,
    block,
    path,
    tile: path === 'batched' ? tile : 'none',
    plans: own,
    sizes,
    values: { ...blockConstants(block), num_tokens: numTokens, ...sizes },
  };
}

/** One step for each kernel; `libraries` in the order of the plans. */
export function layerSteps({ plans, values }: BenchLayer, libraries: readonly LoadedLibrary[]): Step[] {
  return plans.map((plan, at) => {
    const library = libraries[at];
    if (library === undefined) throw new Error(`${plan.name} was not loaded`);
    return { plan, library, values };
  });
}
