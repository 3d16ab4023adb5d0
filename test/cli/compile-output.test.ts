// `moegen compile -o`: what is left where, and what is refused.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { listFiles } from '../../generator/output/files.js';
import { makeStandIn, metallibOf } from '../compile/xcrun-stand-in.js';
import { freshFolder, put } from '../support/output-folder.js';
import { json, moegen, moegenIn } from './moegen.js';

const GOOD = '#include <metal_stdlib>\nkernel void f(device float* a [[buffer(0)]]) { a[0] = 1; }\n';
const BAD = GOOD.replace('= 1', '= b');
const SHARED = process.platform === 'darwin' ? 'dylib' : 'so';

function sources(): string {
  const cwd = freshFolder();
  put(cwd, 'a.metal', GOOD);
  put(cwd, 'b.metal', GOOD.replace('= 1', '= 2'));
  put(cwd, 'bad.metal', BAD);
  put(cwd, 'other/a.metal', GOOD);
  return cwd;
}

const made = (cwd: string) => listFiles(cwd).filter((file) => !file.endsWith('.metal'));

describe('moegen compile -o', () => {
  it('leaves PTX under a name that says so', async () => {
    const cwd = sources();
    const outcome = await moegen(cwd, 'compile', 'a.metal', '-o', 'out/a.ptx');
    expect(outcome).toMatchObject({ code: 0, err: '' });
    expect(outcome.out).toMatch(/^out\/a\.ptx\n1 of 1 files compile .* for ptx/);
    expect(made(cwd)).toEqual(['out/a.ptx']);
    expect(readFileSync(path.join(cwd, 'out/a.ptx'), 'utf8')).toContain('.visible .entry f(');
  });

  it('leaves libraries of the host in a folder, and none of what does not compile', async () => {
    const cwd = sources();
    const files = ['a.metal', 'b.metal', 'bad.metal'];
    const outcome = await moegen(cwd, 'compile', ...files, '--target', 'host', '-o', 'out', '--json');
    expect(outcome.code).toBe(1);
    expect(json(outcome)).toMatchObject({
      files: [
        { path: 'a.metal', ok: true, output: `out/a.${SHARED}` },
        { path: 'b.metal', ok: true, output: `out/b.${SHARED}` },
        { path: 'bad.metal', ok: false },
      ],
    });
    expect(made(cwd)).toEqual([`out/a.${SHARED}`, `out/b.${SHARED}`]);
  });

  it("leaves the metallib of Apple's compiler", async () => {
    const cwd = sources();
    const metallib = metallibOf([{ name: 'f', type: 2 }]);
    const behaviour = { metallib: metallib.toString('base64') };
    const { env } = makeStandIn(path.join(cwd, 'bin'), ['xcrun'], behaviour);
    const cached = { ...env, MOEGEN_CACHE: path.join(cwd, 'cache') };
    const outcome = await moegenIn(cached, cwd, 'compile', 'a.metal', '-o', 'kernels.metallib');
    expect(outcome).toMatchObject({ code: 0, err: '' });
    expect(readFileSync(path.join(cwd, 'kernels.metallib'))).toEqual(metallib);
  });

  it('keeps the places that kernels have in the output folder', async () => {
    const cwd = freshFolder();
    await moegen(cwd, '--kernel', 'moe_combine_*', '--no-compile', '--dtype', 'f32');
    expect((await moegen(cwd, 'compile', '--target', 'ptx', '-o', 'ptx')).code).toBe(0);
    expect(listFiles(path.join(cwd, 'ptx'))).toEqual(['f32/moe_combine_f32.ptx']);
  });

  it.each([
    [['a.metal', '-o', 'a.metallib'], 'cli/no-xcrun', /install Xcode/],
    [['a.metal', '--target', 'host', '-o', 'a.metallib'], 'cli/wrong-ending', /--target metal/],
    [['a.metal', 'b.metal', '-o', 'both.ptx'], 'cli/one-output', /for 2 files/],
    [['a.metal', 'other/a.metal', '--target', 'ptx', '-o', 'out'], 'cli/same-output', /other\/a\.metal/],
    [['a.metal', '--target', 'ptx', '-o', 'a.metal'], 'cli/unwritable', /a\.metal/],
    [['a.metal', '-o', ''], 'cli/empty-value', /-o/],
    [['a.metal', '--target', 'ptx', '-o', 'a.metal/x.ptx'], 'cli/unwritable', /a\.metal\/x\.ptx/],
  ])('refuses %j', async (argv, code, text) => {
    const cwd = sources();
    const outcome = await moegen(cwd, 'compile', ...argv);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain(`error[${code}]`);
    expect(outcome.err).toMatch(text);
    expect(made(cwd)).toEqual([]);
    expect(existsSync(path.join(cwd, 'a.metal'))).toBe(true);
  });
});
