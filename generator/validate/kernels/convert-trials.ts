// Trials of the conversions: every element must have the bits that the reference gives, special values among them.

import type { KernelPlan } from '../../plan/types.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import { decodeElements } from '../elements.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { dtypeOf, exactly, store, type Trial } from './trial.js';

/** Ties to even in both directions, the edges of half and BF16, subnormals, infinities, NaN. */
const SPECIAL = [
  0,
  -0,
  1,
  -1,
  65504,
  65519.99,
  65520,
  -65536,
  1e30,
  -1e30,
  3.4028234663852886e38,
  Infinity,
  -Infinity,
  NaN,
  1.00390625,
  1.01171875,
  1.0039063692092896,
  2 ** -14,
  2 ** -24,
  2 ** -25,
  2 ** -26,
  3 * 2 ** -26,
  2 ** -126,
  2 ** -133,
  2 ** -134,
  3 * 2 ** -134,
  2 ** -149,
];

/** NaNs that become another number when they are rounded like one: the largest of each sign, and one next to infinity. */
const NANS: Readonly<Record<ActivationDtype, Uint16Array | Uint32Array>> = {
  f16: Uint16Array.of(0x7fff, 0xffff, 0x7c01),
  bf16: Uint16Array.of(0x7fff, 0xffff, 0x7f81),
  f32: Uint32Array.of(0x7fffffff, 0xffffffff, 0x7f800001),
};

export function convertTrials(
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
): (Trial & { readonly inputs: Inputs })[] {
  const numbers = random.spread(sizes.numTokens * sizes.hiddenSize, 4).map((value) => value ** 9);
  const dtype = dtypeOf(plan, 'input');
  const { bytes } = store(dtype, Float32Array.from([...SPECIAL, ...numbers]));
  const input = Uint8Array.from([...new Uint8Array(NANS[dtype].buffer), ...bytes]);
  const values = decodeElements(dtype, input);
  const want = store(dtypeOf(plan, 'output'), values);
  return [
    {
      values: { num_elements: values.length },
      inputs: { input },
      expectations: [exactly('output', dtypeOf(plan, 'output'), want.values)],
    },
  ];
}
