// Trials of gate_up in all its forms: of routed experts and the shared one, tiled and for a few tokens.

import type { KernelPlan } from '../../plan/types.js';
import { referenceIndex } from '../../reference/expert-index.js';
import { referenceGateUp } from '../../reference/experts.js';
import { sigmoid } from '../../reference/activations.js';
import { encodeElements } from '../elements.js';
import type { ActivationDtype } from '../../description/dtypes.js';
import type { StepValues } from '../job.js';
import type { Random } from '../random.js';
import { absolute, dotError, FLOAT_ROUNDING, storedError, storedRange } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { gateUpMatricesOf, gateUpNames, gateUpShape, magnitudes, makeWeights } from './expert-weights.js';
import { spoilRows } from './nonfinite-numbers.js';
import { orderedLinear, orderedRows } from './ordered-numbers.js';
import { boundGlu } from './glu-bounds.js';
import { tileMap, tileRows } from './index-trials.js';
import {
  dtypeOf,
  expertWidth,
  hasBinding,
  openValues,
  routeTokens,
  statesOf,
  store,
  type Expectation,
  type Trial,
} from './trial.js';

/** Rows of the product: which token and expert each has, and what its input is multiplied by. */
interface Rows {
  readonly tokens: readonly number[];
  readonly experts: ArrayLike<number>;
  readonly factors: ArrayLike<number> | null;
}

interface Product {
  readonly prefix: '' | 'shared_';
  readonly width: number;
  readonly columns: number;
  readonly numExperts: number;
}

const GAIN = 4;

export function gateUpTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids, weights } = routeTokens(sizes, random);
  const index = referenceIndex(ids, sizes.numExperts);
  const order = Array.from(index.order);
  const tiles = tileMap(index.counts, index.offsets, tileRows(plan));
  const isWeighted = hasBinding(plan, 'topk_weights');
  const rows = {
    tokens: order.map((assignment) => Math.floor(assignment / sizes.topK)),
    experts: order.map((assignment) => ids[assignment] ?? 0),
    factors: isWeighted ? order.map((assignment) => weights[assignment] ?? NaN) : null,
  };
  const trial = productTrial(plan, sizes, random, routedProduct(plan, sizes), rows);
  return [
    {
      ...trial,
      values: { ...trial.values, num_tiles: tiles.length, block_m: tileRows(plan) },
      inputs: {
        ...trial.inputs,
        sorted_assignments: encodeElements('u32', index.order),
        tile_map: encodeElements('u32', tiles.flat()),
        ...(isWeighted && { topk_weights: encodeElements('f32', weights) }),
      },
    },
  ];
}

export function decodeGateUpTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { ids, weights } = routeTokens(sizes, random);
  const isWeighted = hasBinding(plan, 'topk_weights');
  const rows = {
    tokens: Array.from(ids, (_, assignment) => Math.floor(assignment / sizes.topK)),
    experts: ids,
    factors: isWeighted ? weights : null,
  };
  const trial = productTrial(plan, sizes, random, routedProduct(plan, sizes), rows);
  return [
    {
      ...trial,
      inputs: {
        ...trial.inputs,
        topk_ids: encodeElements('u32', ids),
        ...(isWeighted && { topk_weights: encodeElements('f32', weights) }),
      },
    },
  ];
}

function routedProduct(plan: KernelPlan, sizes: KernelCase): Product {
  const { intermediateSize, numExperts } = sizes;
  return { prefix: '', width: expertWidth(plan, sizes), columns: intermediateSize, numExperts };
}

/** The rows are the tokens. A kernel for a few tokens may also have to make the factor of the shared output. */
export function sharedGateUpTrials(plan: KernelPlan, sizes: KernelCase, random: Random): Trial[] {
  const { numTokens, hiddenSize } = sizes;
  const columns = openValues(plan, sizes)['shared_intermediate_size'];
  const product: Product = { prefix: 'shared_', width: hiddenSize, columns: Number(columns), numExperts: 1 };
  const rows = {
    tokens: Array.from({ length: numTokens }, (_, token) => token),
    experts: new Uint32Array(numTokens),
    factors: null,
  };
  const trial = productTrial(plan, sizes, random, product, rows);
  if (!hasBinding(plan, 'shared_sigmoid')) return [trial];
  const gated = sharedSigmoidTrials(plan, sizes, random, trial.states);
  const isSwitched = plan.constants.some(({ name }) => name === 'has_shared_sigmoid');
  return [
    ...(isSwitched ? [{ ...trial, values: { ...trial.values, has_shared_sigmoid: false } }] : []),
    ...gated.map(({ inputs, expectations }) => ({
      values: { ...trial.values, has_shared_sigmoid: true },
      inputs: { ...trial.inputs, ...inputs },
      expectations: [...trial.expectations, ...expectations],
    })),
  ];
}

export function sharedSigmoidTrials(
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
  given?: Float64Array,
): Trial[] {
  const { numTokens, hiddenSize, scale } = sizes;
  const x = store(dtypeOf(plan, 'hidden_states'), given ?? random.spread(numTokens * hiddenSize, scale));
  const row = store(
    dtypeOf(plan, 'shared_sigmoid_weight'),
    random.spread(hiddenSize, GAIN / (scale * Math.sqrt(hiddenSize))),
  );
  const sums = Array.from({ length: numTokens }, (_, token) => {
    const terms = Array.from(row.values, (weight, h) => weight * (x.values[token * hiddenSize + h] ?? NaN));
    const [sum, magnitude] = [terms, terms.map(Math.abs)].map((values) => values.reduce((a, b) => a + b, 0));
    return { sum: sum ?? NaN, magnitude: magnitude ?? NaN };
  });
  const want = Float64Array.from(sums, ({ sum }) => sigmoid(sum));
  const tolerance = Float64Array.from(
    sums,
    ({ magnitude }, at) => 0.25 * dotError(hiddenSize) * magnitude + 16 * FLOAT_ROUNDING * (want[at] ?? 0),
  );
  return [
    {
      values: openValues(plan, sizes),
      inputs: { hidden_states: x.bytes, shared_sigmoid_weight: row.bytes },
      expectations: [{ output: 'shared_sigmoid', element: 'f32', want, tolerance }],
    },
  ];
}

function productTrial(
  plan: KernelPlan,
  sizes: KernelCase,
  random: Random,
  product: Product,
  rows: Rows,
): Trial & { readonly states: Float64Array } {
  const { prefix, width } = product;
  const values = openValues(plan, sizes);
  const states = statesOf(plan);
  const x = store(dtypeOf(plan, states), statesFor(plan, sizes, width, random));
  const isOrdered = sizes.numbers === 'ordered';
  const weights = makeWeights(plan, gateUpNames(prefix), values, random, {
    terms: width,
    gain: GAIN,
    bias: inputScale(plan, sizes),
    numbers: sizes.numbers,
    kept: keptGate(plan, dtypeOf(plan, `${prefix}intermediate`)),
    present: sizes.isSparse ? [...new Set(Array.from(rows.experts))] : undefined,
  });
  return {
    values,
    inputs: { [states]: x.bytes, ...weights.inputs },
    expectations: [
      expectProduct(plan, values, product, rows, x.values, isOrdered, (expert) =>
        gateUpMatricesOf(weights, prefix, expert, product.numExperts),
      ),
    ],
    states: x.values,
  };
}

/** Gates whose exponentials are large, and fit into the type of the result; of other functions than silu, those that it hardly changes. */
function keptGate({ axes }: KernelPlan, result: ActivationDtype): number {
  if (axes['glu']?.includes('swiglu') !== true) return 5;
  return result === 'f16' ? -7 : -70;
}

function statesFor(plan: KernelPlan, sizes: KernelCase, width: number, random: Random): Float32Array {
  if (sizes.numbers === 'ordered') return orderedRows(sizes.numTokens, width, random);
  const states = random.spread(sizes.numTokens * width, inputScale(plan, sizes));
  if (sizes.numbers === 'nonfinite') spoilRows(states, width);
  return states;
}

/** Results stay within the range of float, also where the gate is squared. */
function inputScale(plan: KernelPlan, { scale }: KernelCase): number {
  return plan.axes['glu']?.startsWith('relu2_glu') === true ? scale ** (2 / 3) : scale;
}

function expectProduct(
  plan: KernelPlan,
  values: StepValues,
  { prefix, width, columns, numExperts }: Product,
  rows: Rows,
  x: Float64Array,
  isOrdered: boolean,
  matricesOf: (expert: number) => ReturnType<typeof gateUpMatricesOf>,
): Expectation {
  const output = `${prefix}intermediate`;
  const dtype = dtypeOf(plan, output);
  const shape = gateUpShape(plan, values, prefix, width, columns);
  const want = new Float64Array(rows.tokens.length * columns);
  const tolerance = new Float64Array(want.length).fill(Infinity);
  const relative = dotError(width);
  rows.tokens.forEach((token, row) => {
    const expert = rows.experts[row] ?? numExperts;
    if (expert >= numExperts) return;
    const factor = rows.factors?.[row] ?? 1;
    const input = x.subarray(token * width, (token + 1) * width).map((value) => value * factor);
    const matrices = matricesOf(expert);
    const exact = referenceGateUp(shape, matrices, input, isOrdered ? orderedLinear : undefined);
    const sizes = isOrdered ? exact : referenceGateUp(shape, magnitudes(matrices), absolute(input));
    for (let i = 0; i < columns; i += 1) {
      const bounded = (part: 'gate' | 'up') => ({
        value: exact[part]?.[i] ?? NaN,
        error: isOrdered ? 0 : relative * (sizes[part]?.[i] ?? NaN),
      });
      const { value, error } = boundGlu(shape.glu, exact.gate && bounded('gate'), bounded('up'));
      const at = row * columns + i;
      [want[at], tolerance[at]] = isOrdered
        ? storedRange(dtype, value, error)
        : [value, storedError(dtype, value, error)];
    }
  });
  return { output, element: dtype, want, tolerance };
}
