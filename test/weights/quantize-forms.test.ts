// Quantised checkpoints in the forms of their tools: experts in modules of their own for servers, stacked in GGUF and in MLX. What is written is read
// again and compared with what the rule of the format makes of the source, and quantised a second time, which changes no byte.

import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../generator/checkpoint/open.js';
import { openModel } from '../../generator/checkpoint/model.js';
import type { TensorRole } from '../../generator/description/block.js';
import { bf16OfNumber, numberOfBf16 } from '../../generator/floats/bfloat16.js';
import { formatReference } from '../../generator/reference/formats/index.js';
import { createRandom } from '../../generator/validate/random.js';
import { decodedWeights } from '../../generator/weights/decode.js';
import { quantize } from '../../generator/weights/quantize.js';
import { emptyFolder, type Unpacked } from '../checkpoint/fixtures.js';
import { safetensorsBytes } from '../reference/safetensors-bytes.js';

const [HIDDEN, WIDTH, EXPERTS] = [256, 256, 2] as const;
const SIZES = { gate: [WIDTH, HIDDEN], up: [WIDTH, HIDDEN], down: [HIDDEN, WIDTH] } as const;
type Name = keyof typeof SIZES;

let place: Unpacked;
const values = new Map<string, Float64Array>();

/** A model of one layer in bfloat, with a matrix that is no expert's. */
beforeAll(() => {
  place = emptyFolder();
  const random = createRandom(3);
  const tensors: [string, readonly number[]][] = [
    ['model.layers.0.self_attn.q_proj.weight', [8, HIDDEN]],
    ['model.layers.0.mlp.gate.weight', [EXPERTS, HIDDEN]],
    ...Array.from({ length: EXPERTS }, (_, expert) =>
      Object.entries(SIZES).map(([name, shape]): [string, readonly number[]] => [
        `model.layers.0.mlp.experts.${expert}.${name}_proj.weight`,
        shape,
      ]),
    ).flat(),
  ];
  let end = 0;
  const parts: Uint8Array[] = [];
  const header = Object.fromEntries(
    tensors.map(([name, shape]) => {
      const bits = Uint16Array.from(random.spread((shape[0] ?? 0) * (shape[1] ?? 0), 0.25), bf16OfNumber);
      values.set(name, Float64Array.from(bits, numberOfBf16));
      parts.push(new Uint8Array(bits.buffer));
      const start = end;
      end += bits.byteLength;
      return [name, { dtype: 'BF16', shape, data_offsets: [start, end] }];
    }),
  );
  const config = {
    ...{ model_type: 'qwen3_moe', torch_dtype: 'bfloat16', hidden_size: HIDDEN, num_experts: EXPERTS },
    ...{ moe_intermediate_size: WIDTH, num_experts_per_tok: 2, num_hidden_layers: 1, norm_topk_prob: true },
  };
  mkdirSync(path.join(place.folder, 'source'));
  writeFileSync(path.join(place.folder, 'source/config.json'), JSON.stringify(config));
  writeFileSync(
    path.join(place.folder, 'source/model.safetensors'),
    safetensorsBytes(header, Buffer.concat(parts)),
  );
});
afterAll(() => {
  place.remove();
});

const at = (folder: string) => path.join(place.folder, folder);
/** Files by name, as hashes: comparing them byte by byte takes long. */
const filesOf = (folder: string) =>
  readdirSync(at(folder)).map((file) => {
    const bytes = readFileSync(path.join(at(folder), file));
    return [file, bytes.byteLength, createHash('sha256').update(bytes).digest('hex')];
  });
const differences = (got: Float64Array, want: Float64Array) =>
  got.length - want.length + got.filter((value, index) => value !== (want[index] ?? NaN) + 0).length;
const configOf = (folder: string) =>
  JSON.parse(readFileSync(path.join(at(folder), 'config.json'), 'utf8')) as Record<string, unknown>;

/** The values of an expert's matrix, and the formats of the layer. */
async function read(folder: string) {
  const model = await openModel(at(folder));
  try {
    const [layer] = model.layers;
    if (layer === undefined) throw new Error('no layer');
    const weights = await decodedWeights(layer);
    const own = (role: TensorRole) => Float64Array.from(weights.expert(role, 1));
    return {
      formats: layer.formats,
      gate: own('expert_gate'),
      up: own('expert_up'),
      down: own('expert_down'),
      router: Float64Array.from(weights.tensor('router')),
      names: [...model.checkpoint.tensors.values()].map(({ name, type }) => `${name} ${type}`),
    };
  } finally {
    await model.checkpoint.close();
  }
}

const given = (name: Name) =>
  values.get(`model.layers.0.mlp.experts.1.${name}_proj.weight`) ?? new Float64Array();

function rounded(format: string, own: Float64Array, rows: number, terms: number): Float64Array {
  const reference = formatReference(format);
  return reference.decode(reference.encode(own, rows, terms), rows, terms);
}

/** By the rule of the format; gate and up as one matrix where they have one factor. */
function expected(format: string, isFactorShared: boolean): Record<Name, Float64Array> {
  const down = rounded(format, given('down'), ...SIZES.down);
  if (!isFactorShared)
    return {
      gate: rounded(format, given('gate'), ...SIZES.gate),
      up: rounded(format, given('up'), ...SIZES.up),
      down,
    };
  const joint = new Float64Array(2 * WIDTH * HIDDEN);
  joint.set(given('gate'));
  joint.set(given('up'), WIDTH * HIDDEN);
  const both = rounded(format, joint, 2 * WIDTH, HIDDEN);
  return { gate: both.slice(0, WIDTH * HIDDEN), up: both.slice(WIDTH * HIDDEN), down };
}

const EXPERT = 'model.layers.0.mlp.experts.1.up_proj';
const FP8 = { quant_method: 'fp8', weight_block_size: [128, 128] };
const COMPRESSED = { quant_method: 'compressed-tensors' };

/** A format, some of the tensors, what the configuration says, and what kernels take. */
type Form = readonly [format: string, names: readonly string[], section: object | null, kept: string];

const FORMS: readonly Form[] = (
  [
    ['fp8_128x128_f32', [`${EXPERT}.weight F8_E4M3`, `${EXPERT}.weight_scale_inv F32`], FP8],
    [
      'fp8_32x32_ue8m0',
      [`${EXPERT}.weight F8_E4M3`, `${EXPERT}.weight_scale_inv F8_E8M0`],
      { scale_fmt: 'ue8m0' },
    ],
    ['fp8_tensor_f32', [`${EXPERT}.weight F8_E4M3`, `${EXPERT}.weight_scale F32`], COMPRESSED],
    ['fp8_channel_bf16', [`${EXPERT}.weight_scale BF16`], { ...COMPRESSED, format: 'float-quantized' }],
    [
      'nvfp4',
      [`${EXPERT}.weight U8`, `${EXPERT}.weight_scale F8_E4M3`, `${EXPERT}.weight_scale_2 F32`],
      { quant_method: 'modelopt', quant_algo: 'NVFP4' },
    ],
    [
      'nvfp4_divided',
      [`${EXPERT}.weight_packed U8`, `${EXPERT}.weight_global_scale F32`],
      { ...COMPRESSED, format: 'nvfp4-pack-quantized' },
    ],
    [
      'int4_g32_bf16_asym',
      [`${EXPERT}.weight_packed I32`, `${EXPERT}.weight_zero_point I32`, `${EXPERT}.weight_shape I64`],
      { ...COMPRESSED, format: 'pack-quantized' },
      'affine4_g32_f32',
    ],
    [
      'i8_channel_f32',
      [`${EXPERT}.weight I8`, `${EXPERT}.weight_scale F32`],
      { ...COMPRESSED, format: 'int-quantized' },
      'affine8_g128_f32',
    ],
    [
      'mxfp8',
      ['model.layers.0.mlp.switch_mlp.up_proj.weight U32'],
      { mode: 'mxfp8', bits: 8, group_size: 32 },
    ],
    ...['q8_0', 'q4_0', 'q4_K', 'q6_K', 'iq4_xs', 'gguf_mxfp4'].map(
      (type) => [type, [`blk.0.ffn_up_exps.weight ${type}`, 'blk.0.ffn_gate_inp.weight f32'], null] as const,
    ),
  ] as const
).map(([format, names, section, kept = format]) => [format, names, section, kept]);

describe('a checkpoint in bfloat', () => {
  it.each(FORMS)('becomes %s, and stays so', async (format, names, section, kept) => {
    const [once, twice] = [`${format}-once`, `${format}-twice`];
    const { left } = await quantize(at('source'), at(once), { format });
    expect(left).toBe(section === null ? 1 : 0);
    const written = await read(once);
    expect(written.names).toEqual(expect.arrayContaining([...names]));
    expect(written.formats).toMatchObject({ gate_up: kept, down: kept });
    expect(configOf(once)['quantization_config'] ?? null).toEqual(
      section === null ? null : (expect.objectContaining(section) as object),
    );
    const want = expected(format, format.startsWith('nvfp4'));
    for (const name of ['gate', 'up', 'down'] as const) {
      expect(differences(written[name], want[name])).toBe(0);
      expect(want[name].some((value) => value !== 0)).toBe(true);
    }
    expect(written.router).toEqual(values.get('model.layers.0.mlp.gate.weight'));

    await quantize(at(once), at(twice), { format });
    expect(filesOf(twice)).toEqual(filesOf(once));
  });

  it('names what stays dense', async () => {
    await quantize(at('source'), at('fp8'), { format: 'fp8' });
    expect(configOf('fp8')['quantization_config']).toMatchObject({
      modules_to_not_convert: ['model.layers.0.self_attn.q_proj', 'model.layers.0.mlp.gate'],
    });
  });
});

describe('GGUF', () => {
  it('becomes a format of MLX, and one of servers, under the names that the model is published with', async () => {
    await quantize(at('source'), at('blocks'), { format: 'q8_0' });
    const before = await read('blocks');
    for (const [format, module] of [
      ['affine8_g32_bf16', 'model.layers.0.mlp.switch_mlp.up_proj.scales BF16'],
      ['fp8_128x128_f32', `${EXPERT}.weight_scale_inv F32`],
    ] as const) {
      const { left } = await quantize(at('blocks'), at(`from-gguf-${format}`), { format });
      expect(left).toBe(0);
      const after = await read(`from-gguf-${format}`);
      expect(after.names).toEqual(expect.arrayContaining([module, 'model.layers.0.mlp.gate.weight F32']));
      expect(differences(after.up, rounded(format, before.up, ...SIZES.up))).toBe(0);
      expect(after.router).toEqual(before.router);
    }
  });

  it('becomes another type of its own, with its metadata and all other tensors', async () => {
    await quantize(at('source'), at('eight'), { format: 'q8_0' });
    await quantize(at('eight'), at('four'), { format: 'q4_1' });
    const [before, after] = [await read('eight'), await read('four')];
    expect(differences(after.up, rounded('q4_1', before.up, ...SIZES.up))).toBe(0);
    const metadata = async (folder: string) => {
      const checkpoint = await openCheckpoint(at(folder));
      await checkpoint.close();
      return [...checkpoint.metadata];
    };
    expect(await metadata('four')).toEqual(await metadata('eight'));
    expect(await metadata('four')).toEqual([['general.architecture', 'qwen3_moe']]);
  });
});

describe('refused by name', () => {
  it.each([
    ['bf16', /a format that has a quantiser, got bf16/],
    ['nvfp4_amax', /a format that has a quantiser, got nvfp4_amax/],
    ['fp4', /a format that has a quantiser, got fp4/],
    ['iq2_xxs', /a format that has a quantiser, got iq2_xxs/],
    ['gguf_nvfp4_scaled', /a format that has a quantiser, got gguf_nvfp4_scaled/],
  ])('%s', async (format, message) => {
    const attempt = quantize(at('source'), at('none'), { format });
    await expect(attempt).rejects.toThrow(message);
    await expect(attempt).rejects.toMatchObject({ code: 'quantize/unknown-format' });
  });

  it('a router of GGUF', async () => {
    const choice = { format: 'q8_0', router: 'affine8_g64_bf16' };
    await expect(quantize(at('source'), at('none'), choice)).rejects.toThrow(/MLX alone reads routers/);
  });
});
