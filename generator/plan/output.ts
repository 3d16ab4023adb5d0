// What happens to a token's sum after its slots are added: scale, bias and shared expert, in this order. Without a block in
// particular these are options, bound as constants; for a block only what it has is there.

import type { MoeBlock } from '../description/block.js';
import type { GenerationSpec } from '../description/generation.js';
import type { ActivationDtype } from '../description/dtypes.js';
import { buffer } from './bindings.js';
import type { ConstantName } from './constants.js';
import { storageTerms, type StorageUse } from './storage.js';
import type { Binding } from './types.js';
import type { DownVariant } from './variants.js';

/** Something that a kernel does always, never, or where a constant says so. */
type Option = 'always' | 'never' | { readonly constant: ConstantName };

export interface OutputStage {
  readonly constants: readonly ConstantName[];
  readonly bindings: readonly Omit<Binding, 'index'>[];
  readonly steps: readonly (Pick<Step, 'name'> & ReturnType<typeof optionTerms>)[];
  /** Whether a step needs the share of a branch. */
  readonly isMixing: boolean;
}

interface Step {
  readonly option: Option;
  /** The partial in `output/steps`, over `sum`, `token`, `column` and `element`. */
  readonly name:
    'scale' | 'bias' | 'add_shared' | 'add_gated_shared' | 'add_optional_shared' | 'mix' | 'halve';
  readonly constants?: readonly ConstantName[];
  readonly bindings?: readonly Omit<Binding, 'index'>[];
}

/** Over the sum in hidden_size columns. */
export function outputStage(spec: GenerationSpec): OutputStage {
  const steps = [scaleStep(spec), biasStep(spec), sharedStep(spec), halfStep(spec)].filter(
    ({ option }) => option !== 'never',
  );
  return {
    constants: steps.flatMap(({ option, constants = [] }) => [...optionConstants(option), ...constants]),
    bindings: steps.flatMap((step) => step.bindings ?? []),
    steps: steps.map(({ option, name }) => ({ ...optionTerms(option), name })),
    isMixing: isMixed(spec.block),
  };
}

/** Where the sum is not the output yet. */
export const NO_OUTPUT_STAGE: OutputStage = { constants: [], bindings: [], steps: [], isMixing: false };

function scaleStep({ block }: GenerationSpec): Step {
  return {
    option: block?.routedScale === 1 ? 'never' : 'always',
    name: 'scale',
    constants: ['routed_scale'],
  };
}

function biasStep({ block }: GenerationSpec): Step {
  const option = block === null ? ({ constant: 'has_output_bias' } as const) : always(block.outputBias);
  return {
    option,
    name: 'bias',
    bindings: [buffer('output_bias', 'f32', ['hidden_size'], { ...condition(option), role: 'output_bias' })],
  };
}

function sharedStep({ block }: GenerationSpec): Step {
  if (block === null) return optionalSharedStep();
  if (isMixed(block)) return mixStep();
  const isGated = block.shared?.sigmoidGate === true;
  return {
    option: always(block.shared !== null),
    name: isGated ? 'add_gated_shared' : 'add_shared',
    bindings: sharedBindings('always', always(isGated)),
  };
}

function isMixed(block: MoeBlock | null): boolean {
  return block?.shared?.combine === 'softmax';
}

/** Both branches by their shares of one. */
function mixStep(): Step {
  return {
    option: 'always',
    name: 'mix',
    bindings: [...sharedBindings('always', 'never'), buffer('mix_logits', 'f32', ['num_tokens', '2'])],
  };
}

function optionalSharedStep(): Step {
  const [expert, sigmoid] = [{ constant: 'has_shared_expert' }, { constant: 'has_shared_sigmoid' }] as const;
  return {
    option: expert,
    name: 'add_optional_shared',
    constants: [sigmoid.constant],
    bindings: sharedBindings(expert, sigmoid),
  };
}

function sharedBindings(expert: Option, sigmoid: Option): Omit<Binding, 'index'>[] {
  const output = buffer('shared_output', 'f32', ['num_tokens', 'hidden_size'], condition(expert));
  if (sigmoid === 'never') return [output];
  return [output, buffer('shared_sigmoid', 'f32', ['num_tokens'], condition(sigmoid))];
}

function halfStep({ block }: GenerationSpec): Step {
  const combine = block?.shared?.combine;
  const isHalved = block === null || combine === 'average' || combine === 'equal_power';
  return { option: always(isHalved), name: 'halve', constants: ['output_scale'] };
}

function always(holds: boolean): Option {
  return holds ? 'always' : 'never';
}

function condition(option: Option): { condition?: string; note?: string } {
  return typeof option === 'string' ? {} : { condition: option.constant, note: `if ${option.constant}` };
}

function optionConstants(option: Option): ConstantName[] {
  return typeof option === 'string' ? [] : [option.constant];
}

function optionTerms(option: Option) {
  return {
    isOptional: typeof option !== 'string',
    condition: typeof option === 'string' ? '' : option.constant,
  };
}

interface RowlessTerms {
  readonly isWeight: boolean;
  readonly hasInput: boolean;
  readonly isZero: boolean;
  readonly input: string;
  readonly load: string;
  readonly isOptional: boolean;
  readonly guard: string;
}

/** What a slot without an expert's row contributes. */
export interface RowlessSlots {
  readonly constants: readonly ConstantName[];
  readonly bindings: readonly Omit<Binding, 'index'>[];
  readonly uses: readonly StorageUse[];
  /** What `output/rowless` prints, over `token`, `column` and `assignment`. */
  readonly terms: RowlessTerms;
}

/**
 * A slot of a zero expert contributes the token's own values. An empty slot has the weight NaN, which multiplies whatever
 * stands there, or, where rows bear their weights already, is the contribution itself.
 */
export function rowlessSlots(
  spec: GenerationSpec,
  variant: DownVariant,
  activation: ActivationDtype,
): RowlessSlots {
  const { block } = spec;
  const { states, width, isFloat } = variant.space;
  const option: Option = block === null ? { constant: 'has_zero_experts' } : always(block.numZeroExperts > 0);
  const isWeight = variant.isUnweighted;
  const dtype = isFloat ? 'f32' : activation;
  const hasInput = option !== 'never';
  return {
    constants: optionConstants(option),
    bindings: hasInput ? [buffer(states, dtype, ['num_tokens', width], condition(option))] : [],
    uses: hasInput ? [{ dtype, loads: true }] : [],
    terms: {
      isWeight,
      hasInput,
      isZero: !isWeight && !hasInput,
      input: states,
      load: storageTerms(dtype, spec.bf16Storage).load,
      isOptional: typeof option !== 'string',
      guard: typeof option === 'string' ? '' : option.constant,
    },
  };
}
