// What a layer reads, at random: tokens, a router that tells experts apart, and weights as a quantiser stores them, of which
// some rows repeat; and whether a machine has room for it.

import { constants } from 'node:buffer';
import { MoegenError } from '../errors.js';
import { ELEMENT_TYPES } from '../description/dtypes.js';
import { formatNamed } from '../description/weights.js';
import { evaluateFormula } from '../plan/formula.js';
import { boundBuffers } from '../plan/run-buffers.js';
import type { Binding, KernelPlan } from '../plan/types.js';
import { formatReference } from '../reference/formats/index.js';
import { encodeElements } from '../validate/elements.js';
import { formulaValues, type Inputs } from '../validate/job.js';
import { createRandom, type Random } from '../validate/random.js';
import type { BenchLayer } from './layer.js';

/** Rows of a matrix that differ; no number of rows that models have is a multiple, so that experts differ too. */
const DISTINCT_ROWS = 61;

/** Bytes of all buffers of a layer, by name. */
export function bufferBytes({ plans, values }: BenchLayer): ReadonlyMap<string, number> {
  const sizes = formulaValues(values);
  const bytes = new Map<string, number>();
  for (const plan of plans) {
    for (const { name, shape, element } of boundBuffers(plan, values)) {
      const elements = shape.reduce((count, extent) => count * evaluateFormula(extent, sizes), 1);
      bytes.set(name, Math.max(bytes.get(name) ?? 0, elements * ELEMENT_TYPES[element].bytes));
    }
  }
  return bytes;
}

/**
 * Throws `bench/too-large` where a layer does not fit into `available` bytes, of which each buffer takes two: what is handed
 * over, and what the device works on. Nothing is made smaller for it.
 */
export function assertFits(layer: BenchLayer, available: number): void {
  const sizes = [...bufferBytes(layer)];
  const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0);
  const [name, largest] = sizes.reduce((a, b) => (b[1] > a[1] ? b : a), ['', 0]);
  if (2 * total <= available && largest <= constants.MAX_LENGTH) return;
  const reason =
    largest > constants.MAX_LENGTH
      ? `${name} has ${largest} bytes, more than one buffer can have here`
      : `it needs 2 x ${total} bytes, and ${available} are free`;
  throw new MoegenError('bench/too-large', `the layer does not fit into memory: ${reason}`, {
    where: `${layer.numTokens} tokens, ${layer.weight} weights`,
    help: 'describe a smaller layer with --spec: fewer experts, the same widths',
  });
}

/** Contents by the names of the buffers. */
export function layerInputs(layer: BenchLayer, seed: number): Inputs {
  const inputs: Record<string, Uint8Array> = { hidden_states: tokenStates(layer, seed) };
  const random = createRandom(seed + 1);
  for (const plan of layer.plans) {
    for (const binding of boundBuffers(plan, layer.values)) {
      if (binding.name in inputs) continue;
      const bytes = contentsOf(layer, plan, binding, random);
      if (bytes !== undefined) inputs[binding.name] = bytes;
    }
  }
  return inputs;
}

/** [num_tokens, hidden_size], between -1 and 1. */
export function tokenStates({ activation, numTokens, block }: BenchLayer, seed: number): Uint8Array {
  return encodeElements(activation, createRandom(seed).spread(numTokens * block.hiddenSize, 1));
}

/** Nothing for what another kernel writes. */
function contentsOf(
  layer: BenchLayer,
  plan: KernelPlan,
  binding: Binding,
  random: Random,
): Uint8Array | undefined {
  const { name, role, plane, element, shape } = binding;
  const sizes = formulaValues(layer.values);
  const count = shape.reduce((product, extent) => product * evaluateFormula(extent, sizes), 1);
  if (name === 'token_ids')
    return encodeElements(
      'u32',
      Array.from({ length: count }, (_, token) => token),
    );
  if (role === undefined) return undefined;
  if (role === 'token_table') {
    const experts = Array.from({ length: count }, () => random.below(layer.block.numExperts));
    return encodeElements(element, experts);
  }
  const matrix = matrixOf(plan, binding);
  if (plane === undefined || matrix === undefined) return encodeElements(element, random.spread(count, 0.25));
  const terms = evaluateFormula(matrix[1], sizes);
  const columns = role === 'router' ? evaluateFormula(matrix[0], sizes) : DISTINCT_ROWS;
  const format = formatReference(formatNamed(plan.axes['weight'] ?? '').name);
  const rows = format.encode(random.spread(columns * terms, 2 / Math.sqrt(terms)), columns, terms)[plane];
  if (rows === undefined) throw new Error(`${format.name} has no plane ${plane}`);
  return repeated(rows, count * ELEMENT_TYPES[element].bytes);
}

/** Columns and terms stand with the codes; scales and offsets of the same matrix have the same. */
function matrixOf({ bindings }: KernelPlan, { role, name, plane }: Binding): Binding['matrix'] {
  const stem = name.slice(0, -(plane ?? '').length);
  return bindings.find((other) => other.role === role && other.name === `${stem}weight`)?.matrix;
}

/** As often as it fits, and the beginning once more. */
function repeated(pattern: Uint8Array, byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  bytes.set(pattern.subarray(0, byteLength));
  for (let done = Math.min(pattern.byteLength, byteLength); done < byteLength; done *= 2) {
    bytes.copyWithin(done, 0, Math.min(done, byteLength - done));
  }
  return bytes;
}
