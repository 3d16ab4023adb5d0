// A layer of any sizes for the bench's tests, with the kernels that `generate --spec` would write for it.

import type { BenchKernels } from '../../generator/bench/bench.js';
import { benchLayer, type BenchChoice, type BenchLayer } from '../../generator/bench/layer.js';
import type { MoeBlock } from '../../generator/description/block.js';
import { readBlockSpec } from '../../generator/description/read-spec.js';
import { planKernels } from '../../generator/plan/plan.js';
import { kernelTexts } from '../support/host-kernels.js';

export interface Sizes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly experts: number;
  readonly topK: number;
}

/** A softmax router and SwiGLU experts, gate and up in one matrix. */
export const specText = ({ hidden, intermediate, experts, topK }: Sizes): string =>
  JSON.stringify({
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_experts: experts,
    top_k: topK,
    router: { scoring: { kind: 'softmax' }, normalize: { kind: 'sum', epsilon: 0 } },
    experts: { gate_up: 'concatenated', glu: { kind: 'plain', activation: 'silu' } },
  });

export const blockOf = (sizes: Sizes): MoeBlock => readBlockSpec(specText(sizes), 'block.json');

export function kernelsOf(
  block: MoeBlock,
  { activation, weight }: Pick<BenchChoice, 'activation' | 'weight'>,
): BenchKernels {
  return {
    plans: planKernels({
      activations: [activation],
      weights: [weight],
      bf16Storage: 'ushort',
      mslVersion: '3.0',
      block,
    }),
    textsOf: (plans) => kernelTexts(plans),
  };
}

export function layerOf(sizes: Sizes, choice: BenchChoice): BenchLayer {
  const block = blockOf(sizes);
  return benchLayer(kernelsOf(block, choice).plans, block, choice);
}
