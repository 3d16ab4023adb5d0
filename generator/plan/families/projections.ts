// Dense projections of tokens, tiled and for a few tokens: down of the shared expert, and the ways into and out of the latent
// space. What comes out is float, but for the way out of the latent space, which finishes the layer's output.

import type { ActivationDtype } from '../../spec/dtypes.js';
import type { GenerationSpec } from '../../spec/generation.js';
import type { WeightFormat } from '../../spec/weights.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants, type ConstantName } from '../constants.js';
import { CHUNK_ROWS, gemvBytes, SIMDGROUPS, THREADS } from '../gemv.js';
import { matrixBuffers, plainPart, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { NO_OUTPUT_STAGE, outputStage } from '../output.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { tileBytes, tileName, TILES, tileTerms, tileThreads } from '../tiles.js';
import type { KernelPlan, TemplateValue, TileShape } from '../types.js';
import { projectionNaming, sharedVariant } from '../variants.js';
import { rowProduct } from './gemv-terms.js';
import { productTerms } from './product.js';
import { partTerm, selectedWeights, sharedExpertAxes, type IntermediateDtype } from './shared.js';

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
  return sharedExpertAxes(spec).flatMap((axes) =>
    plansOf(spec, axes, {
      family: 'shared_down',
      summary: "Shared expert's down projection",
      hasBias: variant.hasBias,
      input: { name: 'shared_intermediate', dtype: axes.intermediate.dtype },
      terms: 'shared_intermediate_size',
      columns: 'hidden_size',
      output: { name: 'shared_output', dtype: 'f32' },
      finishes: false,
    }),
  );
}

function latentPlans(spec: GenerationSpec): KernelPlan[] {
  const latent = spec.block?.latent ?? null;
  if (latent === null) return [];
  return spec.activations.flatMap((activation) =>
    selectedWeights(spec).flatMap((weight) =>
      [latentIn(activation, latent.bias), latentOut(activation, latent.bias)].flatMap((projection) =>
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

function latentOut(activation: ActivationDtype, hasBias: boolean): Projection {
  return {
    family: 'latent_out',
    summary: 'Projection out of the latent space, and the end of the layer',
    hasBias,
    input: { name: 'routed_latent', dtype: 'f32' },
    terms: 'latent_size',
    columns: 'hidden_size',
    output: { name: 'output', dtype: activation },
    finishes: true,
  };
}

function plansOf(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection): KernelPlan[] {
  return [
    ...Object.values(TILES).map((tile) => tiledPlan(spec, axes, projection, tile)),
    decodePlan(spec, axes, projection),
  ];
}

function matricesOf({ family, hasBias, columns, terms }: Projection): Matrices {
  return {
    parts: [plainPart(family, columns, hasBias)],
    order: 'out_in',
    columns,
    terms,
    isPerExpert: false,
  };
}

function tiledPlan(
  spec: GenerationSpec,
  axes: ProjectionAxes,
  projection: Projection,
  tile: TileShape,
): KernelPlan {
  const { family, columns } = projection;
  const { plan, words, drafts, terms } = commonParts(spec, axes, projection);
  const product = productTerms(matricesOf(projection), storageTerms(axes.weight.element, spec.bf16Storage));
  return {
    ...plan,
    name: kernelName(family, ...words, tileName(tile)),
    family,
    template: 'projection',
    axes: { ...plan.axes, tile: tileName(tile) },
    bindings: bindings(...drafts, argument('num_tokens')),
    dispatch: {
      threadgroups: [`ceil_div(${columns}, ${tile.blockN})`, `ceil_div(num_tokens, ${tile.blockM})`, '1'],
      threadsPerThreadgroup: [tileThreads(tile), 1, 1],
    },
    tile,
    threadgroupBytes: tileBytes(tile, 1),
    terms: { ...terms, tile: tileTerms(tile), product },
  };
}

function decodePlan(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection): KernelPlan {
  const { family, columns } = projection;
  const { plan, words, drafts, terms } = commonParts(spec, axes, projection);
  const { msl, load4 } = storageTerms(axes.weight.element, spec.bf16Storage);
  const groupColumns = SIMDGROUPS * CHUNK_ROWS;
  return {
    ...plan,
    name: kernelName('decode', family, ...words),
    family: `decode_${family}`,
    template: 'decode_projection',
    bindings: bindings(...drafts),
    dispatch: {
      threadgroups: [`ceil_div(${columns}, ${groupColumns})`, 'num_tokens', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: gemvBytes(SIMDGROUPS, axes.weight),
    terms: {
      ...terms,
      simdgroups: SIMDGROUPS,
      threads: THREADS,
      columns: groupColumns,
      product: rowProduct(matricesOf(projection)),
      weight: { msl, load4 },
    },
  };
}

/** What the tiled kernel and the one for a few tokens have in common. */
function commonParts(spec: GenerationSpec, axes: ProjectionAxes, projection: Projection) {
  const { activation, weight, intermediate } = axes;
  const { input, output, terms, columns, hasBias } = projection;
  const stage = projection.finishes ? outputStage(spec) : NO_OUTPUT_STAGE;
  const naming = projectionNaming(hasBias);
  const matrices = matricesOf(projection);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const inputTerms = storageTerms(input.dtype, spec.bf16Storage);
  return {
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
      mslVersion: spec.mslVersion,
    },
    words: [...naming.words, activation, weight.name, intermediate?.suffix ?? ''],
    drafts: [
      buffer(input.name, input.dtype, ['num_tokens', terms]),
      ...matrixBuffers(matrices, weight.element),
      buffer(output.name, output.dtype, ['num_tokens', columns], { access: 'write' }),
      ...stage.bindings,
    ],
    terms: {
      part: partTerm(matrices, matrices.parts[0], {
        column: 'column',
        biasLoad: stored.load,
        input: `${input.name}[t, k]`,
        term: 'k',
        index: 'n',
      }),
      input: { name: input.name, msl: inputTerms.msl, load4: inputTerms.load4 },
      output: { name: output.name, store: storageTerms(output.dtype, spec.bf16Storage).store },
      steps: stage.steps,
      accessors: accessorTerms(
        [
          { dtype: input.dtype, loads4: true },
          { dtype: weight.element, loads4: true, loads: hasBias },
          { dtype: output.dtype, stores: true },
        ],
        spec.bf16Storage,
      ),
    } satisfies Record<string, TemplateValue>,
  };
}
