// The gated linear units, and the functions of ungated experts, that the gate_up kernels can end in: one row each.

import type { Activation, Glu } from './block.js';

export const ACTIVATIONS = ['silu', 'gelu', 'gelu_tanh', 'relu', 'relu2'] as const;

/** What stands for the limits and the factor of a variant: names of constants. */
export interface GluParameters {
  readonly limit: string;
  readonly alpha: string;
  readonly beta: string;
  readonly linearBeta: string;
}

export interface GluVariant {
  /** As it stands in kernel names. */
  readonly name: string;
  readonly summary: string;
  readonly kind: Glu['kind'];
  /** `oai` and `situ` have a sigmoid of their own. */
  readonly activation: Activation | null;
  /** Joins the products of gate and up; without a gate there is only up. */
  readonly isGated: boolean;
  /** The value in MSL: of `gate` and `up`, or of `up` alone. */
  expression(parameters: GluParameters): string;
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
    isGated: true,
    expression: () => `moe_${activation}(gate) * up`,
  };
}

function clampBefore(activation: Activation): GluVariant {
  return {
    name: `${GATED_NAMES[activation]}_clamp_before`,
    summary: `${activation}(min(gate, limit)) * clip(up, limit)`,
    kind: 'clamp_before',
    activation,
    isGated: true,
    expression: ({ limit }) => `moe_${activation}(moe_at_most(gate, ${limit})) * moe_clip(up, ${limit})`,
  };
}

function clampAfter(activation: Activation): GluVariant {
  return {
    name: `${GATED_NAMES[activation]}_clamp_after`,
    summary: `min(${activation}(gate), limit) * clip(up, limit)`,
    kind: 'clamp_after',
    activation,
    isGated: true,
    expression: ({ limit }) => `moe_at_most(moe_${activation}(gate), ${limit}) * moe_clip(up, ${limit})`,
  };
}

function ungated(activation: Activation): GluVariant {
  return {
    name: activation,
    summary: `${activation}(up), without a gate`,
    kind: 'plain',
    activation,
    isGated: false,
    expression: () => `moe_${activation}(up)`,
  };
}

const OAI: GluVariant = {
  name: 'oai',
  summary: 'g * sigmoid(alpha * g) * (clip(up, limit) + 1) with g = min(gate, limit)',
  kind: 'oai',
  activation: null,
  isGated: true,
  expression: ({ limit, alpha }) =>
    `moe_swish(moe_at_most(gate, ${limit}), ${alpha}) * (moe_clip(up, ${limit}) + 1.0f)`,
};

const SITU: GluVariant = {
  name: 'situ',
  summary: 'beta * tanh(gate / beta) * sigmoid(gate) * linear_beta * tanh(up / linear_beta)',
  kind: 'situ',
  activation: null,
  isGated: true,
  expression: ({ beta, linearBeta }) =>
    `moe_cap(gate, ${beta}) * moe_sigmoid(gate) * moe_cap(up, ${linearBeta})`,
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
