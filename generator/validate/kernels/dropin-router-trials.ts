// Trials of the drop-in routers. Selected experts must be right wherever logits are further apart than a right kernel's error;
// weights in descending order hardly change where two experts change places, and must be right everywhere.

import type { KernelPlan } from '../../plan/types.js';
import { linearOutIn } from '../../reference/linear.js';
import { dropInRouting } from '../../reference/dropin-routing.js';
import { encodeElements } from '../elements.js';
import type { Random } from '../random.js';
import { absolute, dotError, FLOAT_ROUNDING, storedError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { dtypeOf, store, type Expectation, type Stored, type Trial } from './trial.js';

/** Sums of 32 terms or of 32 lanes, four of them at a time, and then of four shares. */
const SHARE_ROUNDINGS = 40;
/** Of two exponentials, a quotient and what stands around. */
const FUNCTION_ROUNDINGS = 24;

interface MadeRouter {
  readonly states: Stored;
  /** [num_experts, hidden_size] */
  readonly weights: Float64Array;
  readonly bytes: Uint8Array;
}

interface TokenLogits {
  readonly values: readonly number[];
  readonly error: number;
}

export function dropInRouterTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const made = makeRouter(plan, sizes, random);
  const logits = logitsOf(made, sizes);
  const topKs = sizes.topK === sizes.numExperts ? [sizes.topK, sizes.topK + 3] : [sizes.topK];
  return topKs.map((topK) => ({
    values: {
      num_tokens: sizes.numTokens,
      hidden_size: sizes.hiddenSize,
      num_experts: sizes.numExperts,
      top_k: topK,
      ...raggedValues(sizes.numTokens),
    },
    inputs: {
      hidden_states: made.states.bytes,
      router_weight: made.bytes,
      token_offsets: encodeElements('u32', sequenceOffsets(sizes.numTokens)),
      expert_load: encodeElements('f32', initialLoads(sizes.numExperts)),
      expert_count: encodeElements('u32', new Uint32Array(sizes.numExperts).fill(5)),
    },
    expectations: [
      ...expectSelection(plan, logits, topK),
      ...(hasLoads(plan) ? expectLoads(logits, sizes.numExperts, topK) : []),
    ],
  }));
}

function hasLoads(plan: KernelPlan): boolean {
  return plan.bindings.some(({ name }) => name === 'expert_load');
}

/** A sequence in the middle is empty, where there are tokens for three. */
function sequenceOffsets(numTokens: number): number[] {
  const first = Math.ceil(numTokens / 3);
  return [0, first, first, numTokens];
}

function raggedValues(numTokens: number) {
  return { num_sequences: 3, max_length: numTokens - Math.ceil(numTokens / 3) || numTokens };
}

function initialLoads(numExperts: number): Float32Array {
  return Float32Array.from({ length: numExperts }, (_, expert) => expert % 4);
}

function makeRouter(plan: KernelPlan, sizes: KernelCase, random: Random): MadeRouter {
  const { numTokens, hiddenSize, numExperts, routing } = sizes;
  const input = random.spread(numTokens * hiddenSize, 1);
  const rows = random.spread(numExperts * hiddenSize, 12 / Math.sqrt(hiddenSize));
  if (routing === 'ties') {
    rows.copyWithin(hiddenSize * Math.ceil(numExperts / 2), 0, hiddenSize * Math.floor(numExperts / 2));
  }
  if (routing === 'nan') {
    input[hiddenSize + 1] = NaN;
    rows.fill(NaN, 3 * hiddenSize, 4 * hiddenSize);
  }
  const weight = store(dtypeOf(plan, 'router_weight'), rows);
  const [outer] = plan.bindings.find(({ name }) => name === 'router_weight')?.shape ?? [];
  const isByRows = outer === 'num_experts';
  const columns = Float64Array.from(weight.values, (_, at) => {
    return weight.values[(at % numExperts) * hiddenSize + Math.floor(at / numExperts)] ?? NaN;
  });
  return {
    states: store(dtypeOf(plan, 'hidden_states'), input),
    weights: weight.values,
    bytes: isByRows ? weight.bytes : store(dtypeOf(plan, 'router_weight'), columns).bytes,
  };
}

function logitsOf(
  { states, weights }: MadeRouter,
  { hiddenSize, numExperts, numTokens }: KernelCase,
): TokenLogits[] {
  const logits = linearOutIn(states.values, weights, null, hiddenSize);
  const magnitudes = linearOutIn(absolute(states.values), absolute(weights), null, hiddenSize);
  const relative = dotError(hiddenSize) + SHARE_ROUNDINGS * FLOAT_ROUNDING;
  return Array.from({ length: numTokens }, (_, token) => {
    const [start, end] = [token * numExperts, (token + 1) * numExperts];
    const own = Array.from(magnitudes.subarray(start, end)).filter((magnitude) => !Number.isNaN(magnitude));
    return { values: Array.from(logits.subarray(start, end)), error: relative * Math.max(0, ...own) };
  });
}

/** Another expert is so close to this one that a right kernel may take it instead; equal logits are no such case. */
function isClose({ values, error }: TokenLogits, expert: number): boolean {
  const own = values[expert] ?? NaN;
  return values.some((value) => value !== own && Math.abs(value - own) <= 2 * error);
}

function expectSelection(plan: KernelPlan, logits: readonly TokenLogits[], topK: number): Expectation[] {
  const dtype = dtypeOf(plan, 'topk_weights');
  const tokens = logits.map((token) => ({ token, ...dropInRouting(token.values, topK) }));
  const weights = tokens.flatMap((routing) => routing.weights);
  return [
    {
      output: 'topk_ids',
      element: 'u32',
      want: Float64Array.from(tokens.flatMap(({ ids }) => ids)),
      tolerance: Float64Array.from(
        tokens.flatMap(({ ids, token }) => ids.map((id) => (isClose(token, id) ? Infinity : 0))),
      ),
    },
    {
      output: 'topk_weights',
      element: dtype,
      want: Float64Array.from(weights),
      tolerance: Float64Array.from(
        tokens.flatMap((routing) =>
          routing.weights.map((weight) =>
            storedError(dtype, weight, weightError(routing.token, weight, topK)),
          ),
        ),
      ),
    },
  ];
}

/** Of exp(x - highest) / sum: errors of the logits, of the difference, of the functions and of the sum. */
function weightError({ values, error }: TokenLogits, weight: number, terms: number): number {
  const highest = Math.max(...values.filter((value) => !Number.isNaN(value)).map(Math.abs));
  const relative = 4 * error + (4 * highest + terms / 32 + 32 + FUNCTION_ROUNDINGS) * FLOAT_ROUNDING;
  return weight * relative + 2 ** -120;
}

function expectLoads(logits: readonly TokenLogits[], numExperts: number, topK: number): Expectation[] {
  const loads = Float64Array.from(initialLoads(numExperts));
  const counts = new Float64Array(numExperts).fill(5);
  const [loadErrors, countErrors] = [new Float64Array(numExperts), new Float64Array(numExperts)];
  for (const token of logits) {
    const { ids, probabilities } = dropInRouting(token.values, topK);
    probabilities.forEach((probability, expert) => {
      loads[expert] = (loads[expert] ?? 0) + probability;
      loadErrors[expert] = (loadErrors[expert] ?? 0) + weightError(token, probability, numExperts);
      if (isClose(token, expert)) countErrors[expert] = Infinity;
    });
    for (const id of ids) if (id < numExperts) counts[id] = (counts[id] ?? 0) + 1;
  }
  const additions = (logits.length + 1) * FLOAT_ROUNDING;
  return [
    {
      output: 'expert_load',
      element: 'f32',
      want: loads,
      tolerance: loadErrors.map((error, at) => error + additions * (loads[at] ?? 0)),
    },
    { output: 'expert_count', element: 'u32', want: counts, tolerance: countErrors },
  ];
}
