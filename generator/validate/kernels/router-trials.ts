// Trials of the router kernels. Each variant is tried with its options off and on. Selection from given logits must be exact
// wherever a right kernel has no choice; where a kernel computes the logits itself, so must it be but for close calls.

import { routerConstants } from '../../plan/constants.js';
import type { KernelPlan } from '../../plan/types.js';
import { linearOutIn } from '../../reference/linear.js';
import { finite, referenceRouting, type RoutedBlock, type RoutingInputs } from '../../reference/router.js';
import { variantNamed } from '../../description/routers.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import { absolute, absoluteOrNull, dotError } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { spoilMatrix, spoilRows } from './nonfinite-numbers.js';
import { blocksOf, routingInputs } from './router-trials-blocks.js';
import { closeCalls } from './router-trials-calls.js';
import { weightErrors, type LogitRow } from './router-trials-errors.js';
import { dtypeOf, sizeValues, store, type Expectation, type Trial } from './trial.js';

export function routerSelectTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  return blocksOf(variantOf(plan), sizes).map((block) => selectTrial(block, sizes, random));
}

function variantOf(plan: KernelPlan) {
  return variantNamed(plan.axes['scoring'] ?? '');
}

/** Selection from logits, for any block. */
function selectTrial(block: RoutedBlock, sizes: KernelCase, random: Random): Trial {
  const numScored = block.numExperts + block.numZeroExperts;
  const logits = store('f32', makeLogits(block, sizes, random));
  const inputs = routingInputs(block, sizes, random);
  return {
    values: { ...sizeValues(sizes), ...routerConstants(block) },
    inputs: { logits: logits.bytes, ...inputs.bytes },
    expectations: expectSelection(block, rowsOf(logits.values.map(finite), numScored), inputs.reference),
  };
}

/** Logits alone, whose kernels know no scoring. */
export function routerLogitsTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  return blocksOf(variantNamed('raw'), sizes).map((block) => {
    const made = makeRouter(plan, block, sizes, random);
    return {
      values: { ...sizeValues(sizes), ...routerConstants(block) },
      inputs: made.inputs,
      expectations: [{ output: 'logits', element: 'f32', want: made.values, tolerance: made.errors }],
    };
  });
}

/** Logits are multiples of this: their differences are exact. */
const LOGIT_STEP = 2 ** -10;

function makeLogits(block: RoutedBlock, sizes: KernelCase, random: Random): Float32Array {
  const { numTokens, routing, numbers } = sizes;
  const numScored = block.numExperts + block.numZeroExperts;
  const logits = random
    .spread(numTokens * numScored, 16)
    .map((logit) => Math.round(logit / LOGIT_STEP) * LOGIT_STEP);
  // The sum of several that are as large as float allows is none that it holds.
  if (numbers === 'nonfinite' && block.router.scoring.kind !== 'raw') spoilLogits(logits, numScored);
  if (routing === 'ties') return logits.map((_, at) => at % 4);
  if (routing === 'spread') return logits.map((logit, at) => (isHigh(at, block) ? logit + 300 : logit));
  return routing === 'nan' ? logits.map((logit, at) => (isSpoiled(at, numScored) ? NaN : logit)) : logits;
}

/** One infinity, a negative one, two of them, nothing but negative ones, and all kinds at once. */
function spoilLogits(logits: Float32Array, numScored: number): void {
  const set = (token: number, values: readonly number[]) => {
    if ((token + 1) * numScored <= logits.length) logits.set(values.slice(0, numScored), token * numScored);
  };
  set(0, [1, Infinity]);
  set(1, [1, -Infinity]);
  set(2, [Infinity, 2, Infinity]);
  set(3, Array<number>(numScored).fill(-Infinity));
  set(4, [NaN, -Infinity, Infinity]);
}

/** The exponentials of token 4's logits are no floats; sigmoids of such numbers would all be one. */
function isHigh(at: number, { numExperts, numZeroExperts, router }: RoutedBlock): boolean {
  return router.scoring.kind !== 'sigmoid' && Math.floor(at / (numExperts + numZeroExperts)) === 4;
}

/** Token 1 has no number at all, token 3 only every second one, token 5 none in its first half. */
function isSpoiled(at: number, numScored: number): boolean {
  const [token, expert] = [Math.floor(at / numScored), at % numScored];
  return token === 1 || (token === 3 && expert % 2 === 0) || (token === 5 && expert < numScored / 2);
}

interface MadeRouter {
  readonly inputs: Inputs;
  readonly values: Float64Array;
  readonly errors: Float64Array;
}

function makeRouter(plan: KernelPlan, block: RoutedBlock, sizes: KernelCase, random: Random): MadeRouter {
  const { numTokens, hiddenSize, routing } = sizes;
  const numScored = block.numExperts + block.numZeroExperts;
  const hasBias = block.router.logitBias;
  const input = random.spread(numTokens * hiddenSize, 1);
  if (routing === 'nan') input[hiddenSize + 1] = NaN;
  const weights = random.spread(numScored * hiddenSize, 12 / Math.sqrt(hiddenSize));
  if (sizes.numbers === 'nonfinite') {
    spoilRows(input, hiddenSize);
    spoilMatrix(weights, weights.length, hiddenSize);
  }
  // Every fourth expert has the same row: their logits are equal to the last bit, in one lane as in different ones.
  if (routing === 'ties') {
    weights.forEach((_, at) => (weights[at] = weights[at % (4 * hiddenSize)] ?? 0));
  }
  const x = store(dtypeOf(plan, 'hidden_states'), input);
  const weight = store(dtypeOf(plan, 'router_weight'), weights);
  const biases = random.spread(numScored, routing === 'ties' ? 0 : 1);
  const bias = hasBias ? store(dtypeOf(plan, 'router_bias'), biases) : null;
  const magnitudes = linearOutIn(
    absolute(x.values),
    absolute(weight.values),
    absoluteOrNull(bias?.values ?? null),
    hiddenSize,
  );
  return {
    inputs: {
      hidden_states: x.bytes,
      router_weight: weight.bytes,
      ...(bias !== null && { router_bias: bias.bytes }),
    },
    values: linearOutIn(x.values, weight.values, bias?.values ?? null, hiddenSize),
    errors: magnitudes.map((magnitude) => magnitude * dotError(hiddenSize)),
  };
}

/** Without errors the logits are exact. */
function rowsOf(values: Float64Array, numScored: number, errors?: Float64Array): LogitRow[] {
  return Array.from({ length: values.length / numScored }, (_, token) => {
    const [start, end] = [token * numScored, (token + 1) * numScored];
    const own = errors?.subarray(start, end) ?? [];
    const error = Array.from(own).reduce((largest, value) => Math.max(largest, value), 0);
    return { values: values.subarray(start, end), error };
  });
}

function expectSelection(
  block: RoutedBlock,
  rows: readonly LogitRow[],
  inputs: RoutingInputs,
): Expectation[] {
  const tokens = rows.map((row, token) => expectToken(block, row, tokenInputs(inputs, token)));
  const all = (part: (token: (typeof tokens)[number]) => readonly number[]) =>
    Float64Array.from(tokens.flatMap(part));
  return [
    {
      output: 'topk_ids',
      element: 'u32',
      want: all(({ ids }) => ids),
      tolerance: all(({ idErrors }) => idErrors),
    },
    {
      output: 'topk_weights',
      element: 'f32',
      want: all(({ weights }) => weights),
      tolerance: all(({ errors }) => errors),
    },
  ];
}

function tokenInputs(inputs: RoutingInputs, token: number): RoutingInputs {
  const id = inputs.tokenIds?.[token];
  return { ...inputs, tokenIds: id === undefined ? null : [id] };
}

function expectToken(block: RoutedBlock, row: LogitRow, inputs: RoutingInputs) {
  const routing = referenceRouting(block, row.values, inputs);
  const ids = Array.from(routing.ids);
  const bias = inputs.selectionBias === null ? null : Array.from(inputs.selectionBias, finite);
  const close = closeCalls(block, row, ids, bias);
  const errors = weightErrors(block, row, ids, inputs);
  return {
    ids,
    idErrors: close.ids.map((isClose) => (isClose ? Infinity : 0)),
    weights: Array.from(routing.weights),
    errors: close.weights.map((isClose, slot) => (isClose ? Infinity : (errors[slot] ?? NaN))),
  };
}
