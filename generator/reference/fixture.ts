// A fixture file into an input, the expected outputs, and the parameters of one MoE block of a Hugging Face model.
//
// Tensors: `x` (BF16), `y_f64` (the block in double precision, its router in float), `y_bf16` (the block as transformers
// runs it in BF16) and `rows_ok` (1 where BF16 routing chose the same experts). Parameters are filled by rule.

import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { decodeBf16 } from '../floats/bfloat16.js';
import type { MoeBlock } from '../description/block.js';
import type { BlockInputs } from './block.js';
import { filledWeights, type FilledParameter } from './filled-weights.js';
import type { BlockWeights } from './weights.js';
import { parseSafetensors, type SafetensorsFile } from './safetensors.js';

export interface Fixture {
  readonly path: string;
  readonly modelType: string;
  /** The class of the block in transformers. */
  readonly blockClass: string;
  /** The model's config.json, as text: it may hold numbers that JSON does not know. */
  readonly configText: string;
  /** The layer that the block was built for. */
  readonly layer: number;
  readonly numTokens: number;
  readonly hiddenSize: number;
  readonly x: Float64Array;
  /** Inputs that few blocks have. */
  readonly extra?: Pick<BlockInputs, 'routerX' | 'tokenMarks'>;
  readonly expected: Float64Array;
  /** What transformers answers in BF16. */
  readonly transformersBf16: Float64Array;
  /** The rows on which BF16 results may be compared. */
  readonly rowsOk: readonly boolean[];
  readonly parameters: Readonly<Record<string, FilledParameter>>;
}

const DEFAULT_LAYER = 1;

const parametersSchema = z.record(
  z.string(),
  z.strictObject({ shape: z.array(z.int().positive()), scale: z.number().nullable() }),
);

export async function readFixture(path: string): Promise<Fixture> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MoegenError('reference/unreadable-fixture', `expected a readable fixture file: ${reason}`, {
      where: path,
      help: 'name a .safetensors file that exists and may be read',
      cause,
    });
  }
  return parseFixture(bytes, path);
}

export function parseFixture(bytes: Uint8Array, path: string): Fixture {
  const file = parseSafetensors(bytes, path);
  const [numTokens, hiddenSize] = shapeOfInput(file, path);
  const matrix = [numTokens, hiddenSize];
  const rowsOk = new Uint8Array(tensorData(file, 'rows_ok', 'U8', [numTokens], path));
  return {
    path,
    modelType: metadata(file, 'model_type', path),
    blockClass: metadata(file, 'block', path),
    configText: metadata(file, 'config', path),
    layer: readLayer(file, path),
    numTokens,
    hiddenSize,
    x: decodeBf16(new Uint16Array(tensorData(file, 'x', 'BF16', matrix, path))),
    expected: new Float64Array(tensorData(file, 'y_f64', 'F64', matrix, path)),
    transformersBf16: decodeBf16(new Uint16Array(tensorData(file, 'y_bf16', 'BF16', matrix, path))),
    rowsOk: Array.from(rowsOk, (flag) => flag === 1),
    parameters: readParameters(file, path),
  };
}

/** The parameters in the roles that the block gives them. */
export function fixtureWeights(fixture: Fixture, block: MoeBlock): BlockWeights {
  return filledWeights(fixture.parameters, block, fixture.path);
}

function invalid(message: string, where: string): MoegenError {
  return new MoegenError('reference/invalid-fixture', message, { where, help: 'write the fixture again' });
}

function metadata(file: SafetensorsFile, key: string, path: string): string {
  const value = file.metadata[key];
  if (value === undefined) throw invalid(`expected "${key}" in the metadata of a fixture, found none`, path);
  return value;
}

function readLayer(file: SafetensorsFile, path: string): number {
  const text = file.metadata['layer_idx'];
  if (text === undefined) return DEFAULT_LAYER;
  if (!/^\d+$/.test(text)) throw invalid(`expected "layer_idx" to be a whole number, got "${text}"`, path);
  return Number(text);
}

function readParameters(file: SafetensorsFile, path: string): Readonly<Record<string, FilledParameter>> {
  const text = metadata(file, 'parameters', path);
  try {
    return parametersSchema.parse(JSON.parse(text));
  } catch (cause) {
    const reason = cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause);
    throw invalid(`expected "parameters" to give each parameter's shape and scale: ${reason}`, path);
  }
}

function shapeOfInput(file: SafetensorsFile, path: string): readonly [number, number] {
  const shape = file.tensors.get('x')?.shape ?? [];
  const [numTokens, hiddenSize] = shape;
  if (numTokens === undefined || hiddenSize === undefined || shape.length !== 2) {
    throw invalid(`expected a tensor "x" of shape [tokens, hidden_size], got [${shape.join(', ')}]`, path);
  }
  return [numTokens, hiddenSize];
}

function tensorData(
  file: SafetensorsFile,
  name: string,
  dtype: string,
  shape: readonly number[],
  path: string,
): ArrayBuffer {
  const tensor = file.tensors.get(name);
  const wanted = `${dtype} [${shape.join(', ')}]`;
  const given = tensor === undefined ? 'none' : `${tensor.dtype} [${tensor.shape.join(', ')}]`;
  if (tensor === undefined || given !== wanted) {
    throw invalid(`expected a tensor "${name}" of type ${wanted}, got ${given}`, path);
  }
  return tensor.data;
}
