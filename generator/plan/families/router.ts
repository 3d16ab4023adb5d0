// The router: logits of many tokens by a matrix product and their selection, or both at once for a few tokens.

import type { ActivationDtype } from '../../spec/dtypes.js';
import type { GenerationSpec } from '../../spec/generation.js';
import type { WeightFormat } from '../../spec/weights.js';
import type { RouterVariant } from '../../spec/routers.js';
import { argument, bindings, buffer } from '../bindings.js';
import { constants } from '../constants.js';
import { gemvBytes } from '../gemv.js';
import { kernelName } from '../names.js';
import { accessorTerms, storageTerms } from '../storage.js';
import { operandTerms, tileBytes, tileName, TILES, tileTerms, tileThreads } from '../tiles.js';
import type { Binding, KernelPlan, TemplateValue } from '../types.js';
import {
  assertRoutable,
  fusedVariants,
  logitConstants,
  logitParts,
  routerParts,
  selectConstants,
  selectVariants,
  type LogitParts,
} from './router-parts.js';
import { routerSelectPlan, selectBindings, selectTerms } from './router-select.js';
import { selectedWeights } from './shared.js';

export function routerPlans(spec: GenerationSpec): KernelPlan[] {
  if (spec.block !== null) assertRoutable(spec.block);
  const kernels = spec.activations.flatMap((activation) =>
    selectedWeights(spec).flatMap((weight) => [
      ...fusedVariants(spec).map((variant) => routerPlan(spec, activation, weight, variant)),
      routerLogitsPlan(spec, activation, weight),
    ]),
  );
  return [...kernels, ...selectVariants(spec).map((variant) => routerSelectPlan(spec, variant))];
}

function routerInputs(
  activation: ActivationDtype,
  weight: WeightFormat,
  { routerBias, scoredShape }: LogitParts,
): Omit<Binding, 'index'>[] {
  const switched = { condition: 'has_router_bias', note: 'if has_router_bias' };
  return [
    buffer('hidden_states', activation, ['num_tokens', 'hidden_size']),
    buffer('router_weight', weight.element, [scoredShape, 'hidden_size']),
    ...(routerBias === 'never'
      ? []
      : [buffer('router_bias', weight.element, [scoredShape], routerBias === 'switched' ? switched : {})]),
  ];
}

function inputTerms(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
  { routerBias }: LogitParts,
): Record<string, TemplateValue> {
  const stored = storageTerms(weight.element, spec.bf16Storage);
  return {
    weight: { msl: stored.msl, load: stored.load, load4: stored.load4 },
    routerBias: {
      isAlways: routerBias === 'always',
      isSwitched: routerBias === 'switched',
      note: { always: ' + router_bias[e]', switched: ' (+ router_bias[e])', never: '' }[routerBias],
    },
    accessors: accessorTerms(
      [
        { dtype: activation, loads4: true },
        { dtype: weight.element, loads: routerBias !== 'never', loads4: true },
      ],
      spec.bf16Storage,
    ),
  };
}

/** Threadgroup memory holds the tiles of so many simdgroups beside the logits. */
function routerSimdgroups(weight: WeightFormat): number {
  return weight.element === 'f32' ? 4 : 8;
}

function routerPlan(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
  variant: RouterVariant,
): KernelPlan {
  const parts = routerParts(spec, variant);
  const simdgroups = routerSimdgroups(weight);
  const input = storageTerms(activation, spec.bf16Storage);
  return {
    name: kernelName('router', variant.name, activation, weight.name),
    family: 'router',
    folder: activation,
    template: 'router',
    summary: `Router of a few ${activation} tokens with ${weight.summary} weights: logits, ${variant.summary}`,
    axes: { activation, weight: weight.name, scoring: variant.name },
    constants: constants(spec, ...new Set([...logitConstants(parts), ...selectConstants(parts)])),
    bindings: bindings(...routerInputs(activation, weight, parts), ...selectBindings(parts)),
    dispatch: { threadgroups: ['num_tokens', '1', '1'], threadsPerThreadgroup: [32 * simdgroups, 1, 1] },
    threadgroupBytes: gemvBytes(simdgroups, weight) + parts.maxExperts * 4,
    mslVersion: spec.mslVersion,
    terms: {
      simdgroups,
      threads: 32 * simdgroups,
      input: { msl: input.msl, load4: input.load4 },
      select: selectTerms(parts),
      ...inputTerms(spec, activation, weight, parts),
    },
  };
}

function routerLogitsPlan(
  spec: GenerationSpec,
  activation: ActivationDtype,
  weight: WeightFormat,
): KernelPlan {
  const parts = logitParts(spec);
  const tile = TILES.wide;
  const input = storageTerms(activation, spec.bf16Storage);
  return {
    name: kernelName('router_logits', activation, weight.name, tileName(tile)),
    family: 'router_logits',
    folder: activation,
    template: 'router_logits',
    summary: `Router logits of many ${activation} tokens with ${weight.summary} weights, float output`,
    axes: { activation, weight: weight.name, tile: tileName(tile) },
    constants: constants(spec, ...logitConstants(parts)),
    bindings: bindings(
      ...routerInputs(activation, weight, parts),
      buffer('logits', 'f32', ['num_tokens', parts.scoredShape], { access: 'write' }),
      argument('num_tokens'),
    ),
    dispatch: {
      threadgroups: [
        `ceil_div(${parts.scoredShape}, ${tile.blockN})`,
        `ceil_div(num_tokens, ${tile.blockM})`,
        '1',
      ],
      threadsPerThreadgroup: [tileThreads(tile), 1, 1],
    },
    tile,
    threadgroupBytes: tileBytes(tile, 1),
    mslVersion: spec.mslVersion,
    terms: {
      tile: tileTerms(tile),
      operands: operandTerms(['router'], storageTerms(weight.element, spec.bf16Storage).load4, 'hidden_size'),
      weightColumns: 'block_n',
      input: { name: 'hidden_states', load4: input.load4 },
      hasZeroExperts: parts.hasZeroExperts,
      numScored: parts.numScored,
      ...inputTerms(spec, activation, weight, parts),
    },
  };
}
