import { describe, expect, it } from 'vitest';
import { modelFormats, WEIGHT_FORMAT_NAMES } from '../../generator/spec/weights.js';

describe('the weight formats of a model', () => {
  it('are the dense ones among those asked for', () => {
    expect(modelFormats(WEIGHT_FORMAT_NAMES).map(({ name }) => name)).toEqual(['f16', 'bf16', 'f32']);
    expect(modelFormats(['fp4_nk', 'bf16']).map(({ name }) => name)).toEqual(['bf16']);
  });

  it('are refused by name where none is dense', () => {
    expect(() => modelFormats(['fp4', 'fp4_nk'])).toThrow(
      'expected dense weights for a model, got fp4, fp4_nk',
    );
  });
});
