// The entry of the bench: a layer for each number of tokens and weight format, on a device that counts or on one that measures.

import { MoegenError } from '../errors.js';
import type { MoeBlock } from '../description/block.js';
import type { Device, LoadedLibrary } from '../native/types.js';
import type { KernelPlan } from '../plan/types.js';
import type { KernelTexts } from '../validate/validate.js';
import { countLayer, type Measures } from './count.js';
import { assertFits, layerInputs } from './inputs.js';
import { benchLayer, type BenchChoice, type BenchLayer } from './layer.js';
import type { LayerReport } from './report.js';
import { timeLayer } from './time.js';
import { canTime } from './timing.js';

/** The set that is specialised for the block, and the texts of some of it. */
export interface BenchKernels {
  readonly plans: readonly KernelPlan[];
  readonly textsOf: (plans: readonly KernelPlan[]) => Promise<KernelTexts>;
}

interface BenchOptions {
  readonly seed: number;
  /** Bytes of memory that a layer may take. */
  readonly available: number;
}

/**
 * Runs one layer. Throws `bench/too-large` where it does not fit into memory, `bench/no-such-path` for a path that the block
 * does not have, and `bench/no-numbers` for a device that neither counts nor measures.
 */
export async function benchBlock(
  device: Device,
  { plans, textsOf }: BenchKernels,
  { block, choice }: { readonly block: MoeBlock; readonly choice: BenchChoice },
  { seed, available }: BenchOptions,
): Promise<LayerReport> {
  const layer = benchLayer(plans, block, choice);
  assertFits(layer, available);
  const libraries = await loadLayer(device, layer, await textsOf(layer.plans));
  const inputs = layerInputs(layer, seed);
  const { activation, weight, numTokens, path, tile } = layer;
  const measures = await measure(device, layer, libraries, { inputs, seed });
  return { activation, weight, numTokens, path, tile, ...measures };
}

async function measure(
  device: Device,
  layer: BenchLayer,
  libraries: readonly LoadedLibrary[],
  run: { readonly inputs: ReturnType<typeof layerInputs>; readonly seed: number },
): Promise<Measures> {
  if (device.name === 'host') return countLayer(device, layer, libraries, run.inputs);
  if (canTime(device)) return timeLayer(device, layer, libraries, run);
  throw new MoegenError('bench/no-numbers', `the ${device.name} device neither counts nor measures`, {
    where: '--device',
    help: 'use --device host for counters, --device cuda for times',
  });
}

/** Counting is part of the compiled kernel. */
function loadLayer(device: Device, { plans }: BenchLayer, texts: KernelTexts): Promise<LoadedLibrary[]> {
  const instrument = device.name === 'host';
  return Promise.all(plans.map((plan) => device.load({ source: texts.textOf(plan), instrument })));
}
