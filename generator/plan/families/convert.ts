// convert: bulk conversion between the activation dtypes, each element rounded once.

import { ACTIVATION_DTYPES, type ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import { argument, bindings, buffer } from '../bindings.js';
import { kernelName } from '../names.js';
import { accessorTerms, bitsTerms } from '../storage.js';
import type { KernelPlan } from '../types.js';
import { printed } from '../printed.js';

const THREADS = 256;
const ELEMENTS = 4;

/** All directions, whatever dtypes are asked for: they belong to none alone. A model's own set needs none. */
export function convertPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null) return [];
  return ACTIVATION_DTYPES.flatMap((from) =>
    ACTIVATION_DTYPES.filter((to) => to !== from).map((to) => convertPlan(spec, from, to)),
  );
}

function convertPlan(spec: GenerationSpec, from: ActivationDtype, to: ActivationDtype): KernelPlan {
  return {
    name: kernelName('convert', from, 'to', to),
    family: 'convert',
    folder: 'common',
    summary: `Conversion of ${from} elements to ${to}`,
    axes: { from, to },
    constants: [],
    bindings: bindings(
      buffer('input', from, ['num_elements']),
      buffer('output', to, ['num_elements'], { access: 'write' }),
      argument('num_elements'),
    ),
    dispatch: {
      threadgroups: [`ceil_div(num_elements, ${THREADS * ELEMENTS})`, '1', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    ...printed('convert', {
      threads: THREADS,
      elements: ELEMENTS,
      input: { load: bitsTerms(from).load },
      output: { store: bitsTerms(to).store },
      isBfloat: spec.bf16Storage === 'bfloat' && (from === 'bf16' || to === 'bf16'),
      bfloat: { hasLoad: from === 'bf16', hasStore: to === 'bf16' },
      accessors: accessorTerms(
        [
          { dtype: from, loads: true },
          { dtype: to, stores: true },
        ],
        spec.bf16Storage,
      ),
    }),
  };
}
