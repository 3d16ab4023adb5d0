import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Io } from '../../generator/cli/io.js';
import { reportError } from '../../generator/cli/report.js';
import { covers, selectPlans } from '../../generator/cli/select.js';
import { MoegenError } from '../../generator/errors.js';
import { buildKernelEntry } from '../../generator/manifest/build.js';
import { listFiles } from '../../generator/output/files.js';
import { ACTIVATION_DTYPES } from '../../generator/description/dtypes.js';
import { WEIGHT_FORMAT_NAMES } from '../../generator/description/weights.js';
import { freshFolder, put } from '../support/output-folder.js';
import { json, moegen, moegenIn } from './moegen.js';

describe('moegen generate', () => {
  it('writes the kernels asked for, says so, and then has nothing to do', async () => {
    const cwd = freshFolder();
    const first = await moegen(cwd, '--dtype', 'bf16', '--kernel', 'moe_combine_*', '--no-compile');
    expect(first).toEqual({
      code: 0,
      out: 'generated: 1 kernels; files: 1 written, 0 unchanged, 0 deleted\n',
      err: '',
    });
    expect(listFiles(cwd)).toEqual(['generated/bf16/moe_combine_bf16.metal', 'generated/manifest.json']);
    const again = await moegen(
      cwd,
      'generate',
      '--dtype',
      'bf16',
      '--kernel',
      'moe_combine_*',
      '--no-compile',
      '--json',
    );
    expect(json(again)).toMatchObject({ written: [], deleted: [], unchanged: 1, compiled: null });
  });

  it('checks: 0 when all is as it should be, 1 with a diff after one changed byte', async () => {
    const cwd = freshFolder();
    const options = ['--kernel', 'moe_combine_*', '--out', 'metal'];
    await moegen(cwd, ...options, '--no-compile');
    expect(await moegen(cwd, ...options, '--check')).toMatchObject({ code: 0, err: '' });
    const file = path.join(cwd, 'metal/f32/moe_combine_f32.metal');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('0.0f', '1.0f'));
    const changed = await moegen(cwd, ...options, '--check');
    expect(changed.code).toBe(1);
    expect(changed.out).toMatch(/^changed {5}f32\/moe_combine_f32\.metal\n[^]*1\.0f[^]*0\.0f/);
    expect(changed.err).toContain('without --check');
    rmSync(file);
    expect(json(await moegen(cwd, ...options, '--check', '--json'))).toMatchObject({
      ok: false,
      missing: ['f32/moe_combine_f32.metal'],
    });
    expect(existsSync(file)).toBe(false);
  });

  it('answers --json --validate with one document', async () => {
    const argv = ['--kernel', 'moe_index_count', '--no-compile', '--validate', '--json'];
    expect(json(await moegenIn(process.env, freshFolder(), ...argv))).toMatchObject({
      written: ['common/moe_index_count.metal'],
      validated: { kernels: [{ kernel: 'moe_index_count', ok: true }] },
    });
  });

  it('declares bfloat on request, in MSL 3.1', async () => {
    const cwd = freshFolder();
    await moegen(cwd, '--kernel', 'moe_combine_bf16', '--bf16-storage', 'bfloat', '--no-compile');
    const text = readFileSync(path.join(cwd, 'generated/bf16/moe_combine_bf16.metal'), 'utf8');
    expect(text).toMatch(/^\/\/ language: metal3\.1\n/);
    expect(text).toContain('device bfloat* output');
  });

  it.each([
    [['--dtype', 'bf61'], 'cli/unknown-value', /did you mean 'bf16'\?/],
    [['--dtype', 'f16,,f32'], 'cli/unknown-value', /expected one of f16, bf16, f32, all/],
    [
      ['--weights', 'mxfp3'],
      'cli/unknown-value',
      /did you mean 'mxfp4' or 'mxfp8'\? `moegen list --formats`/,
    ],
    [['--weights', 'exl2'], 'cli/unknown-value', /expected one of \d+ names, got .*\n.*\n.*the nearest are/],
    [['--weights', 'Q4_K_M'], 'cli/unknown-value', /did you mean 'q4_K'\?/],
    [
      ['--kernel', 'moe_decode_gate_up_silu_bf16_bf16'],
      'cli/no-such-kernel',
      /'moe_decode_gate_up_swiglu_bf16_bf16'/,
    ],
    [['--kernel', 'moe_combine_bf61'], 'cli/no-such-kernel', /did you mean 'moe_combine_bf16'\?/],
    [['--bf16-storage', 'bfloat16'], 'cli/unknown-value', /did you mean 'bfloat'\?/],
    [['--bf16-storage', 'bfloat', '--msl', '3.0'], 'cli/bfloat-version', /use --msl 3\.1/],
    [['--msl', '2.4'], 'cli/unknown-value', /3\.0, 3\.1, 3\.2, 4\.0/],
    [['--dtpe', 'bf16'], 'cli/usage', /did you mean '--dtype'\?/],
    [['genrate'], 'cli/unknown-command', /did you mean 'generate'\?/],
    [['generate', 'bf16'], 'cli/usage', /too many arguments/],
    [['--out'], 'cli/usage', /argument missing/],
  ])('refuses %j with 2 and writes nothing', async (argv, code, text) => {
    const cwd = freshFolder();
    const outcome = await moegen(cwd, ...argv);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(new RegExp(`^error\\[${code}\\]: .+\\n  --> .+\\n  help: .+\\n$`));
    expect(outcome.err).toMatch(text);
    expect(listFiles(cwd)).toEqual([]);
  });
});

describe('moegen list and explain', () => {
  it('names kernels, filtered', async () => {
    const { out } = await moegen(freshFolder(), 'list', 'moe_combine_*');
    expect(out).toMatch(/^moe_combine_bf16 {2}\S.*\nmoe_combine_f16 .*\nmoe_combine_f32 .*\n\n3 kernels\n$/);
  });

  it('gives all that a host needs as JSON', async () => {
    const { kernels } = json(await moegen(freshFolder(), 'list', '--json', '--dtype', 'f32')) as {
      kernels: object[];
    };
    expect(kernels.length).toBeGreaterThan(5);
    expect(kernels[0]).toMatchObject({
      name: expect.any(String) as string,
      bindings: expect.any(Array) as unknown[],
    });
    expect(kernels[0]).not.toHaveProperty('terms');
  });

  it('explains one kernel', async () => {
    const { code, out } = await moegen(freshFolder(), 'explain', 'moe_combine_bf16');
    expect(code).toBe(0);
    for (const word of [
      'threadgroups',
      'ceil_div(hidden_size, 256)',
      'topk_weights',
      'function constants',
      'write',
    ]) {
      expect(out).toContain(word);
    }
  });

  it('explains a kernel for a format beyond the general ones', async () => {
    const { code, out } = await moegen(freshFolder(), 'explain', 'moe_decode_down_bf16_q4_K', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ name: 'moe_decode_down_bf16_q4_K' });
  });

  it('lists weight formats with aliases and planes', async () => {
    const { formats } = json(await moegen(freshFolder(), 'list', '--formats', 'fp8', '--json')) as {
      formats: object[];
    };
    expect(formats).toEqual([
      expect.objectContaining({
        name: 'fp8_128x128_f32',
        aliases: ['fp8'],
        planes: ['weight: u8 for each term', 'scales: f32 for each 128 terms of 128 rows'],
      }),
    ]);
    const all = await moegen(freshFolder(), 'list', '--formats');
    expect(all.out).toContain(`\n\n${WEIGHT_FORMAT_NAMES.length} formats\n`);
    const none = await moegen(freshFolder(), 'list', '--formats', 'exl2');
    expect(none).toMatchObject({ code: 2, out: '' });
  });

  it('names the nearest kernel', async () => {
    const { code, err } = await moegen(freshFolder(), 'explain', 'moe_combine');
    expect(code).toBe(2);
    expect(err).toMatch(/did you mean 'moe_combine_f16' or 'moe_combine_f32' or/);
  });
});

const METAL = `#include <metal_stdlib>
#ifdef SCALED
#include "scale.h"
#endif
using namespace metal;
kernel void twice(device float* values [[buffer(0)]], uint i [[thread_position_in_grid]]) {
  values[i] = FACTOR * values[i];
}
`;

describe('moegen compile', () => {
  const sources = () => {
    const cwd = freshFolder();
    put(cwd, 'twice.metal', METAL);
    put(cwd, 'include/scale.h', '#define FACTOR 2.0f\n');
    return cwd;
  };

  it('takes definitions and include folders, and names the kernels', async () => {
    const compile = (...options: string[]) =>
      moegen(sources(), 'compile', 'twice.metal', '--target', 'host', '--json', ...options);
    const values = { index: 0, name: 'values', access: 'read_write', element: { type: 'float', size: 4 } };
    const kernel = {
      ...{ name: 'twice', ok: true, diagnostics: [], buffers: [values] },
      ...{ threadgroup_arguments: [], constants: [] },
    };
    const file = { path: 'twice.metal', ok: true, kernels: [kernel], diagnostics: [] };
    expect(json(await compile('-D', 'FACTOR=2.0f'))).toMatchObject({ files: [file] });
    expect(json(await compile('-DSCALED', '-I', 'include'))).toMatchObject({ files: [file] });
  });

  it('ends with 1 and the place of each fault', async () => {
    const bad = await moegen(sources(), 'compile', 'twice.metal', '--target', 'host', '--json');
    expect(bad.code).toBe(1);
    expect(json(bad)).toMatchObject({
      files: [
        {
          path: 'twice.metal',
          ok: false,
          diagnostics: [{ file: 'twice.metal', line: 7, severity: 'error' }],
        },
      ],
    });
    const text = await moegen(sources(), 'compile', 'twice.metal', '--target', 'host');
    expect(text.out).toMatch(
      /^twice\.metal:7:15: error: .*FACTOR.*\ntwice\.metal: does not compile\n0 of 1 files/,
    );
  });

  it('says that no Mac was there, and how to get its compiler', async () => {
    const outcome = await moegen(sources(), 'compile', 'twice.metal', '--target', 'metal');
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toMatch(/^error\[cli\/no-xcrun\]: [^]*MetalToolchain/);
  });

  it.each([
    [['compile', 'gone.metal'], 'cli/no-such-file'],
    [['compile', 'twice.metal/inner.metal'], 'cli/no-such-file'],
    [['compile'], 'cli/no-files'],
    [['compile', 'twice.metal', '-D', '1X=2'], 'cli/bad-definition'],
    [['compile', 'twice.metal', '--target', 'hots'], 'cli/unknown-value'],
    [['compile', 'twice.metal', '--target', 'host', '--subnormals', 'keep'], 'cli/no-ptx'],
    [['run', 'gone.json'], 'run/unreadable'],
    [['validate', '--device', 'cuda', 'moe_combine_f32'], 'cli/no-cuda-device'],
    [['validate', '--seed', '-1'], 'cli/not-a-number'],
    [['validate', '--checks', 'bound'], 'cli/unknown-value'],
  ])('%j ends with 2', async (argv, code) => {
    const outcome = await moegen(sources(), ...argv);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain(`error[${code}]`);
  });

  it('follows generate, for what was written', async () => {
    const { code, out } = await moegen(freshFolder(), '--kernel', 'moe_combine_bf16');
    expect(code).toBe(0);
    expect(out).toMatch(/1 of 1 files compile \(1 kernels\) with .* for host; not compiled with xcrun\n$/);
  });
});

describe('moegen doctor', () => {
  it('says what is here, and how to get what is not', async () => {
    const { findings } = json(await moegen(freshFolder(), 'doctor', '--json')) as {
      findings: { name: string; found: boolean; help?: string }[];
    };
    expect(findings.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Node.js', 'clang', 'xcrun metal', 'CUDA driver', 'native engine', 'cache']),
    );
    expect(findings.filter(({ found, help }) => !found && help === undefined)).toEqual([]);
  });
});

describe('the program', () => {
  it.each([['--help'], ['generate', '--help'], ['--version'], ['help', 'compile']])(
    'answers %j %j on stdout with 0',
    async (...argv) => {
      const outcome = await moegen(freshFolder(), ...argv);
      expect(outcome).toMatchObject({ code: 0, err: '' });
      expect(outcome.out).not.toBe('');
    },
  );

  it('reports a bug with 70 and a stack', () => {
    let err = '';
    const io: Io = {
      out: () => undefined,
      err: (text) => (err += text),
      isTerminal: false,
      env: {},
      cwd: '.',
    };
    expect(reportError(new TypeError('oops'), io)).toBe(70);
    expect(err).toMatch(/^internal error: this is a bug in moegen\nTypeError: oops\n {4}at /);
  });

  it('prints the log of a tool, cut short, and colours for people only', () => {
    let err = '';
    const io: Io = {
      out: () => undefined,
      err: (text) => (err += text),
      isTerminal: false,
      env: {},
      cwd: '.',
    };
    const log = Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n');
    expect(reportError(new MoegenError('a/b', 'no', { kind: 'answer', log }), io)).toBe(1);
    expect(err).toContain('  | line 39\n  | ... 60 more lines\n');
    expect(err).not.toContain('\u001b');
  });

  it('runs from a built tree, with results and errors on their own streams', () => {
    const bin = path.resolve(import.meta.dirname, '../../bin/moegen.js');
    if (!existsSync(path.resolve(import.meta.dirname, '../../dist/cli/main.js'))) {
      const outcome = spawnSync(process.execPath, [bin], { encoding: 'utf8' });
      expect(outcome).toMatchObject({ status: 2, stdout: '' });
      expect(outcome.stderr).toContain('npm run build');
      return;
    }
    expect(execFileSync(process.execPath, [bin, 'list', 'moe_combine_f32'], { encoding: 'utf8' })).toContain(
      '1 kernels',
    );
    const wrong = spawnSync(process.execPath, [bin, '--dtype', 'x'], {
      encoding: 'utf8',
      cwd: freshFolder(),
    });
    expect(wrong).toMatchObject({ status: 2, stdout: '' });
    expect(wrong.stderr).toContain('error[cli/unknown-value]');
  });
});

describe('a part of what is committed', () => {
  it.each(ACTIVATION_DTYPES)('leaves the rest of it alone: --dtype %s', (dtype) => {
    const all = selectPlans({ dtype: ACTIVATION_DTYPES, weights: WEIGHT_FORMAT_NAMES, kernel: '*' });
    const selection = { dtype: [dtype], weights: WEIGHT_FORMAT_NAMES, kernel: '*' };
    const planned = new Set(selectPlans(selection).map(({ name }) => name));
    const isCovered = covers(selection);
    const lost = all.filter(
      (plan) =>
        !planned.has(plan.name) &&
        isCovered(buildKernelEntry(plan, {}, { inputs: '', sha256: '', xcrun: '' })),
    );
    expect(lost.map(({ name }) => name)).toEqual([]);
  });
});
