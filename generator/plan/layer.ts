// Which kernels run one MoE layer, in which order. Buffers pass from one to the next by the names of their bindings.

import { MoegenError } from '../errors.js';
import type { ActivationDtype } from '../spec/dtypes.js';
import { TILES, tileName } from './tiles.js';
import type { KernelPlan } from './types.js';

/** `batched` sorts assignments by expert and multiplies tiles; `decode` serves one token or a few in three dispatches. */
export type LayerPath = 'batched' | 'decode';

export interface LayerChoice {
  readonly path: LayerPath;
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly glu: string;
  readonly intermediate: ActivationDtype;
  readonly tile: keyof typeof TILES;
}

/** Low tiles where an expert has fewer rows than half a wide tile, on average. */
export function tileFor(numTokens: number, topK: number, numExperts: number): keyof typeof TILES {
  return (numTokens * topK) / numExperts < TILES.wide.blockM / 2 ? 'low' : 'wide';
}

export function layerKernels(plans: readonly KernelPlan[], choice: LayerChoice): KernelPlan[] {
  const { activation, weight, glu, intermediate } = choice;
  const tile = tileName(TILES[choice.tile]);
  const find = (family: string, axes: Readonly<Record<string, string>>): KernelPlan =>
    findPlan(plans, family, axes);
  if (choice.path === 'decode') {
    return [
      find('router', { activation, weight, scoring: 'softmax' }),
      find('decode_gate_up', { activation, weight, glu, intermediate }),
      find('decode_down', { activation, weight, intermediate }),
    ];
  }
  return [
    find('router_logits', { activation, weight }),
    find('router_select', { scoring: 'softmax' }),
    find('index_count', {}),
    find('index_scan', {}),
    find('index_scatter', {}),
    find('gate_up', { activation, weight, glu, intermediate, tile }),
    find('down', { activation, weight, intermediate, tile }),
    find('combine', { activation }),
  ];
}

function findPlan(
  plans: readonly KernelPlan[],
  family: string,
  axes: Readonly<Record<string, string>>,
): KernelPlan {
  const wanted = Object.entries(axes);
  const found = plans.find(
    (plan) => plan.family === family && wanted.every(([axis, value]) => plan.axes[axis] === value),
  );
  if (found === undefined) {
    throw new MoegenError('plan/no-such-kernel', `no ${family} kernel has ${JSON.stringify(axes)}`, {
      help: 'see `moegen list` for what there is',
    });
  }
  return found;
}
