// Every packed format in the kernels of both forms: each code and each scale against values that were made without this code, and random
// weights against double precision, with the same bits whichever way a row takes.

import { describe, expect, it } from 'vitest';
import type { LoadedLibrary } from '../../generator/native/types.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import type { WeightFormat } from '../../generator/description/weights.js';
import { decodeElements, encodeElements } from '../../generator/validate/elements.js';
import { encodeMatrices } from '../../generator/validate/encode-matrices.js';
import { buildJob } from '../../generator/validate/job.js';
import { createRandom } from '../../generator/validate/random.js';
import {
  FORMAT_OF_FILE,
  planesOf,
  readElements,
  readVectors,
  valuesOf,
} from '../reference/formats/vectors.js';
import { DISTINCT_FORMATS, formatBlock, openPlans, type FormatRun } from '../support/format-blocks.js';
import { hostDevice, kernelTexts } from '../support/host-kernels.js';

const device = hostDevice();

interface Matrix {
  readonly name: string;
  readonly columns: number;
  readonly terms: number;
  readonly planes: Readonly<Record<string, Uint8Array>>;
  /** [columns, terms] */
  readonly values: Float64Array;
}

/** The published bytes of a format, as far as they are small. */
function publishedMatrices(format: string): Matrix[] {
  return Object.entries(FORMAT_OF_FILE).flatMap(([file, formatOf]) =>
    readVectors(file)
      .cases.filter((each) => formatOf(each) === format && (each.shape.at(-1) ?? 0) <= 512)
      .filter(({ shape }) => shape.length === 2)
      .map(({ name, shape: [columns = 0, terms = 0], planes, values }) => {
        const own = { name: `${file} ${name}`, columns, terms, planes: planesOf(planes) };
        const { weight } = own.planes;
        const isGguf = format === 'gguf_mxfp4' && weight !== undefined;
        return {
          ...own,
          values: isGguf ? withoutLargestScale(weight, valuesOf(values)) : valuesOf(values),
        };
      }),
  );
}

/** A block of 17 bytes under scale 255, which is NaN in the specification and 2^128 to ggml. */
function withoutLargestScale(weight: Uint8Array, values: Float64Array): Float64Array {
  for (let block = 0; block < values.length / 32; block += 1) {
    if (weight[17 * block] === 255) values.fill(NaN, 32 * block, 32 * block + 32);
  }
  return values;
}

/** A row for each byte, all of it that byte: what is NaN spoils no other row. */
function rowsOfBytes(format: WeightFormat): Matrix[] {
  if (format.name !== 'mxfp8') return [];
  const table = valuesOf(readElements().tables['e4m3fn'] ?? []);
  const [columns, terms] = [256, 32];
  const spread = <T>(of: (column: number) => T) =>
    Array.from({ length: columns * terms }, (_, index) => of(Math.floor(index / terms)));
  return [
    {
      name: 'all bytes',
      columns,
      terms,
      planes: {
        weight: Uint8Array.from(spread((column) => column)),
        scales: new Uint8Array(columns).fill(127),
      },
      values: Float64Array.from(spread((column) => table[column] ?? 0)),
    },
  ];
}

/** Kernels that multiply tokens with one matrix: for a few of them, and in tiles. */
async function productKernels(run: FormatRun, families: readonly string[]) {
  const { intermediateSize } = formatBlock(run.format);
  const block = formatBlock(run.format, { shared: undefined, latent: { size: intermediateSize } });
  const plans = openPlans(run, block).filter(
    ({ family, axes }) => families.includes(family) && (axes['tile'] ?? 'low') === 'low',
  );
  expect(plans.map(({ family }) => family).sort()).toEqual([...families].sort());
  const texts = await kernelTexts(plans, run.bf16Storage);
  return Promise.all(
    plans.map(async (plan) => ({ plan, library: await device.load({ source: texts.textOf(plan) }) })),
  );
}

interface Kernel {
  readonly plan: KernelPlan;
  readonly library: LoadedLibrary;
}

/** [tokens, columns]: rows of `x` times the matrix, as its bytes. */
async function multiply(
  { plan, library }: Kernel,
  { columns, terms, planes }: Matrix,
  x: Uint8Array,
  numTokens: number,
): Promise<Uint8Array> {
  const inputs = Object.fromEntries(
    Object.entries(planes).map(([suffix, bytes]) => [`latent_in_${suffix}`, bytes] as const),
  );
  const values = { hidden_size: terms, latent_size: columns, num_tokens: numTokens };
  const job = buildJob(
    [{ plan, library, values }],
    { ...inputs, hidden_states: x },
    ['latent_states'],
    // The smallest scales are subnormal.
    { subnormals: 'keep', timeoutSeconds: 60 },
  );
  const { outputs } = await device.run(job);
  return outputs[0] ?? new Uint8Array();
}

/** Token t is the unit vector of term t, so that row t of the result holds the weights of that term. */
function unitVectors(activation: FormatRun['activation'], terms: number): Uint8Array {
  const x = Float64Array.from({ length: terms * terms }, (_, at) => (at % (terms + 1) === 0 ? 1 : 0));
  return encodeElements(activation, x);
}

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;
/** Floats below the normal ones have fewer bits. */
const SMALLEST_ERROR = 2 ** -140;

/** Where the result is not the weights. In a row with a weight that is no float, other sums may be no numbers. */
function wrongWeights(got: Float64Array, { columns, terms, values }: Matrix): string[] {
  const wrong: string[] = [];
  for (let column = 0; column < columns; column += 1) {
    const row = values.subarray(column * terms, (column + 1) * terms);
    const floats = row.map(Math.abs).filter((value) => value <= LARGEST_FLOAT);
    const error = 2 ** -21 * Math.max(0, ...floats) + SMALLEST_ERROR;
    row.forEach((value, term) => {
      const found = got[term * columns + column] ?? NaN;
      const isNear = Math.abs(found - value) <= error;
      const mayBeNone = floats.length < terms && !Number.isFinite(found);
      if (!(isNear || mayBeNone)) wrong.push(`column ${column}, term ${term}: ${found} instead of ${value}`);
    });
  }
  return wrong.slice(0, 5);
}

const F32 = { activation: 'f32', bf16Storage: 'ushort' } as const;
const [ROWS, TILES] = ['decode_latent_in', 'latent_in'];
const TOKENS = 11;
const COLUMNS = 37;

describe.each(DISTINCT_FORMATS.map((format) => [format.name, format] as const))('%s', (name, format) => {
  const published = [...publishedMatrices(name), ...rowsOfBytes(format)];

  it('has the published values, and those of sums, in both forms', { timeout: 120_000 }, async () => {
    const kernels = await productKernels({ format: name, ...F32 }, [ROWS, TILES]);
    for (const kernel of kernels) {
      for (const matrix of published) {
        const bytes = await multiply(kernel, matrix, unitVectors('f32', matrix.terms), matrix.terms);
        const wrong = wrongWeights(decodeElements('f32', bytes), matrix);
        expect(wrong, `${kernel.plan.name}: ${matrix.name}`).toEqual([]);
      }
    }

    const terms = Math.ceil(333 / format.groupTerms) * format.groupTerms;
    const random = createRandom(5);
    const own = encodeMatrices(name, random.spread(COLUMNS * terms, 1), 1, COLUMNS, terms);
    const matrix: Matrix = { name: 'random', columns: COLUMNS, terms, ...own };
    const x = encodeElements('f32', random.spread(TOKENS * terms, 1));
    const [first, second] = await Promise.all(kernels.map((kernel) => multiply(kernel, matrix, x, TOKENS)));
    expect(Buffer.compare(first ?? new Uint8Array(), second ?? new Uint8Array(1))).toBe(0);
    const alone = await Promise.all(
      kernels.map((kernel) => multiply(kernel, matrix, x.subarray(4 * 4 * terms, 5 * 4 * terms), 1)),
    );
    for (const bytes of alone) {
      expect(Buffer.compare(bytes, first?.subarray(4 * 4 * COLUMNS, 5 * 4 * COLUMNS) ?? bytes)).toBe(0);
    }
    expect(
      relativeError(
        decodeElements('f32', first ?? new Uint8Array()),
        product(decodeElements('f32', x), matrix),
      ),
    ).toBeLessThan(2e-6);
  });

  it.runIf(format.pairs === 'bytes')(
    'has them where codes become elements of a tile in pairs',
    { timeout: 120_000 },
    async () => {
      const run = { format: name, activation: 'bf16', bf16Storage: 'bfloat' } as const;
      const [kernel] = await productKernels(run, [TILES]);
      if (kernel === undefined) throw new Error('no kernel');
      for (const matrix of published) {
        const bytes = await multiply(kernel, matrix, unitVectors('bf16', matrix.terms), matrix.terms);
        expect(wrongWeights(decodeElements('f32', bytes), matrix), matrix.name).toEqual([]);
      }
    },
  );
});

/** [tokens, columns] in double precision. */
function product(x: Float64Array, { columns, terms, values }: Matrix): Float64Array {
  return Float64Array.from({ length: (x.length / terms) * columns }, (_, at) => {
    const [token, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let term = 0; term < terms; term += 1) {
      sum += (x[token * terms + term] ?? NaN) * (values[column * terms + term] ?? NaN);
    }
    return sum;
  });
}

function relativeError(got: Float64Array, want: Float64Array): number {
  const norm = (values: Float64Array) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
  return norm(got.map((value, at) => value - (want[at] ?? NaN))) / norm(want);
}

it('most formats have published values', () => {
  const without = DISTINCT_FORMATS.filter(({ name }) => publishedMatrices(name).length === 0);
  expect(without.map(({ name }) => name)).toEqual(['gguf_nvfp4_scaled']);
});
