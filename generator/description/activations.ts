// The gated linear units, and the functions of ungated experts, that the gate_up kernels can end in: one row each.

import type { Activation, Glu } from './block.js';

export const ACTIVATIONS = ['silu', 'gelu', 'gelu_tanh', 'relu', 'relu2'] as const;

export interface GluVariant {
  /** As it stands in kernel names. */
  readonly name: string;
  readonly summary: string;
  readonly kind: Glu['kind'];
  /** `oai` and `situ` have a sigmoid of their own. */
  readonly activation: Activation | null;
  /** The partial with the functions that it is made of, in `math/activations`. */
  readonly functions: Activation | 'swish' | 'situ';
  /** Joins the products of gate and up; without a gate there is only up. */
  readonly isGated: boolean;
}

const GATED_NAMES: Readonly<Record<Activation, string>> = {
  silu: 'swiglu',
  gelu: 'geglu',
  gelu_tanh: 'geglu_tanh',
  relu: 'reglu',
  relu2: 'relu2_glu',
};

function plain(activation: Activation): GluVariant {
  return {
    name: GATED_NAMES[activation],
    summary: `${activation}(gate) * up`,
    kind: 'plain',
    activation,
    functions: activation,
    isGated: true,
  };
}

function clampBefore(activation: Activation): GluVariant {
  return {
    name: `${GATED_NAMES[activation]}_clamp_before`,
    summary: `${activation}(min(gate, limit)) * clip(up, limit)`,
    kind: 'clamp_before',
    activation,
    functions: activation,
    isGated: true,
  };
}

function clampAfter(activation: Activation): GluVariant {
  return {
    name: `${GATED_NAMES[activation]}_clamp_after`,
    summary: `min(${activation}(gate), limit) * clip(up, limit)`,
    kind: 'clamp_after',
    activation,
    functions: activation,
    isGated: true,
  };
}

function ungated(activation: Activation): GluVariant {
  return {
    name: activation,
    summary: `${activation}(up), without a gate`,
    kind: 'plain',
    activation,
    functions: activation,
    isGated: false,
  };
}

const OAI: GluVariant = {
  name: 'oai',
  summary: 'g * sigmoid(alpha * g) * (clip(up, limit) + 1) with g = min(gate, limit)',
  kind: 'oai',
  activation: null,
  functions: 'swish',
  isGated: true,
};

const SITU: GluVariant = {
  name: 'situ',
  summary: 'beta * tanh(gate / beta) * sigmoid(gate) * linear_beta * tanh(up / linear_beta)',
  kind: 'situ',
  activation: null,
  functions: 'situ',
  isGated: true,
};

export const GLU_VARIANTS: readonly GluVariant[] = [
  ...ACTIVATIONS.flatMap((activation) => [
    plain(activation),
    clampBefore(activation),
    clampAfter(activation),
    ungated(activation),
  ]),
  OAI,
  SITU,
];

/** Variants of the set that serves no block in particular. */
export const GENERAL_GLU_VARIANTS: readonly GluVariant[] = (['silu', 'gelu'] as const).map(plain);

export function gluVariant(glu: Glu, isGated: boolean): GluVariant {
  const activation = glu.kind === 'oai' || glu.kind === 'situ' ? null : glu.activation;
  const found = GLU_VARIANTS.find(
    (variant) =>
      variant.kind === glu.kind && variant.activation === activation && variant.isGated === isGated,
  );
  if (found === undefined) throw new Error(`no ${isGated ? 'gated' : 'ungated'} unit of kind ${glu.kind}`);
  return found;
}
