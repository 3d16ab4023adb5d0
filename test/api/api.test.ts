// The functions of the package: what they answer, and that they refuse what the command line refuses.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  check,
  compile,
  generate,
  MoegenError,
  plan,
  readConfig,
  run,
  validate,
} from '../../generator/index.js';
import { freshFolder, put } from '../support/output-folder.js';

const CONFIG = {
  model_type: 'qwen3_moe',
  hidden_size: 64,
  moe_intermediate_size: 40,
  num_experts: 6,
  num_experts_per_tok: 3,
  norm_topk_prob: true,
  num_hidden_layers: 2,
  hidden_act: 'silu',
};

const cwd = freshFolder();
put(cwd, 'config.json', JSON.stringify(CONFIG));
const model = { config: 'config.json' };

describe('the functions of the package', () => {
  it('read a config', () => {
    const { numLayers, blocks } = readConfig('config.json', { cwd });
    expect(numLayers).toBe(2);
    expect(blocks.map(({ block, layers }) => [block.numExperts, block.topK, layers])).toEqual([
      [6, 3, [0, 1]],
    ]);
  });

  it('write a set, and find what differs from it', async () => {
    const options = { ...model, dtype: ['f32'], out: 'set' } as const;
    const written = await generate({ ...options, compile: false }, { cwd });
    expect(written).toMatchObject({ ok: true, out: 'set', deleted: [], compiled: null });
    expect(written.written.length).toBeGreaterThan(10);
    expect(await check(options, { cwd })).toMatchObject({ ok: true, missing: [], changed: [] });
    const [file = ''] = written.written;
    put(cwd, `set/${file}`, `${readFileSync(path.join(cwd, 'set', file), 'utf8')}// more\n`);
    const drift = await check(options, { cwd });
    expect(drift.ok).toBe(false);
    expect(drift.changed.map((changed) => changed.file)).toEqual([file]);
  });

  it('plan the dispatches of a layer', async () => {
    const { groups, numTokens } = await plan({ ...model, tokens: 3, dtype: 'f32' }, { cwd });
    expect(numTokens).toBe(3);
    expect(groups[0]?.path).toBe('decode');
    expect(groups[0]?.dispatches).toHaveLength(5);
  });

  it('compile files, and say where one is wrong', async () => {
    put(
      cwd,
      'k.metal',
      '#include <metal_stdlib>\nkernel void f(device float* a [[buffer(0)]]) { a[0] = b; }\n',
    );
    const { ok, files } = await compile(['k.metal'], { target: 'host' }, { cwd });
    expect(ok).toBe(false);
    expect(files[0]?.diagnostics[0]).toMatchObject({ line: 2 });
  });

  it('run a job, and validate a kernel', async () => {
    put(
      cwd,
      'one.metal',
      '#include <metal_stdlib>\nkernel void f(device float* a [[buffer(0)]]) { a[0] = 1; }\n',
    );
    const buffers = { 0: { dtype: 'f32', shape: [1], fill: 0 } };
    const grid = { threadgroups: [1, 1, 1], threads_per_threadgroup: [1, 1, 1] };
    put(cwd, 'job.json', JSON.stringify({ source: 'one.metal', kernel: 'f', buffers, ...grid, outputs: {} }));
    expect(await run('job.json', {}, { cwd })).toMatchObject({ ok: true, kernel: 'f', reports: [] });
    const verdict = await validate({ glob: 'moe_index_count' }, { cwd });
    expect(verdict).toMatchObject({ ok: true, kernels: [{ kernel: 'moe_index_count', ok: true }] });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a dtype', () => generate({ dtype: ['f64' as 'f32'] }, { cwd }), 'cli/unknown-value'],
    ['an option', () => plan({ ...model, token: 4 } as never, { cwd }), 'cli/usage'],
    ['an empty folder', () => generate({ out: '' }, { cwd }), 'cli/empty-value'],
    ['a number', () => plan({ ...model, tokens: 0.5 }, { cwd }), 'cli/not-a-number'],
  ])('refuse %s that is wrong', async (_, call, code) => {
    const error: unknown = await call().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(MoegenError);
    expect(error).toMatchObject({ code });
  });
});
