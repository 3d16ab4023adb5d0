// The answer of `moegen plan --json` is all that a host needs: this one evaluates no formula, puts all scratch into one buffer
// at the offsets given, and must get what the reference says.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { blockLayers } from '../../generator/description/models/index.js';
import type { BufferSpec, Dispatch } from '../../generator/native/types.js';
import { fixtureWeights } from '../../generator/reference/fixture.js';
import { syntheticFixture } from '../../generator/validate/synthetic.js';
import { TENSOR_ROLES } from '../../generator/description/block.js';
import { json, moegen } from '../cli/moegen.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';

const CONFIG = {
  model_type: 'qwen2_moe',
  hidden_size: 64,
  moe_intermediate_size: 40,
  shared_expert_intermediate_size: 24,
  num_experts: 6,
  num_experts_per_tok: 3,
  norm_topk_prob: true,
  num_hidden_layers: 1,
  decoder_sparse_step: 1,
  hidden_act: 'silu',
};

interface PlannedDispatch {
  readonly kernel: string;
  readonly file: string;
  readonly constants: readonly { readonly index: number; readonly value: number | boolean }[];
  readonly buffers: readonly { readonly index: number; readonly buffer: number }[];
  readonly values: readonly { readonly index: number; readonly element: string; readonly value: number }[];
  readonly threadgroups: [number, number, number];
  readonly indirect?: number;
  readonly threadsPerThreadgroup: [number, number, number];
}

interface PlannedGroup {
  readonly path: string;
  readonly tile: string;
  readonly scratchBytes: number;
  readonly buffers: readonly {
    readonly name: string;
    readonly use: string;
    readonly bytes: number;
    readonly offset?: number;
    readonly tensor?: { readonly name: string };
  }[];
  readonly dispatches: readonly PlannedDispatch[];
}

const cwd = freshFolder();
put(cwd, 'config.json', JSON.stringify(CONFIG));
const device = hostDevice();
const [{ block } = { block: undefined }] = blockLayers(CONFIG, 'config.json').blocks;

const MODEL = ['--config', 'config.json', '--dtype', 'f32'];
const written = moegen(cwd, ...MODEL, '--out', 'set', '--no-compile');

async function planned(numTokens: number): Promise<PlannedGroup> {
  const answer = json(await moegen(cwd, 'plan', ...MODEL, '--tokens', String(numTokens), '--json'));
  const [group] = answer['groups'] as readonly PlannedGroup[];
  if (group === undefined) throw new Error('the model has no layer');
  return group;
}

/** Inputs and parameters, by the names of the tensors in the checkpoint. */
function contentsOf(numTokens: number) {
  if (block === undefined) throw new Error('the model has no block');
  const fixture = syntheticFixture({ name: 'test', layer: 0, numTokens }, block);
  const weights = fixtureWeights(fixture, block);
  const tensors = TENSOR_ROLES.flatMap((role) => {
    const tensor = block.tensors[role];
    return tensor === undefined ? [] : [[tensor.name, weights.tensor(role)] as const];
  });
  return { fixture, contents: new Map([...tensors, ['hidden_states', fixture.x] as const]) };
}

async function run(group: PlannedGroup, contents: ReadonlyMap<string, ArrayLike<number>>) {
  const buffers: BufferSpec[] = [{ byteLength: Math.max(group.scratchBytes, 1), label: 'scratch' }];
  const places = group.buffers.map(({ name, bytes, offset, tensor }) => {
    if (offset !== undefined) return { buffer: 0, offset };
    const values = contents.get(tensor?.name ?? name);
    const data = values === undefined ? undefined : new Uint8Array(Float32Array.from(values).buffer);
    if (data !== undefined && data.byteLength !== bytes)
      throw new Error(`${name} has ${data.byteLength} bytes`);
    buffers.push({ byteLength: bytes, label: name, ...(data !== undefined && { data }) });
    return { buffer: buffers.length - 1 };
  });
  const placeOf = (position: number) => {
    const place = places[position];
    if (place === undefined) throw new Error(`no buffer ${position}`);
    return place;
  };
  const dispatches = await Promise.all(
    group.dispatches.map(async (planned): Promise<Dispatch> => {
      const file = path.join(cwd, 'set', planned.file);
      const library = await device.load({ source: { path: file, text: readFileSync(file, 'utf8') } });
      const own: Record<number, { buffer: number; offset?: number }> = {};
      for (const { index, buffer } of planned.buffers) own[index] = placeOf(buffer);
      for (const { index, value } of planned.values) {
        buffers.push({ byteLength: 4, data: new Uint8Array(Uint32Array.of(value).buffer) });
        own[index] = { buffer: buffers.length - 1 };
      }
      const { kernel, threadgroups, indirect, threadsPerThreadgroup } = planned;
      return {
        ...{ library, kernel, threadsPerThreadgroup, buffers: own },
        constants: Object.fromEntries(planned.constants.map(({ index, value }) => [index, value])),
        threadgroups: indirect === undefined ? threadgroups : { indirect: placeOf(indirect) },
      };
    }),
  );
  const output = places[group.buffers.findIndex(({ use }) => use === 'output')]?.buffer ?? 0;
  const result = await device.run({ buffers, dispatches, outputs: [output] });
  const bytes = result.outputs[0] ?? new Uint8Array();
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / 4);
}

describe('moegen plan', () => {
  it.each([
    [3, 'decode', 'none'],
    [12, 'skinny', 'none'],
    [40, 'batched', 'low'],
    [70, 'batched', 'wide'],
  ])('of %i tokens runs as it says, on the path %s with tiles %s', async (numTokens, wayPath, tile) => {
    expect(await written).toMatchObject({ code: 0 });
    const group = await planned(numTokens);
    expect([group.path, group.tile]).toEqual([wayPath, tile]);
    const { fixture, contents } = contentsOf(numTokens);
    const output = await run(group, contents);
    expect(output).toHaveLength(fixture.expected.length);
    const largest = Math.max(...fixture.expected.map(Math.abs));
    const error = Math.max(...fixture.expected.map((value, at) => Math.abs(value - (output[at] ?? NaN))));
    expect(error / largest).toBeLessThan(3e-6);
  });

  it('allocates less than its scratch buffers take by themselves', async () => {
    const { buffers, scratchBytes } = await planned(70);
    const scratch = buffers.filter(({ use }) => use === 'scratch');
    expect(scratchBytes).toBeLessThan(scratch.reduce((sum, { bytes }) => sum + bytes, 0));
    for (const { bytes, offset = NaN } of scratch) {
      expect(offset % 256).toBe(0);
      expect(offset + bytes).toBeLessThanOrEqual(scratchBytes);
    }
  });

  it.each([
    [['--tokens', '1500000000'], 'plan/too-many-tokens'],
    [['--tokens', '0'], 'cli/not-a-number'],
    [['--tokens', '1', '--weights', 'f32,bf16'], 'cli/two-formats'],
    [['--tokens', '1', '--dtype', 'f64'], 'cli/unknown-value'],
    [[], 'cli/usage'],
  ])('%j is refused', async (options, code) => {
    const outcome = await moegen(cwd, 'plan', '--config', 'config.json', ...options);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(new RegExp(`^error\\[${code}\\]`));
  });

  it('needs a model', async () => {
    expect((await moegen(cwd, 'plan', '--tokens', '1')).err).toMatch(/^error\[cli\/nothing-to-plan\]/);
  });

  it('shows the same to people', async () => {
    const { code, out } = await moegen(cwd, 'plan', ...MODEL, '--tokens', '70');
    expect(code).toBe(0);
    expect(out).toMatch(/layers 0: batched path, wide tiles, [\d,]+ bytes of scratch/);
    expect(out).toMatch(/moe_gate_up\S+ +before +at most 1 x \d+ x 1 /);
    expect(out).not.toMatch(/ +\n/);
  });
});
