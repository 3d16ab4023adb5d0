// Inputs of the trials of the drop-in mixture kernels: weights of experts in the form that a kernel takes, and routing that is
// given, sorted, or left to the kernel.

import type { KernelPlan } from '../../plan/types.js';
import { referenceIndex } from '../../reference/expert-index.js';
import { linearOutIn } from '../../reference/linear.js';
import { dropInRouting } from '../../reference/dropin-routing.js';
import { encodeElements } from '../elements.js';
import type { Inputs } from '../job.js';
import type { Random } from '../random.js';
import { absolute, dotError, FLOAT_ROUNDING } from '../tolerance.js';
import type { KernelCase } from './cases.js';
import { makeFp4, makeFp4ByColumns, type MadeFp4, type MatrixShape } from './dropin-fp4.js';
import { spoilMatrix } from './nonfinite-numbers.js';
import { dtypeOf, elementOf, routeTokens, store, type Stored, type Trial } from './trial.js';

export interface MadeWeights {
  readonly inputs: Trial['inputs'];
  readonly groupSize: number;
  /** Of each matrix that there is, [columns, terms]. */
  readonly matrices: ReadonlyMap<number, Float64Array>;
}

/** The formats of packed weights; all others are dense. */
const PACKED: Readonly<Record<string, (shape: MatrixShape, random: Random) => MadeFp4>> = {
  fp4: makeFp4,
  fp4_nk: makeFp4ByColumns,
};

/** Whether a kernel takes as many experts as one likes, which are given to it. */
export function isMixtureOfGiven({ bindings, family }: KernelPlan): boolean {
  const names = new Set(bindings.map(({ name }) => name));
  return family.startsWith('dropin_') && names.has('expert_weight') && !names.has('router_weight');
}

/** Shape of the experts' matrices. */
export function expertShape(sizes: KernelCase, terms: number, columns: number): MatrixShape {
  const { numExperts, isSparse, numbers } = sizes;
  const only = isSparse ? numExperts - 1 : undefined;
  return { count: numExperts, terms, columns, only, isSpoiled: numbers === 'nonfinite' };
}

/** `expert` or `shared` weights, as the kernel has them. */
export function makeWeights(plan: KernelPlan, name: string, shape: MatrixShape, random: Random): MadeWeights {
  if (shape.only === undefined) return makeAll(plan, name, shape, random);
  const { inputs, groupSize, matrices } = makeAll(plan, name, { ...shape, count: 1 }, random);
  const { only } = shape;
  const parts = Object.entries(inputs).map(([plane, data]) => {
    return [plane, [{ offset: only * data.byteLength, data }]] as const;
  });
  return {
    inputs: Object.fromEntries(parts),
    groupSize,
    matrices: new Map([...matrices.values()].map((matrix) => [only, matrix])),
  };
}

function makeAll(
  plan: KernelPlan,
  name: string,
  shape: MatrixShape,
  random: Random,
): MadeWeights & { readonly inputs: Inputs } {
  const { count, terms, columns } = shape;
  const size = terms * columns;
  const split = (values: Float64Array): Float64Array[] =>
    Array.from({ length: count }, (_, matrix) => values.subarray(matrix * size, (matrix + 1) * size));
  if (elementOf(plan, `${name}_weight`) === 'u32') {
    const format = plan.axes['weight'] ?? 'fp4';
    const make = PACKED[format];
    if (make === undefined) throw new Error(`${plan.name} has weights in an unknown format, ${format}`);
    const { wordBytes, scaleBytes, groupSize, values } = make(shape, random);
    return {
      inputs: { [`${name}_weight`]: wordBytes, [`${name}_scales`]: scaleBytes },
      groupSize,
      matrices: new Map(split(values).entries()),
    };
  }
  const numbers = random.spread(count * size, 1 / Math.sqrt(terms));
  if (shape.isSpoiled === true) spoilMatrix(numbers, size, columns);
  const stored = store(dtypeOf(plan, `${name}_weight`), numbers);
  const matrices = split(stored.values).map((matrix) => transposed(matrix, columns));
  // Whoever divides by the size of a group, which does not exist here, stops.
  return {
    inputs: { [`${name}_weight`]: stored.bytes },
    groupSize: 0,
    matrices: new Map(matrices.entries()),
  };
}

function transposed(matrix: Float64Array, columns: number): Float64Array {
  const terms = matrix.length / columns;
  const out = new Float64Array(matrix.length);
  for (let column = 0; column < columns; column += 1)
    for (let term = 0; term < terms; term += 1)
      out[column * terms + term] = matrix[term * columns + column] ?? 0;
  return out;
}

interface ExpertShare {
  readonly row: number;
  readonly expert: number;
  readonly weight: number;
  readonly weightError?: number;
}

export interface MadeRouting {
  readonly inputs: Inputs;
  readonly shares: readonly ExpertShare[];
  readonly open?: ReadonlySet<number>;
}

export function makeRouting(
  plan: KernelPlan,
  sizes: KernelCase,
  states: Stored,
  random: Random,
): MadeRouting {
  const names = new Set(plan.bindings.map(({ name }) => name));
  if (names.has('router_weight')) return routedByKernel(plan, sizes, states, random);
  return names.has('topk_ids') ? listed(plan, sizes, random) : sorted(plan, sizes, random);
}

/** A token may name an expert twice. */
function listed(plan: KernelPlan, sizes: KernelCase, random: Random): MadeRouting {
  const { topK, numTokens } = sizes;
  const { ids, weights } = routeTokens(sizes, random);
  if (topK > 1 && numTokens > 1) ids[topK - 1] = ids[0] ?? 0;
  const stored = store(dtypeOf(plan, 'topk_weights'), weights);
  return {
    inputs: { topk_ids: encodeElements('u32', ids), topk_weights: stored.bytes },
    shares: sharesOf(Uint32Array.from(ids.keys()), ids, stored.values, sizes),
  };
}

/** The tokens of an expert in descending order: none that a kernel may rely on. */
function sorted(plan: KernelPlan, sizes: KernelCase, random: Random): MadeRouting {
  const { topK, numExperts } = sizes;
  const { ids, weights } = routeTokens(sizes, random);
  const { counts, offsets, order } = referenceIndex(ids, numExperts);
  counts.forEach((_, expert) => order.subarray(offsets[expert], offsets[expert + 1]).reverse());
  const stored = store(
    dtypeOf(plan, 'sorted_weights'),
    Array.from(order, (assignment) => weights[assignment] ?? NaN),
  );
  const byAssignment = new Float64Array(ids.length);
  order.forEach((assignment, place) => (byAssignment[assignment] = stored.values[place] ?? NaN));
  return {
    inputs: {
      sorted_token_ids: encodeElements(
        'u32',
        order.map((assignment) => Math.floor(assignment / topK)),
      ),
      expert_offsets: encodeElements('u32', offsets),
      sorted_weights: stored.bytes,
    },
    shares: sharesOf(order, ids, byAssignment, sizes),
  };
}

function sharesOf(
  places: Uint32Array,
  ids: Uint32Array,
  weights: Float64Array,
  { topK, numExperts }: KernelCase,
): ExpertShare[] {
  return Array.from(places, (place) => ({
    row: Math.floor(place / topK),
    expert: ids[place] ?? numExperts,
    weight: weights[place] ?? NaN,
  })).filter(({ expert }) => expert < numExperts);
}

/** Room for the exponential, the quotient and the roundings around them. */
const SOFTMAX_ROUNDINGS = 40;

function routedByKernel(plan: KernelPlan, sizes: KernelCase, states: Stored, random: Random): MadeRouting {
  const { hiddenSize, numExperts, topK, routing, scale } = sizes;
  const columns = random.spread(hiddenSize * numExperts, 2 / scale);
  // Experts that share a column have equal logits, to the last bit.
  const distinct = routing === 'ties' ? 3 : numExperts;
  const isMissing = routing === 'nan' && hasMissingExpert(sizes);
  const shared = columns.map((_, at) => {
    const expert = at % numExperts;
    return isMissing && expert === 3 ? NaN : (columns[at - expert + (expert % distinct)] ?? 0);
  });
  const router = store(dtypeOf(plan, 'router_weight'), shared);
  const matrix = transposed(router.values, numExperts);
  const shares: ExpertShare[] = [];
  const open = new Set<number>();
  for (let row = 0; row * hiddenSize < states.values.length; row += 1) {
    const input = states.values.subarray(row * hiddenSize, (row + 1) * hiddenSize);
    const logits = Array.from(linearOutIn(input, matrix, null, hiddenSize));
    const sums = linearOutIn(absolute(input), absolute(matrix), null, hiddenSize);
    const logitError = dotError(hiddenSize) * Math.max(...sums.filter((sum) => !Number.isNaN(sum)));
    if (isOpen(logits, topK, logitError)) open.add(row);
    const { ids, weights } = dropInRouting(logits, topK);
    const weightError = 4 * logitError + (topK + SOFTMAX_ROUNDINGS) * FLOAT_ROUNDING;
    ids.forEach((id, slot) => {
      const weight = weights[slot] ?? NaN;
      if (id < numExperts || Number.isNaN(weight)) {
        shares.push({ row, expert: Math.min(id, numExperts - 1), weight, weightError });
      }
    });
  }
  return { inputs: { router_weight: router.bytes }, shares, open };
}

/**
 * One expert's logit is NaN for all tokens. Where every expert is selected, that leaves a slot of every token empty: then only a
 * single token gets it, and of more tokens one is NaN itself.
 */
export function hasMissingExpert({ numTokens, numExperts, topK }: KernelCase): boolean {
  return numExperts > 3 && (topK < numExperts || numTokens === 1);
}

/** Whether an expert that is not selected comes too close to the last one that is; equal columns cannot part. */
function isOpen(logits: readonly number[], topK: number, error: number): boolean {
  const descending = logits.filter((logit) => !Number.isNaN(logit)).sort((a, b) => b - a);
  const [last = 0, next = -Infinity] = [descending[topK - 1], descending[topK]];
  return last !== next && last - next <= 2 * error;
}
