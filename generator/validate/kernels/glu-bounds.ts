// How far the value of a gated unit may be off, given how far gate and up are: clamping and the activations pass an error on
// with a bounded slope, and round themselves.

import { activationFunction, sigmoid, softcap } from '../../reference/activations.js';
import { referenceGlu } from '../../reference/experts.js';
import type { Activation, Glu } from '../../description/block.js';
import { FLOAT_ROUNDING } from '../tolerance.js';

/** A value and a bound of its error. */
export interface Bounded {
  readonly value: number;
  readonly error: number;
}

/** Steepest slope of silu, gelu and its tanh form, with room. */
const SLOPE = 1.2;
/** Error of an activation itself, relative to its argument: exponential, quotient, fitted polynomial. */
const ACTIVATION_ERROR = 16 * FLOAT_ROUNDING;

/** `gate` is null where there is none. */
export function boundGlu(glu: Glu, gate: Bounded | null, up: Bounded): Bounded {
  const value = referenceGlu(glu, gate && Float64Array.of(gate.value), Float64Array.of(up.value))[0] ?? NaN;
  if (gate === null)
    return { value, error: activated(glu.kind === 'plain' ? glu.activation : 'silu', up).error };
  const left = gateFactor(glu, gate);
  const right = upFactor(glu, up);
  const error = left.error * (Math.abs(right.value) + right.error) + Math.abs(left.value) * right.error;
  return { value, error: error + FLOAT_ROUNDING * Math.abs(value) };
}

/** silu of what has an exponential beyond the range of float is zero. */
const SMALLEST_SILU = 90 / 3.4e38;

function activated(activation: Activation, { value, error }: Bounded): Bounded {
  const result = activationFunction(activation)(value);
  // Of negative infinity some say zero, some NaN.
  if (value === -Infinity) return { value: result, error: Infinity };
  if (activation === 'silu') {
    return { value: result, error: SLOPE * error + ACTIVATION_ERROR * Math.abs(result) + SMALLEST_SILU };
  }
  if (activation === 'relu2') {
    return { value: result, error: (2 * Math.abs(value) + error) * error + FLOAT_ROUNDING * result };
  }
  return { value: result, error: SLOPE * error + ACTIVATION_ERROR * Math.abs(value) };
}

function gateFactor(glu: Glu, gate: Bounded): Bounded {
  if (glu.kind === 'plain') return activated(glu.activation, gate);
  if (glu.kind === 'situ') {
    const value = softcap(gate.value, glu.beta) * sigmoid(gate.value);
    return { value, error: SLOPE * gate.error + ACTIVATION_ERROR * Math.abs(gate.value) };
  }
  const limited = { value: Math.min(gate.value, glu.limit), error: gate.error };
  switch (glu.kind) {
    case 'clamp_before':
      return activated(glu.activation, limited);
    case 'clamp_after': {
      const { value, error } = activated(glu.activation, gate);
      return { value: Math.min(value, glu.limit), error };
    }
    case 'oai':
      return {
        value: limited.value / (1 + Math.exp(-glu.alpha * limited.value)),
        error: SLOPE * limited.error + ACTIVATION_ERROR * Math.abs(limited.value),
      };
  }
}

function upFactor(glu: Glu, up: Bounded): Bounded {
  if (glu.kind === 'plain') return up;
  if (glu.kind === 'situ') {
    return {
      value: softcap(up.value, glu.linearBeta),
      error: up.error + ACTIVATION_ERROR * Math.abs(up.value),
    };
  }
  const value = Math.min(Math.max(up.value, -glu.limit), glu.limit);
  if (glu.kind !== 'oai') return { value, error: up.error };
  return { value: value + 1, error: up.error + FLOAT_ROUNDING * Math.abs(value + 1) };
}
