// compact_ids: the experts that a host has selected itself, out of rows with room for more, as ggml's views of a sort have them: what the kernels
// of a layer read lies together.

import type { GenerationSpec } from '../../description/generation.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { kernelName } from '../names.js';
import type { KernelPlan } from '../types.js';
import { printed } from '../printed.js';

const THREADS = 256;

/** A model's own set has a router, which leaves ids as they are read. */
export function compactIdsPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null) return [];
  return [
    {
      name: kernelName('compact_ids'),
      family: 'compact_ids',
      folder: 'common',
      summary: "A host's own ids of experts, without what lies between their rows",
      axes: {},
      constants: constants(spec, 'top_k'),
      bindings: bindings(
        buffer('strided_ids', 'u32', ['(num_tokens - 1) * ids_stride + top_k'], {
          note: 'rows ids_stride apart',
        }),
        buffer('topk_ids', 'u32', ['num_tokens', 'top_k'], { access: 'write' }),
        argument('num_tokens'),
        argument('ids_stride', 'at least top_k'),
      ),
      dispatch: {
        threadgroups: [`ceil_div(num_tokens * top_k, ${THREADS})`, '1', '1'],
        threadsPerThreadgroup: [THREADS, 1, 1],
      },
      threadgroupBytes: 0,
      mslVersion: spec.mslVersion,
      ...printed('compact_ids', { threads: THREADS }),
    },
  ];
}
