// Dense projections of tokens, tiled and for a few tokens: down of the shared expert, and the ways into and out of the latent
// space. What comes out is float, but for the way out of the latent space, which finishes the layer's output.

import type { ActivationDtype } from '../../description/dtypes.js';
import type { MoeBlock } from '../../description/block.js';
import type { GenerationSpec } from '../../description/generation.js';
import type { Projection as WeightProjection, WeightFormat } from '../../description/weights.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants, type ConstantName } from '../constants.js';
import { biasElement, formatUses } from '../format-terms.js';
import { biasTerms, matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { TILE_NAMES, type TileName } from '../tiles.js';
import type { KernelPlan } from '../types.js';
import { projectionNaming, sharedVariant } from '../variants.js';
import { NO_FINISH, rowForm, tiledForm } from './product-forms.js';
import { rowTerms } from './row-sources.js';
import { partInWords, projectionFormats, sharedExpertAxes, type IntermediateDtype } from './shared.js';
import { printed } from '../printed.js';

/** One use of the projection kernels. */
interface Projection {
  readonly family: 'shared_down' | 'latent_in' | 'latent_out';
  readonly summary: string;
  readonly hasBias: boolean;
  readonly input: { readonly name: string; readonly dtype: ActivationDtype };
  readonly terms: ConstantName;
  readonly columns: ConstantName;
  readonly output: { readonly name: string; readonly dtype: ActivationDtype };
  readonly finishes: boolean;
}

interface ProjectionAxes {
  readonly activation: ActivationDtype;
  readonly weight: WeightFormat;
  /** Where the input is an intermediate. */
  readonly intermediate: IntermediateDtype | null;
}

export function projectionPlans(spec: GenerationSpec): KernelPlan[] {
  return [...sharedDownPlans(spec), ...latentPlans(spec)];
}

function sharedDownPlans(spec: GenerationSpec): KernelPlan[] {
  const variant = sharedVariant(spec.block);
  if (variant === null) return [];
  return sharedExpertAxes(spec, 'shared_down').flatMap((axes) =>
    plansOf(spec, axes, {
      family: 'shared_down',
      summary: "Shared expert's down projection",
      hasBias: variant.hasBias,
      input: { name: 'shared_intermediate', dtype: axes.intermediate.dtype },
      terms: 'shared_intermediate_size',
      columns: 'hidden_size',
      // A norm behind it makes the output.
      output: {
        name: spec.block?.shared?.outputNorm == null ? 'shared_output' : 'shared_product',
        dtype: 'f32',
      },
      finishes: false,
    }),
  );
}

type Latent = NonNullable<MoeBlock['latent']>;

const LATENT: WeightProjection = 'latent';

function latentPlans(spec: GenerationSpec): KernelPlan[] {
  const latent = spec.block?.latent ?? null;
  if (latent === null) return [];
  return spec.activations.flatMap((activation) =>
    projectionFormats(spec, LATENT, activation).flatMap((weight) =>
      [latentIn(activation, latent.bias), latentOut(activation, latent)].flatMap((projection) =>
        plansOf(spec, { activation, weight, intermediate: null }, projection),
      ),
    ),
  );
}

function latentIn(activation: ActivationDtype, hasBias: boolean): Projection {
  return {
    family: 'latent_in',
    summary: 'Projection into the latent space',
    hasBias,
    input: { name: 'hidden_states', dtype: activation },
    terms: 'hidden_size',
    columns: 'latent_size',
    output: { name: 'latent_states', dtype: 'f32' },
    finishes: false,
  };
}

function latentOut(activation: ActivationDtype, { bias: hasBias, norm }: Latent): Projection {
  return {
    family: 'latent_out',
    summary: 'Projection out of the latent space, and the end of the layer',
    hasBias,
    input: { name: norm === null ? 'routed_latent' : 'normed_latent', dtype: 'f32' },
    terms: 'latent_size',
    columns: 'hidden_size',
    output: { name: 'output', dtype: activation },
    finishes: true,
  };
}

function plansOf(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection): KernelPlan[] {
  return [
    ...TILE_NAMES.map((tile) => tiledPlan(spec, axes, projection, tile)),
    rowPlan(spec, axes, projection),
  ];
}

function matricesOf({ family, hasBias, columns, terms }: Projection): Matrices {
  return {
    parts: [plainPart(family, columns, hasBias)],
    order: 'out_in',
    columns,
    terms,
    owner: 'layer',
  };
}

function tiledPlan(
  spec: GenerationSpec,
  axes: ProjectionAxes,
  projection: Projection,
  name: TileName,
): KernelPlan {
  const { family, input, finishes } = projection;
  const { plan, words, terms, use, stage } = commonParts(spec, axes, projection);
  const form = tiledForm(name, { ...use, input: input.dtype });
  return {
    ...plan,
    name: kernelName(family, ...words, form.suffix),
    family,
    axes: { ...plan.axes, tile: name },
    ...form.plan,
    ...printed('product', {
      ...terms,
      ...form.terms,
      finish: { ...NO_FINISH, isStage: finishes, isRow: !finishes, isMixing: stage.isMixing },
    }),
  };
}

function rowPlan(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection): KernelPlan {
  const { family, finishes } = projection;
  const { plan, words, terms, use, stage } = commonParts(spec, axes, projection);
  const form = rowForm({ ...use, source: 'token' });
  return {
    ...plan,
    name: kernelName('decode', family, ...words),
    family: `decode_${family}`,
    ...form.plan,
    ...printed('row_product', {
      ...terms,
      ...form.terms,
      hasZeroExperts: false,
      finish: { ...NO_FINISH, isStage: finishes, isRow: !finishes, isMixing: stage.isMixing },
    }),
  };
}

/** What the tiled kernel and the one for a few tokens have in common. */
function commonParts(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection) {
  const { activation, weight, intermediate } = axes;
  const { input, output, terms, columns, hasBias } = projection;
  const stage = projection.finishes ? outputStage(spec) : NO_OUTPUT_STAGE;
  const naming = projectionNaming(hasBias);
  const matrices = matricesOf(projection);
  const inputTerms = storageTerms(input.dtype, spec.bf16Storage);
  const [part] = matrices.parts;
  const biasLoad = storageTerms(biasElement(weight, activation), spec.bf16Storage).load;
  const inWords = partInWords(matrices, part, {
    input: `${input.name}[t, k]`,
    term: 'k',
    index: 'n',
  });
  return {
    stage,
    plan: {
      folder: activation,
      summary: `${projection.summary}, ${input.dtype} rows with ${weight.summary} weights, ${output.dtype} output`,
      axes: {
        activation,
        weight: weight.name,
        ...naming.axes,
        ...(intermediate !== null && { intermediate: intermediate.dtype }),
      },
      constants: constants(
        spec,
        'hidden_size',
        terms === 'hidden_size' ? columns : terms,
        ...stage.constants,
      ),
      bindings: bindings(
        buffer(input.name, input.dtype, ['num_tokens', terms]),
        ...matrixBuffers(matrices, weight, biasElement(weight, activation)),
        buffer(output.name, output.dtype, ['num_tokens', columns], { access: 'write' }),
        ...stage.bindings,
        argument('num_tokens'),
      ),
      mslVersion: spec.mslVersion,
    },
    use: { matrices, weight, indirect: null, isScaled: false, bf16Storage: spec.bf16Storage },
    words: [...naming.words, activation, weight.name, intermediate?.suffix ?? ''],
    terms: {
      rows: rowTerms({ source: 'token', isGathered: false, inWords: '' }),
      part: biasTerms(matrices, part, biasLoad),
      description: [`sum[t, n] = ${inWords}`, `It stays float until ${output.name} is stored.`],
      isScaled: false,
      input: { name: input.name, msl: inputTerms.msl, load4: inputTerms.load4 },
      output: { name: output.name, store: storageTerms(output.dtype, spec.bf16Storage).store },
      steps: stage.steps,
      accessors: accessorTerms(
        [
          { dtype: input.dtype, loads4: true },
          ...formatUses(weight, activation, hasBias),
          { dtype: output.dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
    },
  };
}
