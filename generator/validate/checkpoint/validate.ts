// The layers of a checkpoint, one after the other.

import type { BoundLayer } from '../../checkpoint/bind.js';
import type { MoegenError } from '../../errors.js';
import type { Device } from '../../native/types.js';
import { isRefusal, type KernelSource } from '../fixtures.js';
import { SYNTHETIC_TOKENS } from '../synthetic.js';
import { kernelSource, type KernelTexts } from '../validate.js';
import type { ExpectedLayer } from './expected.js';
import { validateLayer, type LayerRunOptions, type LayerVerdict } from './layer.js';

export interface CheckpointSubject {
  readonly model: string;
  readonly layers: readonly BoundLayer[];
  /** Of inputs that are filled by rule. */
  readonly numTokens?: number | undefined;
  /** With it, only its layers are run. */
  readonly expected: readonly ExpectedLayer[] | null;
}

/** The texts of the set for a layer's block and formats. */
export type LayerTexts = (
  layer: BoundLayer,
  activation: LayerRunOptions['activation'],
) => Promise<KernelTexts>;

export interface CheckpointRunOptions extends LayerRunOptions {
  readonly onVerdict?: (verdict: LayerVerdict) => void;
  /** Told of each layer that cannot be computed in the activation's dtype. */
  readonly onRefusal: (refusal: MoegenError) => void;
}

/** Verdicts in the order of the layers, without those that are refused. Throws what `validateLayer` throws otherwise. */
export async function validateCheckpoint(
  device: Device,
  textsOf: LayerTexts,
  { model, layers, numTokens = SYNTHETIC_TOKENS, expected }: CheckpointSubject,
  options: CheckpointRunOptions,
): Promise<LayerVerdict[]> {
  const sources = new Map<string, KernelSource>();
  const sourceOf = (layer: BoundLayer): KernelSource => {
    const key = JSON.stringify([layer.block, layer.formats]);
    const known = sources.get(key) ?? remembering(device, () => textsOf(layer, options.activation), options);
    sources.set(key, known);
    return known;
  };
  const verdicts: LayerVerdict[] = [];
  for (const layer of layers) {
    const own = expected?.find((each) => each.layer === layer.index) ?? null;
    if (expected !== null && own === null) continue;
    try {
      const subject = { model, layer, numTokens, expected: own };
      const verdict = await validateLayer(device, sourceOf(layer), subject, options);
      options.onVerdict?.(verdict);
      verdicts.push(verdict);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      options.onRefusal(error);
    }
  }
  return verdicts;
}

/** Layers of one kind share their kernels. */
function remembering(
  device: Device,
  texts: () => Promise<KernelTexts>,
  { checks }: LayerRunOptions,
): KernelSource {
  const source = kernelSource(device, texts, checks.length > 0);
  let kernels: ReturnType<KernelSource> | undefined;
  return (block, choice) => (kernels ??= source(block, choice));
}
