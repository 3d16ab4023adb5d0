// Trials of down and of combine, for rows in expert order and in token order.

import type { KernelPlan } from '../../plan/types.js';
import { NO_ROW, referenceIndex } from '../../reference/expert-index.js';
import { encodeElements, roundElements } from '../elements.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import { FLOAT_ROUNDING } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { makeWeights, matrixOf, project, type Matrix, type Weights } from './expert-weights.js';
import type { Bounded } from './glu-bounds.js';
import { tileMap, tileRows } from './index-trials.js';
import { spoilRows } from './nonfinite-numbers.js';
import { orderedRows } from './ordered-numbers.js';
import { expectOutput, outputOptions, type OutputOptions } from './output-options.js';
import {
  dtypeOf,
  exactly,
  expertWidth,
  hasBinding,
  openValues,
  routeTokens,
  statesOf,
  store,
  type RoutedTokens,
  type Trial,
} from './trial.js';

const GAIN = 2;

/** Rows of the intermediate, and down weights, in the sizes of the case. */
function makeDown(plan: KernelPlan, sizes: KernelCase, random: Random, ids: readonly number[]) {
  const rows = ids.length;
  const { intermediateSize, scale } = sizes;
  const size = scale * scale;
  const input =
    sizes.numbers === 'ordered'
      ? orderedRows(rows, intermediateSize, random)
      : random.spread(rows * intermediateSize, size);
  if (sizes.numbers === 'nonfinite') spoilRows(input, intermediateSize);
  const intermediate = store(dtypeOf(plan, 'intermediate'), input);
  const weights = makeWeights(plan, ['down_weight', 'down_bias'], openValues(plan, sizes), random, {
    terms: intermediateSize,
    gain: GAIN,
    bias: size,
    numbers: sizes.numbers,
    present: sizes.isSparse ? [...new Set(ids)] : undefined,
  });
  return { intermediate, weights };
}

/** The row of each assignment, and how many rows there are. */
function rowPlaces(plan: KernelPlan, ids: Uint32Array, numExperts: number) {
  const { inverse, order } = referenceIndex(ids, numExperts);
  if (isSorted(plan)) return { inverse, numRows: order.length };
  return {
    inverse: ids.map((id, assignment) => (id < numExperts ? assignment : NO_ROW)),
    numRows: ids.length,
  };
}

function placeInputs(plan: KernelPlan, ids: Uint32Array, inverse: Uint32Array): Inputs {
  return isSorted(plan)
    ? { row_of_assignment: encodeElements('u32', inverse) }
    : { topk_ids: encodeElements('u32', ids) };
}

function expertMatrix(weights: Weights, sizes: KernelCase, expert: number): Matrix | undefined {
  return expert < sizes.numExperts ? matrixOf(weights, 'down', expert, sizes.numExperts) : undefined;
}

/** Rows in expert order, in tiles; of the decode path in token order, those of empty slots left out. */
export function downTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids } = routeTokens(sizes, random);
  const index = referenceIndex(ids, sizes.numExperts);
  const experts = isSorted(plan)
    ? Array.from(index.order, (assignment) => ids[assignment] ?? 0)
    : Array.from(ids);
  const { intermediate, weights } = makeDown(plan, sizes, random, experts);
  const blockM = tileRows(plan);
  const tiles = tileMap(index.counts, index.offsets, blockM);
  const matrices = experts.map((expert) => expertMatrix(weights, sizes, expert));
  const { value, error } = project(
    plan,
    intermediate.values,
    sizes.intermediateSize,
    expertWidth(plan, sizes),
    matrices,
    sizes.numbers === 'ordered',
  );
  const width = expertWidth(plan, sizes);
  experts.forEach((expert, row) => {
    if (expert >= sizes.numExperts) error.fill(Infinity, row * width, (row + 1) * width);
  });
  return [
    {
      values: { ...openValues(plan, sizes), num_tiles: tiles.length, block_m: blockM },
      inputs: {
        intermediate: intermediate.bytes,
        ...weights.inputs,
        ...(isSorted(plan)
          ? { tile_map: encodeElements('u32', tiles.flat()) }
          : { topk_ids: encodeElements('u32', ids) }),
      },
      expectations: [{ output: 'expert_output', element: 'f32', want: value, tolerance: error }],
    },
  ];
}

function isSorted(plan: KernelPlan): boolean {
  return hasBinding(plan, 'tile_map') || hasBinding(plan, 'row_of_assignment');
}

export function combineTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const width = expertWidth(plan, sizes);
  const options = outputOptions(plan, sizes, random);
  const trials = options.map((own) => {
    const routed = routeBeyond(sizes, random, own);
    const { inverse, numRows } = rowPlaces(plan, routed.ids, sizes.numExperts);
    const values = random.spread(numRows * width, sizes.scale * sizes.scale);
    if (sizes.numbers === 'nonfinite') spoilRows(values, width);
    const rows = store('f32', values);
    const rowValue = (assignment: number, h: number): Bounded => {
      const row = inverse[assignment] ?? NO_ROW;
      return { value: row === NO_ROW ? 0 : (rows.values[row * width + h] ?? NaN), error: 0 };
    };
    const inputs = { expert_output: rows.bytes, ...placeInputs(plan, routed.ids, inverse) };
    return slotTrial(plan, sizes, random, own, routed, inputs, rowValue);
  });
  const [plain, ...others] = options;
  const isOpen =
    plain !== undefined && others.length > 0 && sizes.routing !== 'nan' && sizes.numbers === 'plain';
  return isOpen ? [...trials, orderTrial(plan, sizes, random, plain)] : trials;
}

/** What slot 0 brings in slot 1 takes away again: added in any other order, the slots behind them lose their last digits. */
const PASSING = 3 * 2 ** 20;

/** Sums without any option, whose every step is exact but for its rounding: the sum in slot order must be met to the last bit. */
function orderTrial(plan: KernelPlan, sizes: KernelCase, random: Random, options: OutputOptions): Trial {
  const { numTokens, numExperts, topK } = sizes;
  const width = expertWidth(plan, sizes);
  const { ids } = routeTokens(sizes, random);
  const { inverse } = rowPlaces(plan, ids, numExperts);
  // Powers of two: products are exact.
  const weights = Float64Array.from(ids, () => 2 ** (random.below(3) - 1));
  const rows = new Float64Array(ids.length * width);
  const sums = new Float64Array(numTokens * width);
  for (const [assignment, weight] of weights.entries()) {
    const [token, slot] = [Math.floor(assignment / topK), assignment % topK];
    for (let h = 0; h < width; h += 1) {
      const term = slot < 2 ? PASSING * (1 - 2 * slot) : (random.below(4096) - 2048) / 4096;
      rows[(inverse[assignment] ?? 0) * width + h] = term / weight;
      sums[token * width + h] = Math.fround((sums[token * width + h] ?? 0) + term);
    }
  }
  const output = hasBinding(plan, 'output') ? 'output' : 'routed_latent';
  const dtype = dtypeOf(plan, output);
  return {
    values: { ...openValues(plan, sizes), ...options.values },
    inputs: {
      expert_output: encodeElements('f32', rows),
      ...placeInputs(plan, ids, inverse),
      topk_weights: encodeElements('f32', weights),
    },
    expectations: [exactly(output, dtype, roundElements(dtype, sums))],
  };
}

const ZERO_EXPERTS = 3;

/** Where there are zero experts, some slots take one, and empty slots are numbered after them. */
function routeBeyond(sizes: KernelCase, random: Random, { hasZeroExperts }: OutputOptions): RoutedTokens {
  const { ids, weights } = routeTokens(sizes, random);
  if (!hasZeroExperts) return { ids, weights };
  const moved = ids.map((id) => {
    if (id === sizes.numExperts) return id + ZERO_EXPERTS;
    return random.next() < 0.3 ? sizes.numExperts + random.below(ZERO_EXPERTS) : id;
  });
  return { ids: moved, weights };
}

/** Sums the slots of each token, as they are or weighted, and finishes the sum. */
function slotTrial(
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
  options: OutputOptions,
  { ids, weights }: RoutedTokens,
  inputs: Inputs,
  rowValue: (assignment: number, h: number) => Bounded,
): Trial {
  const { numTokens, numExperts, topK, scale } = sizes;
  const width = expertWidth(plan, sizes);
  const isWeighted = plan.axes['weight_on'] !== 'input';
  const states = statesOf(plan);
  const x = options.hasZeroExperts
    ? store(dtypeOf(plan, states), random.spread(numTokens * width, scale))
    : null;
  const slot = (token: number, h: number, assignment: number): Bounded => {
    const weight = weights[assignment] ?? NaN;
    if (Number.isNaN(weight)) return { value: NaN, error: 0 };
    const isZero = (ids[assignment] ?? 0) >= numExperts;
    const { value, error } = isZero
      ? { value: x?.values[token * width + h] ?? NaN, error: 0 }
      : rowValue(assignment, h);
    const factor = isWeighted || isZero ? weight : 1;
    return { value: factor * value, error: Math.abs(factor) * error };
  };
  const sum = (token: number, h: number): Bounded => {
    let [value, error] = [0, 0];
    for (let at = token * topK; at < (token + 1) * topK; at += 1) {
      const term = slot(token, h, at);
      value += term.value;
      error += term.error + (topK + 1) * FLOAT_ROUNDING * Math.abs(term.value);
    }
    return { value, error };
  };
  return {
    values: { ...openValues(plan, sizes), ...options.values },
    inputs: {
      ...inputs,
      ...options.inputs,
      topk_weights: encodeElements('f32', weights),
      ...(x !== null && { [states]: x.bytes }),
    },
    expectations: [expectOutput(plan, options, numTokens, width, sum)],
  };
}
