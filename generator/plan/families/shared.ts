// What several kernel families say in the same words.

import type { GluVariant } from '../../description/activations.js';
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
import { biasInWords, biasTerms, elementInWords, type Matrices, type Part } from '../matrices.js';

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
interface GluConstants {
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
export function gluTerms(glu: GluVariant, names: GluConstants) {
  const { name, isGated, kind, functions } = glu;
  return { name, isGated, unit: kind, functions, function: `moe_${name}`, ...names };
}

interface PartNames {
  /** What is multiplied with the weights, and the indices of its terms and of the columns, as the kernel's head has them. */
  readonly input: string;
  readonly term: string;
  readonly index: string;
}

/** Each part of the product as the head of a kernel says it, and what adds its bias. */
export function partTerms(matrices: Matrices, names: PartNames, biasLoad: string) {
  const width = Math.max(...matrices.parts.map(({ name }) => name.length));
  return matrices.parts.map((part, position) => ({
    name: part.name,
    padded: part.name.padEnd(width),
    position,
    inWords: partInWords(matrices, part, names),
    ...biasTerms(matrices, part, biasLoad),
  }));
}

export function partInWords(matrices: Matrices, part: Part, { input, term, index }: PartNames): string {
  const element = elementInWords(matrices, part, index, term);
  return `sum over ${term} of ${input} * ${element}${biasInWords(matrices, part, index)}`;
}
