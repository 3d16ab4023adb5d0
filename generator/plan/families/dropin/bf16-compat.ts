// The drop-in BF16 file: its helper functions and the kernels that convert whole buffers.

import type { ActivationDtype } from '../../../description/dtypes.js';
import type { GenerationSpec } from '../../../description/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import type { KernelPlan } from '../../types.js';
import { grid } from './common.js';
import { printed } from '../../printed.js';

const THREADS = 256;
const ELEMENTS = 4;

interface Conversion {
  /** Of the kernel, before `_kernel`, and of the partial in `dropin/conversions`. */
  readonly name: 'bf16_to_half' | 'half_to_bf16' | 'bf16_to_float' | 'float_to_bf16';
  readonly input: ActivationDtype;
  readonly output: ActivationDtype;
  readonly inWords: string;
  readonly hasMode: boolean;
}

const EXACT = { inWords: ', exactly.', hasMode: false } as const;
const ROUNDED = { inWords: ', rounded to nearest even.', hasMode: false } as const;

const CONVERSIONS: readonly Conversion[] = [
  {
    ...ROUNDED,
    name: 'bf16_to_half',
    input: 'bf16',
    output: 'f16',
  },
  {
    ...ROUNDED,
    name: 'half_to_bf16',
    input: 'f16',
    output: 'bf16',
  },
  {
    ...EXACT,
    name: 'bf16_to_float',
    input: 'bf16',
    output: 'f32',
  },
  {
    name: 'float_to_bf16',
    input: 'f32',
    output: 'bf16',
    inWords: ', rounded to nearest even, or towards zero where mode is 0.',
    hasMode: true,
  },
];

/** The texts hold their bits in ushort, whatever the other kernels do. */
export function dropInCompatPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null || spec.bf16Storage !== 'ushort') return [];
  return CONVERSIONS.map((conversion) => compatPlan(spec, conversion));
}

function compatPlan(spec: GenerationSpec, conversion: Conversion): KernelPlan {
  const { name, input, output, inWords, hasMode } = conversion;
  const kernel = `${name}_kernel`;
  return {
    name: kernel,
    file: 'moe_bf16_compat',
    folder: 'common',
    family: 'dropin_convert',
    summary: `Conversion of ${input} elements to ${output}`,
    axes: { kernel },
    constants: [],
    bindings: bindings(
      buffer('input', input, ['num_elements']),
      buffer('output', output, ['num_elements'], { access: 'write' }),
      argument('num_elements'),
      ...(hasMode ? [argument('mode', '0: towards zero, otherwise to nearest even')] : []),
    ),
    dispatch: grid(THREADS, `ceil_div(num_elements, ${THREADS * ELEMENTS})`),
    threadgroupBytes: 0,
    mslVersion: spec.mslVersion,
    ...printed('dropin/bf16_convert', { inWords, conversion: name, threads: THREADS, elements: ELEMENTS }),
  };
}
