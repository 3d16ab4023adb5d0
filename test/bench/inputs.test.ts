// What the bench makes up: the right number of bytes, values that are numbers, experts that differ; and what does not fit.

import { describe, expect, it } from 'vitest';
import { assertFits, bufferBytes, layerInputs } from '../../generator/bench/inputs.js';
import { QUANTISED_FORMATS, formatNamed } from '../../generator/description/weights.js';
import { formatReference } from '../../generator/reference/formats/index.js';
import { decodeElements } from '../../generator/validate/elements.js';
import { layerOf } from './support.js';

const SIZES = { hidden: 256, intermediate: 256, experts: 3, topK: 2 };

describe('the inputs of a layer', () => {
  it.each(['bf16', ...QUANTISED_FORMATS.map(({ name }) => name)])('are numbers in %s', (weight) => {
    const layer = layerOf(SIZES, { activation: 'bf16', weight, numTokens: 2 });
    const inputs = layerInputs(layer, 1);
    for (const [name, byteLength] of bufferBytes(layer)) {
      if (name in inputs) expect(inputs[name]?.byteLength, name).toBe(byteLength);
    }
    const suffixes = formatNamed(weight).planes.map(({ suffix }) => suffix);
    // Expert by expert, since a plane may hold one number for a whole matrix.
    const matrix = (expert: number) => {
      const planes = suffixes.map((suffix): [string, Uint8Array] => {
        const bytes = inputs[`down_${suffix}`] ?? new Uint8Array();
        const expertBytes = bytes.byteLength / SIZES.experts;
        return [suffix, bytes.subarray(expert * expertBytes, (expert + 1) * expertBytes)];
      });
      return formatReference(weight).decode(Object.fromEntries(planes), 256, 256);
    };
    for (const expert of [0, 1, 2]) expect(matrix(expert).every(Number.isFinite)).toBe(true);
    const firstRow = (expert: number) => [...matrix(expert).subarray(0, 256)];
    expect(firstRow(1)).not.toEqual(firstRow(0));
    expect(firstRow(2)).not.toEqual(firstRow(1));
  });

  it('depend on the seed alone', () => {
    const layer = layerOf(SIZES, { activation: 'f32', weight: 'f32', numTokens: 3 });
    expect(layerInputs(layer, 7)).toEqual(layerInputs(layer, 7));
    expect(layerInputs(layer, 7)['hidden_states']).not.toEqual(layerInputs(layer, 8)['hidden_states']);
    const states = decodeElements('f32', layerInputs(layer, 7)['hidden_states'] ?? new Uint8Array());
    expect(states).toHaveLength(3 * 256);
    expect(Math.max(...states.map(Math.abs))).toBeLessThanOrEqual(1);
  });
});

describe('a layer that does not fit', () => {
  it('is refused with both numbers, and nothing is made smaller', () => {
    const layer = layerOf(SIZES, { activation: 'f32', weight: 'f32', numTokens: 1 });
    const total = [...bufferBytes(layer).values()].reduce((sum, bytes) => sum + bytes, 0);
    // 3 experts of 3 matrices of 256 x 256 alone.
    expect(total).toBeGreaterThan(3 * 3 * 65_536 * 4);
    expect(() => {
      assertFits(layer, 2 * total);
    }).not.toThrow();
    expect(() => {
      assertFits(layer, 2 * total - 1);
    }).toThrow(`it needs 2 x ${total} bytes, and ${2 * total - 1} are free`);
  });
});
