// `moegen test`: the examples of the documentation pass, and what is wrong is said and ends with 1.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

import { json, moegen } from './moegen.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-test-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
cpSync(resolve('examples'), join(folder, 'examples'), { recursive: true });

/** Where there is no NumPy, tests with references in Python end with an error that says so. */
const hasNumpy = spawnSync('python3', ['-c', 'import numpy']).status === 0;
const NO_PYTHON = /references in Python need NumPy|needs 'python3', which cannot be run/;

const put = (file: string, text: string) => {
  writeFileSync(join(folder, file), text);
};

put(
  'scale.metal',
  `#include <metal_stdlib>
using namespace metal;
kernel void scale(device const float* in, device float* out, uint i [[thread_position_in_grid]]) {
  out[i] = in[i] * 2.0f;
}
kernel void race(device float* out, uint i [[thread_position_in_grid]]) { out[0] = float(i); }
`,
);

const SCALE = {
  source: 'scale.metal',
  kernel: 'scale',
  buffers: {
    0: { name: 'in', dtype: 'f32', values: [1, 2, 3, 4, 5, 6] },
    1: { name: 'out', dtype: 'f32', shape: [3, 2] },
  },
  threads: 6,
  threads_per_threadgroup: 4,
};
const RIGHT = { values: [2, 4, 6, 8, 10, 12], exact: true };

function testFile(name: string, ...tests: object[]): string {
  put(`${name}.metal.json`, JSON.stringify({ ...SCALE, tests }));
  return `${name}.metal.json`;
}

describe('the examples', () => {
  it('pass, each test by its name', async () => {
    const outcome = await moegen(folder, 'test', 'examples', '--json', '--junit', 'examples.xml');
    expect(outcome.err).toBe('');
    const numbers = (compared: number) => [{ compared, differing: 0 }];
    expect(json(outcome)).toMatchObject({
      ok: hasNumpy,
      device: 'host',
      tests: [
        { name: 'half, five rows of eleven', ok: true, outputs: numbers(55) },
        { name: 'five rows of 64 terms, two vectors', ok: hasNumpy, outputs: hasNumpy ? numbers(10) : [] },
        { name: 'rms_norm: float32 with weight', ok: true, outputs: numbers(210) },
        { name: 'rms_norm: bfloat16 without weight', ok: true, outputs: numbers(99) },
      ],
    });
    expect(outcome.code).toBe(hasNumpy ? 0 : 1);
    expect(readFileSync(join(folder, 'examples.xml'), 'utf8')).toMatch(
      /^<\?xml version="1.0" encoding="UTF-8"\?>\n<testsuites tests="4" failures="0" errors="[01]" time="[\d.]+">\n {2}<testsuite name="examples\/masked_softmax.metal.json" tests="1"/,
    );
  });

  it.each([
    ['rms_norm', 'value * value', 'value * 1.01f * value', '210 of 210 numbers of out differ'],
    ['mul_mv_blocks', 'codes >> 4', 'codes >> 5', hasNumpy ? '10 of 10 numbers of result differ' : NO_PYTHON],
    ['masked_softmax', '- own.largest', '- own.largest + 0.002f', 'numbers of output differ'],
  ])('%s fails where %s is %s', async (name, before, after, message) => {
    const file = join(folder, 'examples', `${name}.metal`);
    const text = readFileSync(file, 'utf8');
    expect(text).toContain(before);
    writeFileSync(file, text.replace(before, after));
    const { code, out } = await moegen(folder, 'test', `examples/${name}.metal.json`);
    expect(out).toMatch(message);
    expect(code).toBe(1);
    writeFileSync(file, text);
  });
});

describe('a test that fails', () => {
  it('says what differs, what the checks found, and what could not run', async () => {
    const file = testFile(
      'many',
      { name: 'right', expect: { 1: RIGHT } },
      { name: 'wrong', expect: { 1: { values: [2, 4, 6, 9, 10, 'nan'], absolute: 0.5 } } },
      {
        name: 'races <&>',
        kernel: 'race',
        buffers: { 0: { dtype: 'f32', shape: [1] } },
      },
      { name: 'unknown', kernel: 'scales' },
      { name: 'short', expect: { 1: { values: [1] } } },
    );
    const { code, out, err } = await moegen(folder, 'test', file, '--junit', 'many.xml', '--jobs', '1');
    expect(err).toBe('');
    expect(code).toBe(1);
    expect(out).toContain('ok     many.metal.json: many: right');
    expect(out).toContain(
      `    2 of 6 numbers of out differ
      first out[1, 1]: got 8, expected 9, off by 1.00; allowed: 0.500
      worst out[2, 1]: got 12, expected NaN; allowed: nothing\n`,
    );
    expect(out).toMatch(/races: .*scale\.metal:6\)\n/);
    expect(out).toContain("    error[native/unknown-kernel]: the library has no kernel 'scales'");
    expect(out).toContain('buffer 1 has 24 bytes, but 4 bytes are expected of it');
    expect(out).toContain('1 of 5 tests pass on ');
    const xml = readFileSync(join(folder, 'many.xml'), 'utf8');
    expect(xml).toContain('<testsuite name="many.metal.json" tests="5" failures="2" errors="2"');
    expect(xml).toContain('name="many: races &lt;&amp;&gt;"');
    expect(xml).toContain('<failure message="2 of 6 numbers of out differ">');
  });

  it('can be the only one that runs', async () => {
    const file = testFile('two', { name: 'first', expect: { 1: RIGHT } }, { name: 'second', kernel: 'no' });
    expect((await moegen(folder, 'test', file, '--filter', 'first')).code).toBe(0);
    expect((await moegen(folder, 'test', file, '--filter', '*second')).code).toBe(1);
    const none = await moegen(folder, 'test', file, '--filter', 'third');
    expect(none).toMatchObject({ code: 2, out: '' });
    expect(none.err).toContain("error[test/no-tests]: no test is called like 'third'");
  });
});

describe('a reference', () => {
  it('may be Python, JavaScript or TypeScript', async () => {
    put('ref.py', 'def twice(**buffers):\n    return {"out": buffers["in"] * 2}\n');
    put(
      'ref.mjs',
      'export const twice = ({ in: given }) => [...given].map((each) => each * 2);\nexport const hangs = () => { for (;;); };\nexport const short = () => [1];\n',
    );
    // Node before 22.18 takes the compiler from where the reference lies.
    const build = resolve('build');
    mkdirSync(build, { recursive: true });
    const inside = mkdtempSync(join(build, 'references-'));
    writeFileSync(
      join(inside, 'ref.ts'),
      'type Given = Record<string, Float32Array>;\nexport function twice({ in: given }: Given): number[] { return [...given!].map((each) => each * 2); }\n',
    );
    const expected = { expect: { 1: { exact: true } } };
    const file = testFile(
      'refs',
      { ...expected, reference: 'ref.py:twice' },
      { ...expected, reference: 'ref.mjs:twice' },
      { ...expected, reference: `${inside}/ref.ts:twice` },
      { ...expected, reference: 'ref.py:thrice' },
      { ...expected, reference: 'ref.mjs:thrice' },
      { ...expected, reference: 'ref.mjs:short' },
      { ...expected, reference: 'ref.rb:twice' },
      { ...expected },
    );
    const { out } = await moegen(folder, 'test', file);
    rmSync(inside, { recursive: true });
    expect(out).toContain(`${hasNumpy ? 3 : 2} of 8 tests pass`);
    expect(out).toMatch(hasNumpy ? "ref.py has no function 'thrice'" : NO_PYTHON);
    expect(out).toContain("ref.mjs exports no function 'thrice'");
    expect(out).toContain("gives 1 numbers for 'out', which has 6");
    expect(out).toContain("expected FILE:FUNCTION, got 'ref.rb:twice'");
    expect(out).toContain('nothing says what buffer 1 should hold');
  });
});

it('the GitHub Action calls it with its inputs', () => {
  const [, script = ''] = /\n {6}run: \|\n((?: {8}.*\n)+)$/.exec(readFileSync('action.yml', 'utf8')) ?? [];
  testFile('action', { name: 'right', expect: { 1: RIGHT } }, { name: 'wrong', kernel: 'no' });
  testFile('second', { name: 'right too', expect: { 1: RIGHT } });
  const act = (FILTER: string) =>
    spawnSync('bash', ['-eo', 'pipefail', '-c', script], {
      cwd: folder,
      encoding: 'utf8',
      env: {
        ...process.env,
        ...{ MOEGEN: resolve('bin/moegen.js'), FILTER, JUNIT: 'action.xml' },
        FILES: 'action.metal.json second.metal.json',
      },
    });
  const some = act('right');
  expect(some.stdout).toContain('2 of 2 tests pass');
  expect(some.status).toBe(0);
  expect(act('')).toMatchObject({ status: 1 });
  expect(readFileSync(join(folder, 'action.xml'), 'utf8')).toContain('tests="3" failures="0" errors="1"');
});

it.each([
  [['gone.metal.json'], 'test/no-such-file'],
  [['bad.metal.json'], 'run/invalid-job'],
  [['empty'], 'test/no-such-file'],
])('%j ends with 2', async (argv, code) => {
  put('bad.metal.json', '{ "kernel": 7 }');
  const outcome = await moegen(folder, 'test', ...argv);
  expect(outcome).toMatchObject({ code: 2, out: '' });
  expect(outcome.err).toContain(`error[${code}]`);
});
