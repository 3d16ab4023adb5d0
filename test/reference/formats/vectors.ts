// Bytes and values of weight formats that were made without this code: read from test/fixtures/quantised.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Planes } from '../../../generator/reference/formats/types.js';

const FOLDER = path.resolve(import.meta.dirname, '../../fixtures/quantised');

type StoredNumber = number | 'NaN' | 'Infinity' | '-Infinity';

interface StoredPlane {
  readonly tensor?: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly hex: string;
}

export interface VectorCase {
  readonly name: string;
  readonly shape: readonly number[];
  readonly params?: Readonly<Record<string, string | number | boolean>>;
  readonly planes: Readonly<Record<string, StoredPlane>>;
  readonly values: readonly StoredNumber[];
}

interface EncoderCase {
  readonly name: string;
  readonly note: string;
  readonly shape: readonly [number, number];
  readonly params?: Readonly<Record<string, string | number>>;
  /** Hexadecimal floats. */
  readonly input: readonly string[];
  /** What the published quantiser writes: of GGUF formats, */
  readonly bytes?: string;
  /** and of the others. */
  readonly planes?: Readonly<Record<string, StoredPlane>>;
}

export interface ElementTables {
  readonly tables: Readonly<Record<string, readonly StoredNumber[]>>;
  readonly encode: readonly {
    readonly name: string;
    readonly input: readonly string[];
    readonly codes: string;
  }[];
}

export interface VectorFile {
  readonly format: string;
  readonly cases: readonly VectorCase[];
  readonly encoder?: readonly EncoderCase[];
}

/** Without endings. */
export const VECTOR_FILES = readdirSync(FOLDER)
  .map((file) => file.replace('.json.gz', ''))
  .sort();

export function readVectors(name: string): VectorFile {
  const bytes = gunzipSync(readFileSync(path.join(FOLDER, `${name}.json.gz`)));
  return JSON.parse(bytes.toString('utf8')) as VectorFile;
}

export const readElements = () => readVectors('elements') as unknown as ElementTables;

export const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));

export const valuesOf = (values: readonly StoredNumber[]) => Float64Array.from(values, Number);

export function planesOf(planes: Readonly<Record<string, StoredPlane>>): Planes {
  return Object.fromEntries(Object.entries(planes).map(([suffix, { hex }]) => [suffix, bytesOf(hex)]));
}

type Case = Pick<VectorCase, 'params' | 'planes'>;

const GGUF =
  'q4_0 q4_1 q5_0 q5_1 q8_0 q2_K q3_K q4_K q5_K q6_K iq4_nl iq4_xs tq2_0 q1_0 q2_0 gguf_mxfp4 gguf_nvfp4';

const scaleType = ({ planes }: Case) => (planes['scales']?.dtype ?? '').toLowerCase();

function integerName(bits: number, each: Case): string {
  const { strategy, group, symmetric, format } = each.params ?? {};
  if (format === 'int-quantized') return `i8_channel_${scaleType(each)}`;
  const scope = strategy === 'channel' ? 'channel' : `g${String(group)}`;
  return `int${bits}_${scope}_${scaleType(each)}${symmetric === true ? '' : '_asym'}`;
}

/** The format in which the cases of a file are. */
export const FORMAT_OF_FILE: Readonly<Record<string, (each: Case) => string>> = {
  mlx_mxfp4: () => 'mxfp4',
  mlx_mxfp8: () => 'mxfp8',
  gpt_oss_mxfp4: () => 'mxfp4',
  mlx_nvfp4: ({ planes }) => (planes['global'] === undefined ? 'nvfp4_plain' : 'nvfp4_amax'),
  nvfp4_modelopt: () => 'nvfp4',
  nvfp4_compressed_tensors: () => 'nvfp4_divided',
  fp8_e4m3_128x128: () => 'fp8_128x128_f32',
  fp8_e4m3_32x32_ue8m0: () => 'fp8_32x32_ue8m0',
  fp8_e4m3_channel: (each) => `fp8_channel_${scaleType(each)}`,
  fp8_e4m3_tensor: (each) => `fp8_tensor_${scaleType(each)}`,
  compressed_tensors_int4: (each) => integerName(4, each),
  compressed_tensors_int8: (each) => integerName(8, each),
  ...Object.fromEntries(
    [2, 3, 4, 5, 6, 8].map((bits) => [
      `mlx_affine_${bits}bit`,
      ({ params, planes }: Case) =>
        `affine${bits}_g${String(params?.['group'])}_${(planes['scales']?.dtype ?? '').toLowerCase()}`,
    ]),
  ),
  ...Object.fromEntries(GGUF.split(' ').map((name) => [`gguf_${name.replace('gguf_', '')}`, () => name])),
};

/** A hexadecimal float such as -0x1.8p-3. */
export function hexFloat(text: string): number {
  const match = /^(-?)0x([01])\.([0-9a-f]*)p([+-]\d+)$/.exec(text);
  if (match === null) return text === 'nan' ? NaN : Number(text.replace('inf', 'Infinity'));
  const [, sign, whole = '', digits = '', exponent] = match;
  const mantissa = parseInt(whole + digits, 16) * 2 ** (-4 * digits.length);
  return (sign === '-' ? -1 : 1) * mantissa * 2 ** Number(exponent);
}

/** Places at which two rows of numbers differ, the sign of zero included; NaN equals NaN. */
export function differences(given: ArrayLike<number>, wanted: ArrayLike<number>): string[] {
  if (given.length !== wanted.length) return [`${given.length} numbers instead of ${wanted.length}`];
  return Array.from(wanted)
    .map((value, index) => ({ value, index, other: given[index] ?? NaN }))
    .filter(({ value, other }) => !Object.is(value, other))
    .map(({ value, index, other }) => `${index}: ${other} instead of ${value}`)
    .slice(0, 5);
}
