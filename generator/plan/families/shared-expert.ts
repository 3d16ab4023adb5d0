// The shared expert's gate_up, tiled and for a few tokens, and the factor of its output. Its rows are the tokens themselves.

import type { ActivationDtype } from '../../description/dtypes.js';
import type { GenerationSpec } from '../../description/generation.js';
import type { WeightFormat } from '../../description/weights.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { biasElement, formatTerms, formatUses } from '../format-terms.js';
import { biasTerms, gateUpParts, layoutNote, matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { groupColumns, rowBytes, rowShapeTerms, rowThreads, VECTOR_SHAPE } from '../rows.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { TILE_NAMES, type TileName } from '../tiles.js';
import type { Binding, KernelPlan } from '../types.js';
import { sharedNaming, sharedVariant, type SharedVariant } from '../variants.js';
import { productTerms } from './product.js';
import { NO_FINISH, placeParts, rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import {
  gluConstants,
  gluTerms,
  partTerms,
  projectionFormats,
  SHARED_GLU,
  sharedExpertAxes,
  type ExpertAxes,
} from './shared.js';
import { printed } from '../printed.js';

export function sharedExpertPlans(spec: GenerationSpec): KernelPlan[] {
  const variant = sharedVariant(spec.block);
  if (variant === null) return [];
  const gateUp = sharedExpertAxes(spec, 'shared_gate_up').flatMap((axes) => [
    ...TILE_NAMES.map((tile) => tiledPlan(spec, axes, variant, tile)),
    rowPlan(spec, axes, variant),
  ]);
  const shared = spec.block?.shared ?? null;
  const factors = [
    ...(shared?.sigmoidGate === false ? [] : [SIGMOID]),
    ...(shared?.combine === 'softmax' ? [MIX] : []),
  ];
  // The weights of factors are dense as the router's are.
  const products = spec.activations.flatMap((activation) =>
    projectionFormats(spec, 'router', activation)
      .filter((weight) => spec.block !== null || weight.element === activation)
      .flatMap((weight) => factors.map((factor) => factorPlan(spec, activation, weight, factor))),
  );
  return [...gateUp, ...products];
}

function sharedMatrices({ layout, hasBias }: SharedVariant): Matrices {
  const columns = 'shared_intermediate_size';
  const parts = gateUpParts(layout, { prefix: 'shared_', hasBias, columns });
  return { parts, order: 'out_in', columns, terms: 'hidden_size', owner: 'layer' };
}

/** The tokens, or what a norm made of them. */
function inputOf(activation: ActivationDtype, { isNormed }: SharedVariant) {
  return isNormed
    ? ({ name: 'shared_states', dtype: 'f32' } as const)
    : ({ name: 'hidden_states', dtype: activation } as const);
}

function buffers(axes: ExpertAxes, variant: SharedVariant): Omit<Binding, 'index'>[] {
  const { weight, activation, intermediate } = axes;
  const input = inputOf(activation, variant);
  return [
    buffer(input.name, input.dtype, ['num_tokens', 'hidden_size']),
    ...matrixBuffers(
      sharedMatrices(variant),
      weight,
      biasElement(weight, activation),
      layoutNote(variant.layout, 'out_in'),
    ),
    buffer('shared_intermediate', intermediate.dtype, ['num_tokens', 'shared_intermediate_size'], {
      access: 'write',
    }),
    argument('num_tokens'),
  ];
}

function commonPlan(spec: GenerationSpec, axes: ExpertAxes, variant: SharedVariant) {
  return {
    folder: axes.activation,
    summary: `Shared expert's gate and up projections of ${axes.activation} tokens with ${axes.weight.summary} weights, ${variant.glu.summary}`,
    constants: constants(
      spec,
      'hidden_size',
      'shared_intermediate_size',
      ...gluConstants(variant.glu, SHARED_GLU),
    ),
    bindings: bindings(...buffers(axes, variant)),
    mslVersion: spec.mslVersion,
  };
}

function commonAxes({ activation, weight, intermediate }: ExpertAxes, variant: SharedVariant) {
  return { activation, weight: weight.name, ...sharedNaming(variant).axes, intermediate: intermediate.dtype };
}

function commonTerms(
  spec: GenerationSpec,
  { weight, intermediate, activation }: ExpertAxes,
  variant: SharedVariant,
) {
  const { glu, hasBias } = variant;
  const { name, dtype } = inputOf(activation, variant);
  const input = storageTerms(dtype, spec.bf16Storage);
  return {
    rows: rowTerms({ source: 'token', isGathered: false, inWords: 'each token r' }),
    parts: sharedParts(spec, { weight, activation, intermediate }, variant),
    isScaled: false,
    input: { name, msl: input.msl, load4: input.load4 },
    result: {
      name: 'shared_intermediate',
      store: storageTerms(intermediate.dtype, spec.bf16Storage).store,
    },
    accessors: accessorTerms(
      [
        { dtype, loads4: true },
        ...formatUses(weight, activation, hasBias),
        { dtype: intermediate.dtype, stores: true },
      ],
      spec.bf16Storage,
    ),
    glu: gluTerms(glu, SHARED_GLU),
  };
}

function sharedParts(spec: GenerationSpec, { weight, activation }: ExpertAxes, variant: SharedVariant) {
  return partTerms(
    sharedMatrices(variant),
    {
      input: `${inputOf(activation, variant).name}[r, h]`,
      term: 'h',
      index: 'i',
    },
    storageTerms(biasElement(weight, activation), spec.bf16Storage).load,
  );
}

function tiledPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: SharedVariant,
  name: TileName,
): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = sharedNaming(variant);
  const form = tiledForm(name, {
    ...productUse(spec, axes, variant),
    input: inputOf(activation, variant).dtype,
  });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName('shared_gate_up', ...words, activation, weight.name, intermediate.suffix, form.suffix),
    family: 'shared_gate_up',
    axes: { ...commonAxes(axes, variant), tile: name },
    ...form.plan,
    ...printed('gate_up', { ...commonTerms(spec, axes, variant), ...form.terms }),
  };
}

function rowPlan(spec: GenerationSpec, axes: ExpertAxes, variant: SharedVariant): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words } = sharedNaming(variant);
  const form = rowForm({ ...productUse(spec, axes, variant), source: 'token' });
  return {
    ...commonPlan(spec, axes, variant),
    name: kernelName('decode_shared_gate_up', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_shared_gate_up',
    axes: commonAxes(axes, variant),
    ...form.plan,
    ...printed('row_gate_up', {
      ...commonTerms(spec, axes, variant),
      ...form.terms,
      parts: placeParts(sharedParts(spec, axes, variant), form.partRows),
    }),
  };
}

function productUse({ bf16Storage }: GenerationSpec, { weight }: ExpertAxes, variant: SharedVariant) {
  return { matrices: sharedMatrices(variant), weight, indirect: null, isScaled: false, bf16Storage };
}

/** A product with few rows of weights, which says how the shared expert's output is added. */
interface Factor {
  readonly name: 'shared_sigmoid' | 'shared_mix';
  readonly output: string;
  readonly rows: 1 | 2;
  readonly isSigmoid: boolean;
  readonly hasBias: boolean;
  readonly summary: string;
  readonly description: string;
}

const SIGMOID: Factor = {
  name: 'shared_sigmoid',
  output: 'shared_sigmoid',
  rows: 1,
  isSigmoid: true,
  hasBias: false,
  summary: "Factor of the shared expert's output",
  description:
    'shared_sigmoid[t] = sigmoid(sum over h of hidden_states[t, h] * shared_sigmoid_weight[0, h]), in float.',
};

const MIX: Factor = {
  name: 'shared_mix',
  output: 'mix_logits',
  rows: 2,
  isSigmoid: false,
  hasBias: true,
  summary: 'Logits of the routed experts and of the shared expert',
  description:
    'mix_logits[t, n] = sum over h of hidden_states[t, h] * shared_mix_weight[n, h] + shared_mix_bias[n], in float.',
};

function factorPlan(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
  factor: Factor,
): KernelPlan {
  const matrices: Matrices = {
    parts: [{ ...plainPart(factor.name, 'hidden_size', factor.hasBias), width: String(factor.rows) }],
    order: 'out_in',
    columns: 'hidden_size',
    terms: 'hidden_size',
    owner: 'layer',
  };
  const columns = groupColumns(VECTOR_SHAPE, 1);
  const [part] = matrices.parts;
  const biasLoad = storageTerms(biasElement(weight, activation), spec.bf16Storage).load;
  const input = storageTerms(activation, spec.bf16Storage);
  return {
    name: kernelName(factor.name, activation, weight.name),
    family: factor.name,
    folder: activation,
    summary: `${factor.summary} for ${activation} tokens with ${weight.summary} weights`,
    axes: { activation, weight: weight.name },
    constants: constants(spec, 'hidden_size'),
    bindings: bindings(
      buffer('hidden_states', activation, ['num_tokens', 'hidden_size']),
      ...matrixBuffers(matrices, weight, biasElement(weight, activation)),
      buffer(factor.output, 'f32', factor.rows === 1 ? ['num_tokens'] : ['num_tokens', '2'], {
        access: 'write',
      }),
      argument('num_tokens'),
    ),
    dispatch: {
      threadgroups: [
        String(Math.ceil(factor.rows / columns)),
        `ceil_div(num_tokens, ${VECTOR_SHAPE.maxRows})`,
        '1',
      ],
      threadsPerThreadgroup: [rowThreads(VECTOR_SHAPE), 1, 1],
    },
    rows: { maxRows: VECTOR_SHAPE.maxRows, columns },
    threadgroupBytes: rowBytes(weight, VECTOR_SHAPE, 'token'),
    mslVersion: spec.mslVersion,
    ...printed('row_product', {
      rows: rowTerms({ source: 'token', isGathered: false, inWords: '' }),
      shape: rowShapeTerms(weight, VECTOR_SHAPE, 1),
      format: formatTerms(weight, spec.bf16Storage),
      product: {
        ...productTerms(matrices, weight, spec.bf16Storage, VECTOR_SHAPE.laneRows),
        columns: `${factor.rows}u`,
      },
      part: biasTerms(matrices, part, biasLoad),
      description: [factor.description],
      hasZeroExperts: false,
      finish: { ...NO_FINISH, isRow: true, isSigmoid: factor.isSigmoid },
      output: { name: factor.output, store: 'float' },
      steps: [],
      input: { name: 'hidden_states', msl: input.msl, load4: input.load4 },
      accessors: accessorTerms(
        [
          { dtype: activation, loads4: true },
          ...(factor.hasBias ? formatUses(weight, activation, true) : []),
        ],
        spec.bf16Storage,
      ),
    }),
  };
}
