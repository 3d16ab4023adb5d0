// Trials of the drop-in conversions: every element must have the bits that the reference gives, in both modes of rounding.

import type { KernelPlan } from '../../plan/types.js';
import { decodeElements } from '../elements.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';
import { convertTrials } from './convert-trials.js';
import { exactly, type Trial } from './trial.js';

export function dropInConvertTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const trials = convertTrials(plan, sizes, random);
  if (!plan.bindings.some(({ name }) => name === 'mode')) return trials;
  return trials.flatMap((trial) => [
    { ...trial, values: { ...trial.values, mode: 1 } },
    {
      ...trial,
      values: { ...trial.values, mode: 0 },
      expectations: [exactly('output', 'bf16', upperHalves(trial.inputs['input'] ?? new Uint8Array()))],
    },
  ]);
}

/** Floats without their lower 16 bits. */
function upperHalves(bytes: Uint8Array): Float64Array {
  const bits = new Uint32Array(new Uint8Array(bytes).buffer).map((value) => {
    const isNaNs = (value & 0x7fffffff) > 0x7f800000;
    return ((value & 0xffff0000) | (isNaNs ? 0x00400000 : 0)) >>> 0;
  });
  return decodeElements('f32', new Uint8Array(bits.buffer));
}
