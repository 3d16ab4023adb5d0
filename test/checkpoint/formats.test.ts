// The weight formats of the tiny checkpoints, and their values, read end to end.

import { createHash } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { formatsOf, moeLayers, type MoeLayer } from '../../generator/checkpoint/formats/layers.js';
import type { StoredMatrix } from '../../generator/checkpoint/formats/matrix.js';
import { readQuantization } from '../../generator/checkpoint/formats/quantization.js';
import { openCheckpoint, type Checkpoint } from '../../generator/checkpoint/open.js';
import { repackAsAffine } from '../../generator/checkpoint/repack.js';
import type { Tensor } from '../../generator/checkpoint/tensor.js';
import type { TensorRole } from '../../generator/description/block.js';
import { FORMAT_REFERENCES, formatReference } from '../../generator/reference/formats/index.js';
import { CHECKPOINTS, EXPECTED, readConfig, unpack } from './fixtures.js';

const same =
  (...roles: TensorRole[]) =>
  (format: string) =>
    Object.fromEntries(roles.map((role) => [role, format]));
const experts = same('expert_gate', 'expert_up', 'expert_down');
const shared = same('shared_gate', 'shared_up', 'shared_down');

/** By layer. */
const FORMATS: Readonly<Record<string, Readonly<Record<number, Partial<Record<TensorRole, string>>>>>> = {
  '01_qwen3_moe_mlx_4bit': {
    0: { ...experts('affine4_g64_bf16'), router: 'affine8_g64_bf16' },
    1: { ...experts('affine4_g64_bf16'), router: 'affine8_g64_bf16' },
  },
  '02_qwen3_moe_bf16': {
    0: { ...experts('bf16'), router: 'bf16' },
    1: { ...experts('bf16'), router: 'bf16' },
  },
  '03_gpt_oss_mxfp4': {
    0: { expert_gate_up: 'mxfp4', expert_down: 'mxfp4', router: 'bf16' },
    1: { expert_gate_up: 'mxfp4', expert_down: 'mxfp4', router: 'bf16' },
  },
  '04_deepseek_v3_fp8': {
    1: { ...experts('fp8_128x128_f32'), router: 'bf16', ...shared('fp8_128x128_f32') },
    2: { ...experts('fp8_128x128_f32'), router: 'bf16', ...shared('fp8_128x128_f32') },
  },
  '05_qwen3_moe_nvfp4_modelopt': {
    0: { ...experts('nvfp4'), router: 'bf16' },
    1: { ...experts('nvfp4'), router: 'bf16' },
  },
  '06_mixtral_gguf_q4_k_m': {
    0: { expert_gate: 'q4_K', expert_up: 'q4_K', expert_down: 'q6_K', router: 'f32' },
    1: { expert_gate: 'q4_K', expert_up: 'q4_K', expert_down: 'q6_K', router: 'f32' },
    2: { ...experts('q4_K'), router: 'f32' },
  },
  '07_kimi_deepseek_v3_int4': {
    1: { ...experts('int4_g32_bf16'), router: 'bf16', ...shared('bf16') },
    2: { ...experts('int4_g32_bf16'), router: 'bf16', ...shared('bf16') },
  },
  '09_olmoe_gptq_int4': {
    0: { ...experts('gptq_int4_g128'), router: 'f16' },
    1: { ...experts('gptq_int4_g128'), router: 'f16' },
  },
};

const sha256 = (values: Float64Array) =>
  createHash('sha256')
    .update(new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
    .digest('hex');

/** The values of one matrix of a role. */
async function valuesOf(matrix: StoredMatrix, at: number): Promise<Float64Array> {
  const { columns, terms, matrices, integers, module } = matrix;
  const part = async (tensor: Tensor) => tensor.read((at * tensor.bytes) / matrices, tensor.bytes / matrices);
  const planes = Object.fromEntries(
    await Promise.all(
      Object.entries(matrix.planes).map(async ([name, tensor]) => [name, await part(tensor)] as const),
    ),
  ) as Record<string, Uint8Array>;
  if (integers === null || FORMAT_REFERENCES.has(matrix.format)) {
    return formatReference(matrix.format).decode(planes, columns, terms);
  }
  const { weight = new Uint8Array(), scales = new Uint8Array(), offsets: zeros, g_idx: groupIndex } = planes;
  const bytes = { weight, scales, ...(zeros && { zeros }), ...(groupIndex && { groupIndex }) };
  const packed = repackAsAffine(bytes, integers, module);
  return formatReference(packed.format).decode(packed.planes, columns, terms);
}

describe.each(CHECKPOINTS)('%s', (name) => {
  const unpacked = unpack(name);
  const expected = EXPECTED[name];
  let checkpoint: Checkpoint | null = null;
  const read = async (): Promise<MoeLayer[]> => {
    checkpoint ??= await openCheckpoint(unpacked.folder);
    return moeLayers(checkpoint.tensors, readQuantization(readConfig(name), name));
  };
  afterAll(async () => {
    await checkpoint?.close();
    unpacked.remove();
  });

  it('has the formats that its names, types and configuration say', async () => {
    const layers = await read();
    expect(Object.fromEntries(layers.map((layer) => [layer.index, formatsOf(layer)]))).toEqual(FORMATS[name]);
  });

  it('is read to the last bit', async () => {
    const layer = (await read()).find(({ index }) => index === expected?.layer);
    expect(layer?.prefix).toBe(expected?.prefix);
    const valuesOfRole = async (role: TensorRole, expert: number) => {
      const matrices = layer?.matrices.get(role) ?? [];
      const [matrix, at] = matrices.length === 1 ? [matrices[0], expert] : [matrices[expert], 0];
      if (matrix === undefined) return null;
      return { values: await valuesOf(matrix, at), terms: matrix.terms };
    };
    /** Rows of gate and up take turns in some. */
    const everyOther = async (first: number, expert: number) => {
      const both = await valuesOfRole('expert_gate_up', expert);
      if (both === null) return null;
      const rows = both.values.length / both.terms;
      const kept = Array.from({ length: rows / 2 }, (_, row) => 2 * row + first);
      return Float64Array.from(
        kept.flatMap((row) => [...both.values.subarray(row * both.terms, (row + 1) * both.terms)]),
      );
    };
    const valuesNamed = async (tensor: string, expert: number) => {
      const [owner = '', what = ''] = tensor.split('.');
      if (tensor === 'router') return (await valuesOfRole('router', 0))?.values ?? null;
      const role = what.replace('_proj', '') as 'gate' | 'up' | 'down';
      if (owner.startsWith('shared_expert')) return (await valuesOfRole(`shared_${role}`, 0))?.values ?? null;
      const own = await valuesOfRole(`expert_${role}`, expert);
      return own === null ? everyOther(role === 'up' ? 1 : 0, expert) : own.values;
    };
    const weights = Object.entries(expected?.tensors ?? {}).filter(([tensor]) => !tensor.includes('bias'));
    expect(weights.length).toBeGreaterThan(3);
    for (const [tensor, { sha256: digests }] of weights) {
      for (const [expert, digest] of Object.entries(digests)) {
        const values = await valuesNamed(tensor, expert === 'all' ? 0 : Number(expert));
        expect(`${tensor} ${expert} ${values === null ? 'missing' : sha256(values)}`).toBe(
          `${tensor} ${expert} ${digest}`,
        );
      }
    }
  });
});
