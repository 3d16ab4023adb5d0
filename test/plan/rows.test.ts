// Shapes of the kernels of few rows, for every format that they read: what a lane, a simdgroup and a threadgroup take must fit
// together, and into the memory of a threadgroup.

import { describe, expect, it } from 'vitest';
import {
  groupColumns,
  LOGIT_SHAPE,
  rowBytes,
  rowShape,
  rowShapeTerms,
  rowThreads,
  simdgroupColumns,
  SKINNY_ROWS,
  VECTOR_SHAPE,
  type RowShape,
  type RowSource,
} from '../../generator/plan/rows.js';
import { planKernels } from '../../generator/plan/plan.js';
import {
  denseFormat,
  formatNamed,
  QUANTISED_FORMATS,
  WEIGHT_FORMATS,
  type WeightFormat,
} from '../../generator/description/weights.js';

const FORMATS: readonly WeightFormat[] = [...WEIGHT_FORMATS, ...QUANTISED_FORMATS];
const SOURCES = ['assignment', 'tile', 'token'] as const satisfies readonly RowSource[];

/** Every shape with every format that has it; the router's are dense. */
const SHAPES: readonly (readonly [string, WeightFormat, RowShape])[] = [
  ...FORMATS.flatMap((format) =>
    SOURCES.flatMap((source) =>
      [1, 2].map(
        (parts) => [`${format.name}, ${source}, ${parts}`, format, rowShape(format, source, parts)] as const,
      ),
    ),
  ),
  ...WEIGHT_FORMATS.flatMap((format) => [
    [`${format.name}, logits`, format, LOGIT_SHAPE] as const,
    [`${format.name}, one column`, format, VECTOR_SHAPE] as const,
  ]),
];

describe('the shapes of few rows', () => {
  it.each(SHAPES)('fit: %s', (_, format, shape) => {
    const { rowLanes, laneRows, simdgroups, maxRows, tileTerms } = shape;
    expect(rowBytes(format, shape, 'tile', true)).toBeLessThanOrEqual(32_768);
    // Lanes share rows of weights in whole simdgroups, and one lane at most adds up each of these rows.
    const rows = (32 / rowLanes) * laneRows;
    expect(Number.isInteger(rows) && rows <= 32).toBe(true);
    const passRows = Math.min(maxRows, 32 / rows);
    expect(maxRows % passRows).toBe(0);
    // Input is staged in whole steps, for one row and for as many as there are at most.
    const step = rowLanes * format.blockTerms;
    expect(tileTerms % step).toBe(0);
    expect((tileTerms / maxRows) % step).toBe(0);
    // The threads stage four terms each, and a block is staged by neighbours.
    expect(tileTerms % (4 * 32 * simdgroups)).toBe(0);
    expect(step % format.blockTerms).toBe(0);
    // Where simdgroups take turns in adding, every lane of a turn has a row, and each simdgroup its turn.
    if (rowShapeTerms(format, shape, 1).isJoint) {
      const adders = (rows * simdgroups) / 32;
      expect(Number.isInteger(adders) && simdgroups % adders === 0).toBe(true);
    }
    // Lanes of a pair exchange halves.
    if (format.isPaired) expect(rowLanes % 2).toBe(0);
    // A step never crosses from one group with scales of two levels into the next.
    if (format.groupTerms === 256) expect(256 % step).toBe(0);
  });

  it('give a gate and an up to the same lane', () => {
    for (const format of FORMATS) {
      for (const source of SOURCES) {
        const shape = rowShape(format, source, 2);
        expect(shape.laneRows % 2, `${format.name}, ${source}`).toBe(0);
        expect(groupColumns(shape, 2) * 2).toBe(groupColumns(shape, 1));
        expect(simdgroupColumns(shape, 1) * shape.simdgroups).toBe(groupColumns(shape, 1));
      }
    }
  });

  it('take one row where these are assignments, and up to eight of a tile', () => {
    const bf16 = denseFormat('bf16');
    expect(SOURCES.map((source) => rowShape(bf16, source, 2).maxRows)).toEqual([1, SKINNY_ROWS, SKINNY_ROWS]);
  });

  it('say how many bytes they declare: input, sums of blocks, results, places', () => {
    const shape: RowShape = { rowLanes: 8, laneRows: 2, simdgroups: 4, maxRows: 8, tileTerms: 4096 };
    // 128 blocks of 32 terms and 4 of padding; 4 simdgroups with 32 rows of 8 sums and 4 of padding; 8 places of 8 bytes.
    const plain = 128 * 36 * 4 + 4 * 32 * 12 * 4;
    expect(rowBytes(formatNamed('q8_0'), shape, 'token')).toBe(plain + 8 * 8);
    expect(rowBytes(formatNamed('q8_0'), shape, 'tile', true)).toBe(plain + 8 * 12 + 3 * 4);
    expect(rowBytes(formatNamed('q8_0'), shape, 'assignment')).toBe(plain + 8 * 8 + 4);
    expect(rowBytes(formatNamed('q4_K'), shape, 'token')).toBe(plain + 128 * 4 + 8 * 8);
    expect(rowBytes(denseFormat('f16'), shape, 'token')).toBe(256 * 20 * 4 + 4 * 32 * 12 * 4 + 8 * 8);
  });

  it('print what they are', () => {
    const shape: RowShape = { rowLanes: 16, laneRows: 4, simdgroups: 4, maxRows: 2, tileTerms: 2048 };
    expect(rowShapeTerms(denseFormat('bf16'), shape, 2)).toMatchObject({
      threads: 128,
      simdgroupColumns: 4,
      columns: 16,
      laneTerms: 16,
      sumRows: 16,
      isSingle: false,
      takesTwo: true,
      takesFour: false,
      takesEight: false,
    });
    expect(rowThreads(shape)).toBe(128);
  });
});

describe('the plans of few rows', () => {
  it('declare these bytes and dispatch these threads, with every format', () => {
    const plans = planKernels({
      activations: ['bf16'],
      weights: FORMATS.map(({ name }) => name),
      bf16Storage: 'ushort',
      mslVersion: '3.0',
      block: null,
    });
    const families: Readonly<Record<string, RowSource>> = {
      decode_gate_up: 'assignment',
      decode_down: 'assignment',
      skinny_gate_up: 'tile',
      skinny_down: 'tile',
      decode_shared_gate_up: 'token',
      decode_shared_down: 'token',
    };
    const own = plans.filter(({ family }) => families[family] !== undefined);
    expect(own.length).toBeGreaterThan(6 * FORMATS.length);
    for (const { name, family, axes, threadgroupBytes, dispatch, rows } of own) {
      const format = formatNamed(axes['weight'] ?? '');
      const source = families[family] ?? 'token';
      const parts = family.endsWith('gate_up') ? 2 : 1;
      const shape = rowShape(format, source, parts);
      expect(threadgroupBytes, name).toBe(rowBytes(format, shape, source));
      expect(dispatch.threadsPerThreadgroup, name).toEqual([rowThreads(shape), 1, 1]);
      const columns = groupColumns(shape, parts);
      expect(rows, name).toEqual({ maxRows: shape.maxRows, columns });
      expect(dispatch.threadgroups[0], name).toMatch(new RegExp(`^ceil_div\\(\\w+, ${columns}\\)$`));
    }
  });
});
