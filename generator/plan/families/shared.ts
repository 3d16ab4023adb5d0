// What several kernel families say in the same words.

import type { GluParameters, GluVariant } from '../../description/activations.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import {
  modelFormats,
  projectionFormat,
  kernelFormats,
  type Projection,
  type WeightFormat,
} from '../../description/weights.js';
import type { ConstantName } from '../constants.js';
import { biasInWords, biasTerm, elementInWords, type Matrices, type Part } from '../matrices.js';
import type { TemplateValue } from '../types.js';

/** The formats in which the kernels of a projection come, each once. */
export function projectionFormats(
  spec: GenerationSpec,
  projection: Projection,
  activation: ActivationDtype,
): WeightFormat[] {
  const layers = spec.block === null ? kernelFormats(spec.weights) : modelFormats(spec.weights);
  return [...new Set(layers.map(({ name }) => projectionFormat(projection, name, activation, spec.mix)))];
}

/** How gate_up stores what down reads: in the activation's dtype, or in float, which saves one rounding. */
export interface IntermediateDtype {
  readonly dtype: ActivationDtype;
  /** Part of the kernel's name; nothing where the activation's own dtype is kept. */
  readonly suffix: '' | 'f32_intermediate';
}

function intermediateDtypes(activation: ActivationDtype): IntermediateDtype[] {
  const own: IntermediateDtype = { dtype: activation, suffix: '' };
  return activation === 'f32' ? [own] : [own, { dtype: 'f32', suffix: 'f32_intermediate' }];
}

export interface ExpertAxes {
  readonly activation: ActivationDtype;
  readonly weight: WeightFormat;
  readonly intermediate: IntermediateDtype;
}

/** Every activation with every format of the projection and every way to store the intermediate. */
export function expertAxes(spec: GenerationSpec, projection: Projection): ExpertAxes[] {
  return spec.activations.flatMap((activation) =>
    projectionFormats(spec, projection, activation).flatMap((weight) =>
      intermediateDtypes(activation).map((intermediate) => ({ activation, weight, intermediate })),
    ),
  );
}

/** For the shared expert: the general set keeps to weights in the activations' own dtype. */
export function sharedExpertAxes(spec: GenerationSpec, projection: Projection): ExpertAxes[] {
  return expertAxes(spec, projection).filter(
    ({ activation, weight }) => spec.block !== null || weight.element === activation,
  );
}

/** The constants that a unit's limit and factor are. */
interface GluConstants extends GluParameters {
  readonly limit: ConstantName;
  readonly alpha: ConstantName;
  readonly beta: ConstantName;
  readonly linearBeta: ConstantName;
}

export const ROUTED_GLU = {
  limit: 'swiglu_limit',
  alpha: 'swiglu_alpha',
  beta: 'situ_beta',
  linearBeta: 'situ_linear_beta',
} as const satisfies GluConstants;
export const SHARED_GLU = {
  limit: 'shared_swiglu_limit',
  alpha: 'shared_swiglu_alpha',
  beta: 'shared_situ_beta',
  linearBeta: 'shared_situ_linear_beta',
} as const satisfies GluConstants;

export function gluConstants({ kind }: GluVariant, names: GluConstants): ConstantName[] {
  if (kind === 'plain') return [];
  if (kind === 'situ') return [names.beta, names.linearBeta];
  return kind === 'oai' ? [names.limit, names.alpha] : [names.limit];
}

/** A gated unit is a function of its own; an ungated expert calls its activation. */
export function gluTerms(glu: GluVariant, names: GluConstants): Record<string, TemplateValue> {
  const call = `${glu.name}(${glu.isGated ? 'gate, ' : ''}up)`;
  return {
    isGated: glu.isGated,
    function: `moe_${glu.name}`,
    expression: glu.expression(names),
    inWords: call,
    value: `moe_${call}`,
  };
}

interface PartNames {
  /** The kernel's name for the column whose bias is added. */
  readonly column: string;
  readonly biasLoad: string;
  /** What is multiplied with the weights, and the indices of its terms and of the columns, as the kernel's head has them. */
  readonly input: string;
  readonly term: string;
  readonly index: string;
}

/** A part of a product: how a kernel's head says it, and what adds its bias. */
export interface PartTerms {
  readonly [term: string]: TemplateValue;
  readonly name: string;
  readonly inWords: string;
  readonly bias: string;
}

/** Each part of the product as the head of a kernel says it, and what adds its bias. */
export function partTerms(matrices: Matrices, names: PartNames): PartTerms[] {
  const width = Math.max(...matrices.parts.map(({ name }) => name.length));
  return matrices.parts.map((part, position) => ({
    ...partTerm(matrices, part, names),
    padded: part.name.padEnd(width),
    position,
  }));
}

/** The same for a product of one matrix. */
export function partTerm(matrices: Matrices, part: Part, names: PartNames): PartTerms {
  const element = elementInWords(matrices, part, names.index, names.term);
  return {
    name: part.name,
    inWords: `sum over ${names.term} of ${names.input} * ${element}${biasInWords(matrices, part, names.index)}`,
    bias: biasTerm(matrices, part, names.column, names.biasLoad),
  };
}

/**
 * exp(t^2) erfc(t) / u as a polynomial in u = 1 / (1 + t / 2), from the constant term up: a Chebyshev fit over t in [0, 10]
 * made in double precision; evaluated in float its relative error stays below 3e-7.
 */
const SCALED_ERFC = [
  0.28208819, 0.28233784, 0.24342681, 0.20119666, -0.022591425, 0.27147084, -0.48080269, 0.28119192,
  -0.058318242,
] as const;

/** What the `math/activation` partial needs to know. */
export function activationTerms({ activation, kind }: GluVariant): Record<string, TemplateValue> {
  const [highest, ...lower] = [...SCALED_ERFC].reverse().map((coefficient) => `${coefficient}f`);
  return {
    isSilu: activation === 'silu',
    isSwish: kind === 'oai',
    isRelu: activation === 'relu',
    isRelu2: activation === 'relu2',
    isGelu: activation === 'gelu',
    isGeluTanh: activation === 'gelu_tanh',
    isSitu: kind === 'situ',
    isClamped: kind !== 'plain' && kind !== 'situ',
    erfc: { highest: highest ?? '', lower },
  };
}
