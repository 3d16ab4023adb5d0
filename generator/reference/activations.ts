// The activation functions in double precision.

import type { Activation } from '../description/block.js';

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/** Near x where x is small, never beyond the cap. */
export function softcap(x: number, cap: number): number {
  return cap * Math.tanh(x / cap);
}

/** log(1 + e^x), which for large x is x to the last bit. */
export function softplus(x: number): number {
  return x > 20 ? x : Math.log1p(Math.exp(x));
}

/** Where the continued fraction takes over from the series; both are accurate to a few units in the last place there. */
const SERIES_LIMIT = 2.5;
const FRACTION_DEPTH = 80;

/** 1 - erf(x), with small relative error also where it is tiny. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  return x < SERIES_LIMIT ? 1 - erfBySeries(x) : erfcByFraction(x);
}

/** erf(x) = 2 / sqrt(pi) * e^(-x^2) * sum of 2^n x^(2n+1) / (1 * 3 * ... * (2n+1)): all terms have one sign. */
function erfBySeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; term > sum * 1e-17; n += 1) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

/** erfc(x) = e^(-x^2) / sqrt(pi) / (x + (1/2) / (x + (2/2) / (x + (3/2) / ...))), evaluated from the inside. */
function erfcByFraction(x: number): number {
  let tail = x;
  for (let n = FRACTION_DEPTH; n >= 1; n -= 1) tail = x + n / 2 / tail;
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / tail;
}

function gelu(x: number): number {
  if (x === -Infinity) return 0;
  return 0.5 * x * erfc(-x / Math.SQRT2);
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

const FUNCTIONS: Readonly<Record<Activation, (x: number) => number>> = {
  silu: (x) => (x === -Infinity ? 0 : x * sigmoid(x)),
  gelu,
  gelu_tanh: (x) => (x === -Infinity ? 0 : geluTanh(x)),
  relu: (x) => (x < 0 ? 0 : x),
  relu2: (x) => (x < 0 ? 0 : x * x),
};

export function activationFunction(name: Activation): (x: number) => number {
  return FUNCTIONS[name];
}
