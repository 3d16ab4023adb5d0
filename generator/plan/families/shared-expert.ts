// The shared expert's gate_up, tiled and for a few tokens, and the factor of its output. Its rows are the tokens themselves.

import type { ActivationDtype } from '../../spec/dtypes.js';
import type { GenerationSpec } from '../../spec/generation.js';
import type { WeightFormat } from '../../spec/weights.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { CHUNK_ROWS, gemvBytes, SIMDGROUPS, THREADS } from '../gemv.js';
import { gateUpParts, layoutNote, matrixBuffers, type Matrices } from '../matrices.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { tileBytes, tileName, TILES, tileTerms, tileThreads } from '../tiles.js';
import type { Binding, KernelPlan, TemplateValue, TileShape } from '../types.js';
import { sharedNaming, sharedVariant, type SharedVariant } from '../variants.js';
import { rowProduct } from './gemv-terms.js';
import { productTerms } from './product.js';
import {
  activationTerms,
  gluConstants,
  gluTerms,
  partTerms,
  selectedWeights,
  SHARED_GLU,
  sharedExpertAxes,
  type ExpertAxes,
} from './shared.js';

export function sharedExpertPlans(spec: GenerationSpec): KernelPlan[] {
  const variant = sharedVariant(spec.block);
  if (variant === null) return [];
  const gateUp = sharedExpertAxes(spec).flatMap((axes) => [
    ...Object.values(TILES).map((tile) => sharedGateUpPlan(spec, axes, variant, tile)),
    decodeSharedGateUpPlan(spec, axes, variant),
  ]);
  if (spec.block?.shared?.sigmoidGate === false) return gateUp;
  const sigmoid = spec.activations.flatMap((activation) =>
    selectedWeights(spec)
      .filter((weight) => spec.block !== null || weight.element === activation)
      .map((weight) => sharedSigmoidPlan(spec, activation, weight)),
  );
  return [...gateUp, ...sigmoid];
}

const IN_WORDS = { input: 'hidden_states[t, h]', term: 'h', index: 'i' } as const;

function sharedMatrices({ layout, hasBias }: SharedVariant): Matrices {
  const columns = 'shared_intermediate_size';
  const parts = gateUpParts(layout, { prefix: 'shared_', hasBias, columns });
  return { parts, order: 'out_in', columns, terms: 'hidden_size', isPerExpert: false };
}

function commonBindings(axes: ExpertAxes, variant: SharedVariant): Omit<Binding, 'index'>[] {
  const note = layoutNote(variant.layout, 'out_in');
  return [
    buffer('hidden_states', axes.activation, ['num_tokens', 'hidden_size']),
    ...matrixBuffers(sharedMatrices(variant), axes.weight.element, note),
    buffer('shared_intermediate', axes.intermediate.dtype, ['num_tokens', 'shared_intermediate_size'], {
      access: 'write',
    }),
  ];
}

function commonTerms(
  spec: GenerationSpec,
  { weight, intermediate, activation }: ExpertAxes,
  { glu, hasBias }: SharedVariant,
): Record<string, TemplateValue> {
  return {
    result: {
      name: 'shared_intermediate',
      columns: 'shared_intermediate_size',
      store: storageTerms(intermediate.dtype, spec.bf16Storage).store,
    },
    accessors: accessorTerms(
      [
        { dtype: activation, loads4: true },
        { dtype: weight.element, loads4: true, loads: hasBias },
        { dtype: intermediate.dtype, stores: true },
      ],
      spec.bf16Storage,
    ),
    glu: gluTerms(glu, SHARED_GLU),
    activation: activationTerms(glu),
  };
}

function sharedGateUpPlan(
  spec: GenerationSpec,
  axes: ExpertAxes,
  variant: SharedVariant,
  tile: TileShape,
): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words, axes: variantAxes } = sharedNaming(variant);
  const matrices = sharedMatrices(variant);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  return {
    name: kernelName(
      'shared_gate_up',
      ...words,
      activation,
      weight.name,
      intermediate.suffix,
      tileName(tile),
    ),
    family: 'shared_gate_up',
    folder: activation,
    template: 'shared_gate_up',
    summary: `Shared expert's gate and up projections of ${activation} tokens with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: {
      activation,
      weight: weight.name,
      ...variantAxes,
      intermediate: intermediate.dtype,
      tile: tileName(tile),
    },
    constants: constants(
      spec,
      'hidden_size',
      'shared_intermediate_size',
      ...gluConstants(variant.glu, SHARED_GLU),
    ),
    bindings: bindings(...commonBindings(axes, variant), argument('num_tokens')),
    dispatch: {
      threadgroups: [
        `ceil_div(shared_intermediate_size, ${tile.blockN})`,
        `ceil_div(num_tokens, ${tile.blockM})`,
        '1',
      ],
      threadsPerThreadgroup: [tileThreads(tile), 1, 1],
    },
    tile,
    threadgroupBytes: tileBytes(tile, matrices.parts.length),
    mslVersion: spec.mslVersion,
    terms: {
      tile: tileTerms(tile),
      product: productTerms(matrices, stored),
      parts: partTerms(matrices, { ...IN_WORDS, column: 'column', biasLoad: stored.load }),
      input: { name: 'hidden_states', load4: storageTerms(activation, spec.bf16Storage).load4 },
      ...commonTerms(spec, axes, variant),
    },
  };
}

function decodeSharedGateUpPlan(spec: GenerationSpec, axes: ExpertAxes, variant: SharedVariant): KernelPlan {
  const { activation, weight, intermediate } = axes;
  const { words, axes: variantAxes } = sharedNaming(variant);
  const matrices = sharedMatrices(variant);
  const input = storageTerms(activation, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const columns = (SIMDGROUPS * CHUNK_ROWS) / matrices.parts.length;
  const columnGroups = `ceil_div(shared_intermediate_size, ${columns})`;
  const sigmoid = sigmoidOption(spec, weight);
  return {
    name: kernelName('decode_shared_gate_up', ...words, activation, weight.name, intermediate.suffix),
    family: 'decode_shared_gate_up',
    folder: activation,
    template: 'decode_shared_gate_up',
    summary: `Shared expert's gate and up projections of a few ${activation} tokens with ${weight.summary} weights, ${variant.glu.summary}`,
    axes: { activation, weight: weight.name, ...variantAxes, intermediate: intermediate.dtype },
    constants: constants(
      spec,
      'hidden_size',
      'shared_intermediate_size',
      ...gluConstants(variant.glu, SHARED_GLU),
      ...(sigmoid.isOptional ? (['has_shared_sigmoid'] as const) : []),
    ),
    bindings: bindings(...commonBindings(axes, variant), ...sigmoid.bindings),
    dispatch: {
      threadgroups: [`${columnGroups}${sigmoid.groups}`, 'num_tokens', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: gemvBytes(SIMDGROUPS, weight),
    mslVersion: spec.mslVersion,
    terms: {
      simdgroups: SIMDGROUPS,
      threads: THREADS,
      columns,
      product: rowProduct(matrices),
      parts: partTerms(matrices, { ...IN_WORDS, column: 'own_column', biasLoad: stored.load }),
      sigmoid: {
        isPresent: sigmoid.isPresent,
        isOptional: sigmoid.isOptional,
        weights: matrices.parts.map(({ weight: name }) => name).every((name, _, all) => name === all[0])
          ? 'shared_sigmoid_weight'
          : 'shared_sigmoid_weight, shared_sigmoid_weight',
      },
      input: { name: 'hidden_states', msl: input.msl, load4: input.load4 },
      weight: { msl: stored.msl, load4: stored.load4 },
      ...commonTerms(spec, axes, variant),
    },
  };
}

/** Without a block in particular a constant says whether the shared output has a factor: one more threadgroup makes it. */
function sigmoidOption({ block }: GenerationSpec, weight: WeightFormat) {
  const isOptional = block === null;
  const isPresent = isOptional || block.shared?.sigmoidGate === true;
  const options = isOptional ? { condition: 'has_shared_sigmoid', note: 'if has_shared_sigmoid' } : {};
  const buffers = [
    buffer('shared_sigmoid_weight', weight.element, ['1', 'hidden_size'], options),
    buffer('shared_sigmoid', 'f32', ['num_tokens'], { ...options, access: 'write' }),
  ];
  return {
    isOptional,
    isPresent,
    bindings: isPresent ? buffers : [],
    groups: isPresent ? ` + ${isOptional ? 'has_shared_sigmoid' : '1'}` : '',
  };
}

/** The roles of the dot product are changed: each simdgroup multiplies four tokens with the one row of weights. */
function sharedSigmoidPlan(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
): KernelPlan {
  const input = storageTerms(activation, spec.bf16Storage);
  const stored = storageTerms(weight.element, spec.bf16Storage);
  const tokens = SIMDGROUPS * CHUNK_ROWS;
  return {
    name: kernelName('shared_sigmoid', activation, weight.name),
    family: 'shared_sigmoid',
    folder: activation,
    template: 'shared_sigmoid',
    summary: `Factor of the shared expert's output for many ${activation} tokens with ${weight.summary} weights`,
    axes: { activation, weight: weight.name },
    constants: constants(spec, 'hidden_size'),
    bindings: bindings(
      buffer('hidden_states', activation, ['num_tokens', 'hidden_size']),
      buffer('shared_sigmoid_weight', weight.element, ['1', 'hidden_size']),
      buffer('shared_sigmoid', 'f32', ['num_tokens'], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: {
      threadgroups: [`ceil_div(num_tokens, ${tokens})`, '1', '1'],
      threadsPerThreadgroup: [THREADS, 1, 1],
    },
    threadgroupBytes: gemvBytes(SIMDGROUPS, { ...weight, element: activation }),
    mslVersion: spec.mslVersion,
    terms: {
      simdgroups: SIMDGROUPS,
      threads: THREADS,
      tokens,
      row: { msl: stored.msl, load4: stored.load4 },
      columns: { msl: input.msl, load4: input.load4 },
      accessors: accessorTerms(
        [
          { dtype: activation, loads4: true },
          { dtype: weight.element, loads4: true },
        ],
        spec.bf16Storage,
      ),
    },
  };
}
