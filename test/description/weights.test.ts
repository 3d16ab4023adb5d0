// The table of weight formats: what lies in memory must be what the references decode, and names must be those of rows.

import { describe, expect, it } from 'vitest';
import { ELEMENT_TYPES } from '../../generator/description/dtypes.js';
import {
  denseFormat,
  FORMAT_ALIASES,
  formatNamed,
  FP4_FORMATS,
  GENERAL_FORMAT_NAMES,
  kernelFormats,
  modelFormats,
  PLANE_SUFFIXES,
  PROJECTIONS,
  projectionFormat,
  QUANTISED_FORMATS,
  WEIGHT_FORMAT_NAMES,
  WEIGHT_FORMATS,
  type WeightFormat,
} from '../../generator/description/weights.js';
import { formatReference } from '../../generator/reference/formats/index.js';

const ROWS: readonly WeightFormat[] = [...WEIGHT_FORMATS, ...QUANTISED_FORMATS];
const named = ROWS.map((format) => [format.name, format] as const);

describe('the rows', () => {
  it.each(named)('say what lies in memory: %s', (name, format) => {
    const reference = formatReference(name);
    expect(format.groupTerms % reference.groupTerms).toBe(0);
    const [columns, terms] = [131, Math.max(2 * format.groupTerms, 96)];
    const bytes = Object.fromEntries(
      format.planes.map(({ suffix, element, elements, terms: own, rows }) => [
        suffix,
        Math.ceil(columns / (rows ?? columns)) *
          Math.ceil(terms / (own ?? terms)) *
          elements *
          ELEMENT_TYPES[element].bytes,
      ]),
    );
    expect(bytes).toEqual(reference.planeBytes(columns, terms));
  });

  it.each(named)('have whole blocks in their groups, and planes for what they have: %s', (_, format) => {
    const { element, blockTerms, groupTerms, hasScale, hasOffset, planes, isPaired } = format;
    expect(hasScale).toBe(element === null);
    // A row may end anywhere where a group is one term.
    if (groupTerms > 1) expect(groupTerms % (isPaired ? 2 * blockTerms : blockTerms)).toBe(0);
    if (element !== null) expect([groupTerms, blockTerms]).toEqual([1, 16]);
    expect(hasOffset && !hasScale).toBe(false);
    const suffixes = planes.map(({ suffix }) => suffix);
    expect(suffixes[0]).toBe('weight');
    expect(suffixes).toEqual(PLANE_SUFFIXES.filter((suffix) => suffixes.includes(suffix)));
    // Where every row has its own elements, a row holds all of what they are for.
    const whole = planes.filter(({ rows }) => rows === 1 && groupTerms > 1);
    for (const { terms } of whole) expect(Math.max(groupTerms, terms ?? 1) % (terms ?? 1)).toBe(0);
  });

  it('each have their own name, by which they are found', () => {
    expect(new Set(WEIGHT_FORMAT_NAMES).size).toBe(WEIGHT_FORMAT_NAMES.length);
    expect(WEIGHT_FORMAT_NAMES).toHaveLength(ROWS.length + FP4_FORMATS.length);
    for (const format of ROWS) expect(formatNamed(format.name)).toBe(format);
    expect(new Set(ROWS.map(({ summary }) => summary)).size).toBe(ROWS.length);
  });

  it('of the general set are the dense ones, and those of the drop-in kernels', () => {
    expect(GENERAL_FORMAT_NAMES).toEqual(['f16', 'bf16', 'f32', 'fp4', 'fp4_nk']);
  });
});

describe('names', () => {
  it('may be those that people use', () => {
    for (const [alias, name] of Object.entries(FORMAT_ALIASES)) expect(formatNamed(alias).name).toBe(name);
    expect(formatNamed('affine4').name).toBe('affine4_g64_bf16');
  });

  it('that are none are refused, with those that there are', () => {
    expect(() => formatNamed('q4_k')).toThrow("expected a weight format of the pipeline, got 'q4_k'");
    expect(() => formatNamed('fp4')).toThrow('expected a weight format of the pipeline');
  });

  it('come in the order of the table', () => {
    expect(kernelFormats(['q4_K', 'f32', 'fp4', 'bf16']).map(({ name }) => name)).toEqual([
      'bf16',
      'f32',
      'q4_K',
    ]);
    expect(denseFormat('bf16').element).toBe('bf16');
  });
});

describe('the weight formats of a model', () => {
  it('are those of the pipeline among those asked for', () => {
    expect(modelFormats(GENERAL_FORMAT_NAMES).map(({ name }) => name)).toEqual(['f16', 'bf16', 'f32']);
    expect(modelFormats(['fp4_nk', 'q4_K', 'bf16']).map(({ name }) => name)).toEqual(['bf16', 'q4_K']);
    expect(modelFormats(WEIGHT_FORMAT_NAMES)).toEqual(ROWS);
  });

  it('are refused by name where there is none', () => {
    expect(() => modelFormats(['fp4', 'fp4_nk'])).toThrow('expected weights of a model, got fp4, fp4_nk');
  });
});

describe('the format of a projection', () => {
  it('is that of the layer, but routers stay dense in the dtype of the activations', () => {
    const names = PROJECTIONS.map((projection) => projectionFormat(projection, 'q4_K', 'bf16').name);
    expect(names).toEqual(['bf16', 'q4_K', 'q4_K', 'q4_K', 'q4_K', 'q4_K', 'q4_K', 'q4_K']);
    expect(projectionFormat('router', 'f32', 'bf16').name).toBe('f32');
  });

  it('is its own where one is chosen', () => {
    expect(projectionFormat('down', 'q4_K', 'bf16', { down: 'q8_0' }).name).toBe('q8_0');
    expect(projectionFormat('router', 'q4_K', 'bf16', { router: 'f32' }).name).toBe('f32');
    expect(projectionFormat('gate_up', 'q4_K', 'bf16', { down: 'q8_0' }).name).toBe('q4_K');
  });
});
