// The drop-in BF16 file: its helper functions and the kernels that convert whole buffers.

import type { ActivationDtype } from '../../../description/dtypes.js';
import type { GenerationSpec } from '../../../description/generation.js';
import { argument, bindings, buffer } from '../../bindings.js';
import type { KernelPlan } from '../../types.js';
import { grid } from './common.js';

const THREADS = 256;
const ELEMENTS = 4;

interface Conversion {
  readonly kernel: string;
  readonly input: ActivationDtype;
  readonly output: ActivationDtype;
  readonly inWords: string;
  readonly value: string;
  readonly hasMode: boolean;
}

const EXACT = { inWords: ', exactly.', hasMode: false } as const;
const ROUNDED = { inWords: ', rounded to nearest even.', hasMode: false } as const;

const CONVERSIONS: readonly Conversion[] = [
  {
    ...ROUNDED,
    kernel: 'bf16_to_half_kernel',
    input: 'bf16',
    output: 'f16',
    value: 'bf16_to_half(bf16{input[element]})',
  },
  {
    ...ROUNDED,
    kernel: 'half_to_bf16_kernel',
    input: 'f16',
    output: 'bf16',
    value: 'bf16_from_half(input[element]).bits',
  },
  {
    ...EXACT,
    kernel: 'bf16_to_float_kernel',
    input: 'bf16',
    output: 'f32',
    value: 'bf16_bits_to_float(input[element])',
  },
  {
    kernel: 'float_to_bf16_kernel',
    input: 'f32',
    output: 'bf16',
    inWords: ', rounded to nearest even, or towards zero where mode is 0.',
    value: '(mode == 0 ? bf16_from_float_rtz(input[element]) : bf16_from_float_rne(input[element])).bits',
    hasMode: true,
  },
];

/** The texts hold their bits in ushort, whatever the other kernels do. */
export function dropInCompatPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null || spec.bf16Storage !== 'ushort') return [];
  return CONVERSIONS.map((conversion) => compatPlan(spec, conversion));
}

function compatPlan(spec: GenerationSpec, conversion: Conversion): KernelPlan {
  const { kernel, input, output, inWords, value, hasMode } = conversion;
  return {
    name: kernel,
    file: 'moe_bf16_compat',
    folder: 'common',
    family: 'dropin_convert',
    template: 'dropin/bf16_convert',
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
    terms: { inWords, value, threads: THREADS, elements: ELEMENTS },
  };
}
