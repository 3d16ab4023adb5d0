import {
  copyFileSync,
  openSync,
  closeSync,
  ftruncateSync,
  readdirSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../generator/checkpoint/open.js';
import { piecesOf } from '../../generator/checkpoint/tensor.js';
import { safetensorsBytes } from '../reference/safetensors-bytes.js';
import { CHECKPOINTS, emptyFolder, unpack, type Unpacked } from './fixtures.js';
import { GgufWriter } from './gguf-bytes.js';

let scratch: Unpacked;
beforeEach(() => {
  scratch = emptyFolder();
});
afterEach(() => {
  scratch.remove();
});

const at = (name: string) => path.join(scratch.folder, name);

describe.each([
  ['01_qwen3_moe_mlx_4bit', 1, 30, 'model.layers.0.mlp.switch_mlp.gate_proj.weight', 'U32', [8, 128, 32]],
  ['02_qwen3_moe_bf16', 2, 54, 'model.layers.1.mlp.experts.7.down_proj.weight', 'BF16', [256, 96]],
  ['03_gpt_oss_mxfp4', 1, 20, 'model.layers.1.mlp.experts.gate_up_proj_blocks', 'U8', [8, 192, 9, 16]],
  ['04_deepseek_v3_fp8', 2, 123, 'model.layers.1.mlp.experts.0.gate_proj.weight', 'F8_E4M3', [128, 256]],
  ['05_qwen3_moe_nvfp4_modelopt', 1, 198, 'model.layers.0.mlp.experts.3.up_proj.weight_scale_2', 'F32', []],
  ['06_mixtral_gguf_q4_k_m', 1, 17, 'blk.0.ffn_down_exps.weight', 'q6_K', [8, 256, 512]],
  ['07_kimi_deepseek_v3_int4', 2, 162, 'model.layers.2.mlp.experts.0.up_proj.weight_shape', 'I64', [2]],
  ['09_olmoe_gptq_int4', 1, 198, 'model.layers.1.mlp.experts.0.down_proj.qzeros', 'I32', [1, 32]],
] as const)('%s', (checkpoint, files, tensorCount, name, type, shape) => {
  const unpacked = unpack(checkpoint);
  afterAll(() => {
    unpacked.remove();
  });

  it('opens as a folder and by its files', async () => {
    const opened = await openCheckpoint(unpacked.folder);
    expect(opened.files.length).toBe(files);
    expect(opened.tensors.size).toBe(tensorCount);
    const tensor = opened.tensors.get(name);
    expect(tensor).toMatchObject({ name, type, shape });
    expect((await tensor?.read())?.length).toBe(tensor?.bytes);
    await opened.close();

    const ending = checkpoint.includes('gguf') ? '.gguf' : files === 1 ? '.safetensors' : '.index.json';
    const file = readdirSync(unpacked.folder).find((each) => each.endsWith(ending)) ?? '';
    const byFile = await openCheckpoint(path.join(unpacked.folder, file));
    expect([...byFile.tensors.keys()].sort()).toEqual([...opened.tensors.keys()].sort());
    await byFile.close();
  });
});

it('no checkpoint is left out', () => {
  expect(CHECKPOINTS.length).toBe(8);
});

const tensor = (bytes: number) => ({ dtype: 'U8', shape: [bytes], data_offsets: [0, bytes] });

describe('safetensors shards', () => {
  const shard = (name: string, header: unknown, data: readonly number[]) => {
    writeFileSync(at(name), safetensorsBytes(header, data));
  };
  const index = (map: unknown) => {
    writeFileSync(at('model.safetensors.index.json'), JSON.stringify(map));
  };

  it('are chosen by the index, which decides where two hold a tensor', async () => {
    shard('a.safetensors', { x: tensor(1) }, [1]);
    shard('b.safetensors', { x: tensor(1) }, [2]);
    index({ metadata: { total_size: 1 }, weight_map: { x: 'b.safetensors' } });
    const opened = await openCheckpoint(scratch.folder);
    expect([...((await opened.tensors.get('x')?.read()) ?? [])]).toEqual([2]);
    await opened.close();
  });

  it.each<[string, unknown, string, string]>([
    ['missing', { weight_map: { x: 'b.safetensors' } }, 'checkpoint/shards', 'b.safetensors is missing'],
    [
      'without the tensor',
      { weight_map: { y: 'a.safetensors' } },
      'checkpoint/shards',
      'does not hold tensor "y"',
    ],
    [
      'elsewhere',
      { weight_map: { x: '../a.safetensors' } },
      'checkpoint/shards',
      'said to lie in "../a.safetensors"',
    ],
    ['of another kind', { weight_map: { x: 'a.bin' } }, 'checkpoint/shards', 'said to lie in "a.bin"'],
    ['not listed', { metadata: {} }, 'checkpoint/corrupt', 'weight_map'],
  ])('%s are refused', async (_, content, code, message) => {
    shard('a.safetensors', { x: tensor(1) }, [1]);
    index(content);
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow(message);
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow(expect.objectContaining({ code }));
  });

  it('without an index are refused', async () => {
    shard('a.safetensors', { x: tensor(1) }, [1]);
    shard('b.safetensors', { y: tensor(1) }, [1]);
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow('holds a.safetensors, b.safetensors and no');
  });
});

describe('GGUF shards', () => {
  const write = (number: number, count: number, name: string, claimed = count) => {
    const bytes = new GgufWriter()
      .head(1, 2)
      .text('split.no')
      .u32(4)
      .u32(number)
      .text('split.count')
      .u32(4)
      .u32(claimed)
      .tensor(name, [2], 24, 0)
      .data(2)
      .bytes();
    writeFileSync(at(`m-0000${number + 1}-of-0000${count}.gguf`), bytes);
  };

  it('are opened together, from the folder or from any of them', async () => {
    write(0, 2, 'x');
    write(1, 2, 'y');
    for (const location of [scratch.folder, at('m-00001-of-00002.gguf'), at('m-00002-of-00002.gguf')]) {
      const opened = await openCheckpoint(location);
      expect([...opened.tensors.keys()]).toEqual(['x', 'y']);
      await opened.close();
    }
  });

  it('that are missing, too many or in disorder are refused', async () => {
    write(0, 3, 'x');
    write(2, 3, 'y');
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow('number 2 of 3 is missing');
    write(1, 3, 'x');
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow('tensor "x" is in an earlier one too');
    write(1, 3, 'z', 4);
    await expect(openCheckpoint(scratch.folder)).rejects.toThrow('there are 4 and its name stands for 3');
    write(0, 2, 'x');
    copyFileSync(at('m-00001-of-00002.gguf'), at('m-00002-of-00002.gguf'));
    await expect(openCheckpoint(at('m-00002-of-00002.gguf'))).rejects.toThrow(
      'number 0 of them instead of 1',
    );
  });
});

describe('what is no checkpoint is refused', () => {
  it.each([
    ['nothing there', 'none', 'nothing is there'],
    ['another ending', 'model.bin', 'the ending of its name'],
    ['an empty folder', '', 'the folder holds none'],
  ])('%s', async (_, name, message) => {
    writeFileSync(at('model.bin'), 'x');
    await expect(openCheckpoint(at(name))).rejects.toThrow(message);
  });
});

it('a file of many gigabytes is read in pieces, and refused when it shrinks', async () => {
  // Nearly all of it is a hole, which takes no room.
  const dataBytes = 6 * 2 ** 30 + 5;
  const head = safetensorsBytes({ x: tensor(dataBytes) }, []);
  const file = openSync(at('model.safetensors'), 'w');
  writeSync(file, head);
  ftruncateSync(file, head.length + dataBytes);
  writeSync(file, Uint8Array.of(7, 8), 0, 2, head.length + dataBytes - 2);
  closeSync(file);
  const before = process.memoryUsage().arrayBuffers;
  const opened = await openCheckpoint(scratch.folder);
  const x = opened.tensors.get('x');
  expect([...((await x?.read(dataBytes - 3)) ?? [])]).toEqual([0, 7, 8]);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(1 << 20);

  const sizes: number[] = [];
  const view = { bytes: 25, read: (start = 0, length = 0) => x?.read(dataBytes - 25 + start, length) };
  for await (const piece of piecesOf(view as NonNullable<typeof x>, 10)) sizes.push(piece.length);
  expect(sizes).toEqual([10, 10, 5]);

  const shorter = openSync(at('model.safetensors'), 'r+');
  ftruncateSync(shorter, head.length + 10);
  closeSync(shorter);
  await expect(x?.read(8, 4)).rejects.toThrow(expect.objectContaining({ code: 'checkpoint/truncated' }));
  await opened.close();
  rmSync(at('model.safetensors'));
});
