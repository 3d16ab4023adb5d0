// What is read from published configurations: see test/support/published-configs.ts.

import { describe, expect, test } from 'vitest';
import { configuredLayers } from '../../generator/checkpoint/formats/configured-layers.js';
import { WEIGHT_FORMAT_NAMES } from '../../generator/description/weights.js';
import { blockTraits } from '../support/plain-block.js';
import { CASES, CONFIG_NAMES, layerNumbers, readPublished, REFUSED } from '../support/published-configs.js';

test('every configuration has an answer', () => {
  expect([...Object.keys(CASES), ...Object.keys(REFUSED)].sort()).toEqual([...CONFIG_NAMES].sort());
  expect(CONFIG_NAMES).toHaveLength(41);
});

describe('a configuration becomes its blocks', () => {
  test.each(Object.entries(CASES))('%s', (name, { numLayers, answers, warnings = [] }) => {
    const { config, layers } = readPublished(name);
    expect(layers.numLayers).toBe(numLayers);
    expect(layers.warnings).toEqual(warnings.map((warning) => expect.stringMatching(warning) as string));
    const all = answers.flatMap((answer) => layerNumbers(answer.layers)).sort((a, b) => a - b);
    const dense = Array.from({ length: numLayers }, (_, layer) => layer).filter(
      (layer) => !all.includes(layer),
    );
    expect(layers.denseLayers).toEqual(dense);

    const missing = answers
      .flatMap(({ formats }) => Object.values(formats ?? {}))
      .find((format) => !WEIGHT_FORMAT_NAMES.includes(format));
    if (missing !== undefined) {
      // A format without kernels is refused by its name, never answered as another.
      expect(() => configuredLayers(config, layers, name)).toThrow(`is in the format ${missing},`);
    }
    const { blocks } = missing === undefined ? configuredLayers(config, layers, name) : layers;
    const expected = answers.map(({ layers: numbers, block, formats = null, tensors = [] }) => ({
      layers: layerNumbers(numbers),
      traits: blockTraits(block),
      formats: missing === undefined ? formats : null,
      tensors: expect.arrayContaining([...tensors]) as string[],
    }));
    const found = blocks.map(({ block, layers: numbers, formats = null }) => {
      const { tensors, ...traits } = block;
      return {
        layers: numbers,
        traits,
        formats,
        tensors: Object.values(tensors).map((tensor) => tensor.name),
      };
    });
    expect(found).toEqual(expected);
  });

  test.each(Object.entries(REFUSED))('%s is refused', (name, [code, named]) => {
    expect(() => readPublished(name)).toThrow(named);
    expect(() => readPublished(name)).toThrow(expect.objectContaining({ code }));
  });
});
