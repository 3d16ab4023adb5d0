// The exact command lines of Apple's compiler, what becomes of its messages, and what is taken from the cache.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { compileMetal, findXcrunToolchain, type XcrunOptions } from '../../generator/compile/xcrun.js';
import type { MslSource } from '../../generator/compile/types.js';
import { makeStandIn, metallibOf, type Behaviour, type Call, type StandIn } from './xcrun-stand-in.js';

const METALLIB = metallibOf([
  { name: 'moe_combine_bf16', type: 2 },
  { name: 'a_vertex_function', type: 0 },
  { name: 'moe_combine_f16', type: 2 },
]).toString('base64');

let folder: string;
let cacheDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moegen-xcrun-'));
  cacheDir = join(folder, 'cache');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function mac(behaviour: Behaviour = {}): StandIn {
  return makeStandIn(join(folder, 'bin'), ['xcrun', 'xcodebuild'], { metallib: METALLIB, ...behaviour });
}

async function compile(machine: StandIn, source: MslSource, options: Partial<XcrunOptions> = {}) {
  const toolchain = await findXcrunToolchain(machine.env);
  if ('missing' in toolchain) throw new Error(toolchain.missing);
  return compileMetal(toolchain, source, { cacheDir, ...options });
}

/** Calls after the two that find the compiler. Temporary folders have random names: TMP stands for them. */
function commandLines(machine: StandIn): string[][] {
  return machine
    .calls()
    .filter(({ args }) => !args.includes('--version') && !args.includes('-f'))
    .map(({ args }) => args.map((arg) => arg.replace(/.*\/metal-[^/]+\//, 'TMP/')));
}

function compilerCalls(machine: StandIn): Call[] {
  return machine.calls().filter(({ args }) => args.includes('-c'));
}

function write(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const STRICT = ['-fno-fast-math', '-Wall', '-Wextra', '-Werror'];

describe('command lines', () => {
  it('compiles a file to AIR and links it', async () => {
    const machine = mac();
    const path = write('combine.metal', 'kernel void moe_combine_bf16() {}\n');
    const outcome = await compile(machine, { path });
    expect(commandLines(machine)).toEqual([
      [
        '-sdk',
        'macosx',
        'metal',
        '-x',
        'metal',
        '-std=metal3.2',
        ...STRICT,
        '-c',
        path,
        '-o',
        'TMP/combine.air',
      ],
      ['-sdk', 'macosx', 'metallib', 'TMP/combine.air', '-o', 'TMP/combine.metallib'],
    ]);
    expect(outcome).toMatchObject({
      ok: true,
      kernels: ['moe_combine_bf16', 'moe_combine_f16'],
      diagnostics: [],
    });
    expect(readFileSync(outcome.library?.path ?? '').toString('base64')).toBe(METALLIB);
    expect(readdirSync(join(cacheDir, 'xcrun'))).toHaveLength(1);
  });

  it('passes definitions, include folders and the language version', async () => {
    const machine = mac();
    const path = write('a.metal', '// language: metal3.0\n');
    const includeDirs = [join(folder, 'one'), join(folder, 'two')];
    await compile(machine, { path }, { defines: { TILE: '32', FAST: '' }, includeDirs, mslVersion: '4.0' });
    expect(commandLines(machine)[0]?.slice(3, -2)).toEqual([
      ...['-x', 'metal', '-std=metal4.0', ...STRICT, '-DTILE=32', '-DFAST'],
      ...['-I', includeDirs[0], '-I', includeDirs[1], '-c', path],
    ]);
  });

  it.each([['3.0'], ['3.1'], ['3.2'], ['4.0']])('reads metal%s from the source', async (version) => {
    const machine = mac();
    await compile(machine, {
      path: write('a.metal', `// language: metal${version}\n`),
    });
    expect(commandLines(machine)[0]).toContain(`-std=metal${version}`);
  });

  it('compiles a text under the name that it pretends to have', async () => {
    const machine = mac();
    const path = join(folder, 'kernels', 'text.metal');
    await compile(machine, { path, text: 'kernel void k() {}\n' });
    expect(commandLines(machine)[0]?.slice(3)).toEqual([
      ...['-x', 'metal', '-std=metal3.2', ...STRICT],
      ...['-iquote', join(folder, 'kernels'), '-c', 'TMP/text.metal', '-o', 'TMP/text.air'],
    ]);
    expect(compilerCalls(machine)[0]?.input).toBe(`#line 1 "${path}"\nkernel void k() {}\n`);
  });

  it('runs both tools with the TOOLCHAINS that the compiler was found with', async () => {
    const machine = mac({ missing: 'missing Metal Toolchain', toolchain: 'Metal' });
    await compile(machine, { path: write('a.metal', '') });
    expect(machine.calls().slice(-2)).toMatchObject([{ toolchains: 'Metal' }, { toolchains: 'Metal' }]);
  });

  it('calls metal.exe on Windows', async () => {
    const machine = makeStandIn(join(folder, 'bin'), ['metal.exe', 'metallib.exe'], { metallib: METALLIB });
    const path = write('a.metal', '');
    await compile(machine, { path });
    expect(commandLines(machine)).toEqual([
      ['-x', 'metal', '-std=metal3.2', ...STRICT, '-c', path, '-o', 'TMP/a.air'],
      ['TMP/a.air', '-o', 'TMP/a.metallib'],
    ]);
  });
});

describe('results', () => {
  it('leaves a copy in the output folder', async () => {
    const outDir = join(folder, 'out', 'deep');
    const outcome = await compile(mac(), { path: write('combine.metal', '') }, { outDir });
    expect(outcome.library?.path).toBe(join(outDir, 'combine.metallib'));
    expect(readdirSync(outDir)).toEqual(['combine.metallib']);
  });

  it('names the kernels of the source where the metallib is laid out differently', async () => {
    const machine = mac({ metallib: Buffer.from('MTLB, but not as it used to be').toString('base64') });
    const outcome = await compile(machine, { path: write('a.metal', 'kernel void only() {}\n') });
    expect(outcome).toMatchObject({ ok: true, kernels: ['only'] });
  });

  it('turns messages into diagnostics, with the notes around them', async () => {
    const errors = [
      'In file included from /k/a.metal:3:',
      "./tile.h:7:12: error: use of undeclared identifier 'acc'",
      '    return acc;',
      '           ^',
      "/k/a.metal:12:5: warning: unused variable 'n' [-Wunused-variable]",
      "/k/a.metal:14:9: fatal error: 'lost.h' file not found",
      "/k/a.metal:2:19: note: expanded from macro 'LOAD'",
      '3 errors generated.',
      '',
    ].join('\n');
    const text = [
      '// kernel void commented_out() {}',
      'kernel void first(device float* x [[buffer(0)]]) {}',
      '[[kernel]] void second() {}',
      'template <typename T> kernel void generic() {}',
      'template [[host_name("generic_half")]] kernel void generic<half>();',
    ].join('\n');
    const outcome = await compile(mac({ errors }), { path: '/k/a.metal', text });
    expect(outcome).toEqual({
      ok: false,
      kernels: ['first', 'second', 'generic_half'],
      diagnostics: [
        { file: '/k/a.metal', line: 3, column: 1, severity: 'note', message: 'included from here' },
        {
          file: './tile.h',
          line: 7,
          column: 12,
          severity: 'error',
          message: "use of undeclared identifier 'acc'",
        },
        {
          file: '/k/a.metal',
          line: 12,
          column: 5,
          severity: 'warning',
          message: "unused variable 'n' [-Wunused-variable]",
        },
        { file: '/k/a.metal', line: 14, column: 9, severity: 'error', message: "'lost.h' file not found" },
        { file: '/k/a.metal', line: 2, column: 19, severity: 'note', message: "expanded from macro 'LOAD'" },
      ],
    });
    expect(readdirSync(join(cacheDir, 'xcrun'))).toEqual([]);
  });

  it.each([
    ["error: invalid value 'metal4.0' in '-std=metal4.0'\n", "invalid value 'metal4.0' in '-std=metal4.0'"],
    ["metal: error: no such file or directory: 'x'\n", "no such file or directory: 'x'"],
    ['LLVM ERROR: Invalid bitcode file!\n', 'LLVM ERROR: Invalid bitcode file!'],
    ['something else\n', 'something else'],
    ['', 'the Metal compiler failed without a message'],
  ])('keeps messages without a place: %j', async (errors, message) => {
    const outcome = await compile(mac({ errors }), { path: '/k/a.metal', text: '' });
    expect(outcome.diagnostics).toEqual([
      { file: '/k/a.metal', line: 0, column: 0, severity: 'error', message },
    ]);
  });

  it('reports what the linker says', async () => {
    const machine = mac({ linkErrors: 'air-lld: error: duplicate symbol: k\n' });
    const outcome = await compile(machine, { path: '/k/a.metal', text: '' });
    expect(outcome).toMatchObject({ ok: false, diagnostics: [{ message: 'duplicate symbol: k' }] });
  });

  it('refuses a source that cannot be read', async () => {
    const path = join(folder, 'none.metal');
    await expect(compile(mac(), { path })).rejects.toMatchObject({
      code: 'compile/unreadable-source',
      where: path,
    });
  });
});

describe('the cache', () => {
  it('compiles once what has not changed, and again what has', async () => {
    const machine = mac();
    mkdirSync(join(folder, 'inc'));
    const path = write('a.metal', '#include "near.h"\n#include <far.h>\n#include <metal_stdlib>\n');
    write('near.h', '#import "deep.h"\n');
    write('deep.h', '1');
    write('inc/far.h', '1');
    const options = { includeDirs: [join(folder, 'inc')] };
    const changes: [string, () => unknown, number][] = [
      ['first time', () => undefined, 1],
      ['nothing', () => undefined, 1],
      ['a quoted include of an include', () => write('deep.h', '2'), 2],
      ['an include of a folder', () => write('inc/far.h', '2'), 3],
      ['something else beside it', () => write('other.h', '2'), 3],
      ['back again', () => write('inc/far.h', '1'), 3],
    ];
    for (const [what, change, calls] of changes) {
      change();
      await compile(machine, { path }, options);
      expect([what, compilerCalls(machine).length]).toEqual([what, calls]);
    }
    await compile(machine, { path }, { ...options, defines: { A: '1' } });
    expect(compilerCalls(machine)).toHaveLength(4);
  });

  it('never trusts it where a macro names an included file', async () => {
    const machine = mac();
    const path = write('a.metal', '#define FILE "a.h"\n#include FILE\n');
    await compile(machine, { path });
    await compile(machine, { path });
    expect(compilerCalls(machine)).toHaveLength(2);
  });

  it('serves many sources at once', async () => {
    const machine = mac();
    const sources = Array.from({ length: 8 }, (_, i) => ({ path: `/k/${i}.metal`, text: `// ${i}\n` }));
    const outcomes = await Promise.all(sources.map((source) => compile(machine, source)));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    expect(new Set(outcomes.map(({ library }) => library?.path)).size).toBe(8);
  });
});
