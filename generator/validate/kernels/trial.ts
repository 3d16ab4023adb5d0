// A trial: one kernel on one case, with its inputs and what must come out.

import type { KernelPlan } from '../../plan/types.js';
import type { ActivationDtype, ElementType } from '../../description/dtypes.js';
import type { Expected } from '../compare.js';
import { encodeElements, roundElements } from '../elements.js';
import type { Contents, StepValues } from '../job.js';
import type { Random } from '../random.js';
import type { KernelCase } from './cases.js';

export interface Expectation extends Expected {
  /** Name of the binding. */
  readonly output: string;
  readonly element: ElementType;
}

export interface Trial {
  readonly values: StepValues;
  readonly inputs: Readonly<Record<string, Contents>>;
  readonly expectations: readonly Expectation[];
}

export type TrialBuilder = (plan: KernelPlan, sizes: KernelCase, random: Random) => readonly Trial[];

/** Values as a kernel finds them in its buffer, and the buffer. */
export interface Stored {
  readonly bytes: Uint8Array;
  readonly values: Float64Array;
}

export function store(element: ElementType, values: ArrayLike<number>): Stored {
  return { bytes: encodeElements(element, values), values: roundElements(element, values) };
}

export function elementOf(plan: KernelPlan, binding: string): ElementType {
  const found = plan.bindings.find(({ name }) => name === binding);
  if (found === undefined) throw new Error(`${plan.name} has no binding ${binding}`);
  return found.element;
}

/** The element type of a binding that holds activations or weights. */
export function dtypeOf(plan: KernelPlan, binding: string): ActivationDtype {
  const element = elementOf(plan, binding);
  if (element !== 'f16' && element !== 'bf16' && element !== 'f32')
    throw new Error(`${binding} holds ${element}`);
  return element;
}

export function sizeValues(sizes: KernelCase): StepValues {
  return {
    num_tokens: sizes.numTokens,
    hidden_size: sizes.hiddenSize,
    intermediate_size: sizes.intermediateSize,
    num_experts: sizes.numExperts,
    top_k: sizes.topK,
  };
}

/** Open constants of the expert kernels: limits that inputs of about 1 go beyond, factors that show. */
const OPEN_CONSTANTS: StepValues = {
  swiglu_limit: 0.75,
  swiglu_alpha: 1.702,
  shared_swiglu_limit: 0.5,
  shared_swiglu_alpha: 1.5,
  routed_scale: 2.5,
  output_scale: 0.5,
};

/** The values of a case for an expert kernel; what the kernel has baked in stays. */
export function openValues(plan: KernelPlan, sizes: KernelCase): StepValues {
  const own = {
    ...sizeValues(sizes),
    latent_size: latentSize(sizes),
    shared_intermediate_size: sizes.intermediateSize + (isGrouped(sizes) ? sizes.intermediateSize : 5),
    ...OPEN_CONSTANTS,
  };
  const baked = plan.constants.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]));
  return { ...own, ...(Object.fromEntries(baked) as StepValues) };
}

function latentSize(sizes: KernelCase): number {
  return isGrouped(sizes) ? sizes.intermediateSize : Math.min(Math.ceil(0.6 * sizes.hiddenSize) + 1, 200);
}

/** Both sizes hold whole blocks: what is derived of them must too. */
function isGrouped({ hiddenSize, intermediateSize }: KernelCase): boolean {
  return hiddenSize % 32 === 0 && intermediateSize % 32 === 0 && hiddenSize !== 64;
}

/** A constant's value, or where the kernel does not know it, anything. */
export function valueOf(plan: KernelPlan, values: StepValues, name: string): number {
  return plan.constants.some((constant) => constant.name === name) ? Number(values[name]) : 1;
}

/** Width in which the kernel's experts work. */
export function expertWidth(plan: KernelPlan, sizes: KernelCase): number {
  return isLatent(plan) ? latentSize(sizes) : sizes.hiddenSize;
}

/** The buffer with the experts' input. */
export function statesOf(plan: KernelPlan): 'hidden_states' | 'latent_states' {
  return isLatent(plan) ? 'latent_states' : 'hidden_states';
}

function isLatent(plan: KernelPlan): boolean {
  return plan.axes['space'] === 'latent';
}

export function hasBinding(plan: KernelPlan, binding: string): boolean {
  return plan.bindings.some(({ name }) => name === binding);
}

/** Values that must come out to the last bit. */
export function exactly(output: string, element: ElementType, want: ArrayLike<number>): Expectation {
  const values = Float64Array.from(want);
  return { output, element, want: values, tolerance: new Float64Array(values.length) };
}

export interface RoutedTokens {
  /** num_experts for an empty slot. */
  readonly ids: Uint32Array;
  /** NaN for an empty slot. */
  readonly weights: Float64Array;
}

/** Distinct experts for each token, not in order, with experts that nobody takes where there are enough. */
export function routeTokens(sizes: KernelCase, random: Random): RoutedTokens {
  const { numTokens, numExperts, topK, routing } = sizes;
  const ids = new Uint32Array(numTokens * topK);
  const weights = Float64Array.from(random.spread(numTokens * topK, 1));
  const taken = routing === 'one' ? topK : Math.max(topK, Math.ceil(numExperts * 0.6));
  for (let token = 0; token < numTokens; token += 1) {
    const experts = Array.from({ length: taken }, (_, i) => numExperts - 1 - i);
    for (let slot = 0; slot < topK; slot += 1) {
      const pick = slot + (routing === 'one' ? 0 : random.below(taken - slot));
      [experts[slot], experts[pick]] = [experts[pick] ?? 0, experts[slot] ?? 0];
      ids[token * topK + slot] = experts[slot] ?? 0;
    }
  }
  // What is multiplied with these stays exact.
  if (sizes.numbers === 'ordered') weights.fill(1);
  if (routing === 'nan') emptySlots(ids, weights, sizes);
  return { ids, weights: roundElements('f32', weights) };
}

/** Token 1 finds no expert at all, token 3 none for its last slot. */
function emptySlots(ids: Uint32Array, weights: Float64Array, { topK, numExperts }: KernelCase): void {
  for (let slot = 0; slot < topK; slot += 1) {
    ids[topK + slot] = numExperts;
    weights[topK + slot] = NaN;
  }
  ids[4 * topK - 1] = numExperts;
  weights[4 * topK - 1] = NaN;
}
