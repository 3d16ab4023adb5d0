// `moegen probe`: the script is Swift, carries kernels with inputs and references that agree on the host engine, and asks questions that
// the engine answers as it should.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { ElementType } from '../../generator/description/dtypes.js';
import { RESULTS } from '../../generator/report/results.js';
import { compareValues } from '../../generator/validate/compare.js';
import { decodeElements, encodeElements } from '../../generator/validate/elements.js';
import { json, moegen } from '../cli/moegen.js';
import { hostDevice } from '../support/host-kernels.js';
import { freshFolder, put } from '../support/output-folder.js';
import { swiftErrors } from '../support/swift.js';
import { carriedBy, doublesAt, jobOf, type Carried } from './support.js';

const cwd = freshFolder();
const device = hostDevice();
const GLOB =
  '{moe_combine_*,moe_index_build,moe_router_select_softmax,moe_gate_up_swiglu_bf16_*,moe_down_f16_*}';
let script = '';
let carried: Carried;

beforeAll(async () => {
  const outcome = await moegen(
    cwd,
    'probe',
    GLOB,
    '-o',
    'probe.swift',
    '--weights',
    'f16,bf16,q4_K',
    '--json',
  );
  script = readFileSync(path.join(cwd, 'probe.swift'), 'utf8');
  carried = carriedBy(script);
  const bytes = Buffer.byteLength(script);
  expect(json(outcome)).toEqual({ output: 'probe.swift', kernels: carried.payload.kernels.length, bytes });
});

/** Mismatches of a kernel's trials, with its text as it is carried or another. */
async function mismatches(name: string, edit = (text: string) => text): Promise<number[]> {
  const kernel = carried.payload.kernels.find((own) => own.name === name);
  const source = carried.payload.sources[kernel?.source ?? -1];
  if (kernel === undefined || source === undefined) throw new Error(`no ${name}`);
  const library = await device.load({
    source: { path: source.file, text: edit(source.text) },
    kernels: [name],
  });
  const results = kernel.trials.map(async (trial) => {
    const { outputs } = await device.run(jobOf(carried, name, trial, library));
    return trial.expectations.map(({ element, want, tolerance }, at) => {
      const got = decodeElements(element as ElementType, outputs[at] ?? new Uint8Array());
      const expected = { want: doublesAt(carried, want), tolerance: doublesAt(carried, tolerance) };
      expect(expected.want.length).toBeGreaterThan(0);
      return compareValues(got, expected).mismatches;
    });
  });
  return (await Promise.all(results)).flat();
}

describe('the script', () => {
  it('is Swift', () => {
    expect(swiftErrors(script)).toEqual([]);
    expect(swiftErrors(script.replace('func half(', 'func half(('))).not.toEqual([]);
  });

  it('carries every kernel with trials', () => {
    const names = carried.payload.kernels.map(({ name }) => name);
    expect(names.filter((name) => name.startsWith('moe_gate_up_swiglu_bf16_q4_K_'))).not.toEqual([]);
    expect(names).toContain('moe_combine_f16');
    for (const { trials } of carried.payload.kernels) expect(trials.length).toBeGreaterThan(0);
  });

  it('is the same for the same seed', async () => {
    await moegen(cwd, 'probe', 'moe_combine_f32', '-o', 'a.swift');
    await moegen(cwd, 'probe', 'moe_combine_f32', '-o', 'b.swift', '--seed', '1');
    await moegen(cwd, 'probe', 'moe_combine_f32', '-o', 'c.swift', '--seed', '2');
    const [a, b, c] = ['a', 'b', 'c'].map((name) => readFileSync(path.join(cwd, `${name}.swift`), 'utf8'));
    expect(a).toBe(b);
    expect(a).not.toBe(c);
  });
});

describe('what it carries', { timeout: 300_000 }, () => {
  it.each([
    'moe_combine_f16',
    'moe_index_build',
    'moe_router_select_softmax',
    'moe_down_f16_q4_K_bm64_bn64_bk64_wm2_wn2',
    'moe_gate_up_swiglu_bf16_bf16_bm16_bn64_bk32_wm1_wn4',
  ])('%s agrees with its reference when it runs', async (name) => {
    const found = await mismatches(name);
    expect(found.length).toBeGreaterThan(0);
    expect(found).toEqual(found.map(() => 0));
  });

  it('would not with another kernel', async () => {
    const found = await mismatches('moe_combine_f16', (text) => text.replace('sum *= output_scale;', ''));
    expect(found.some((count) => count > 0)).toBe(true);
  });
});

describe('the questions', { timeout: 300_000 }, () => {
  async function answer(
    text: string,
    kernel: string,
    inputs: readonly Uint8Array[],
    outputBytes: number,
    threads: number,
  ): Promise<Uint8Array> {
    const source = { path: `${text}.metal`, text: carried.payload.questions[text] ?? '' };
    const library = await device.load({ source, ...(text === 'tensor' && { mslVersion: '4.0' as const }) });
    const buffers = [
      ...inputs.map((data) => ({ byteLength: data.byteLength, data })),
      { byteLength: outputBytes },
    ];
    const own = Object.fromEntries(buffers.map((_, at) => [at, { buffer: at }]));
    const { outputs } = await device.run({
      buffers,
      dispatches: [
        { library, kernel, buffers: own, threadgroups: [1, 1, 1], threadsPerThreadgroup: [threads, 1, 1] },
      ],
      outputs: [inputs.length],
      subnormals: 'flush',
    });
    return outputs[0] ?? new Uint8Array();
  }
  const floats = (values: readonly number[]) => encodeElements('f32', values);

  it('tell flushed floats from kept halves', async () => {
    const tiny = 2 ** -126;
    const single = await answer('questions', 'probe_subnormals', [floats([tiny / 4, 4, tiny, 0.25])], 8, 1);
    expect([...decodeElements('f32', single)]).toEqual([0, 0]);
    const halves = encodeElements('f16', [2 ** -24, 4, 2 ** -14, 0.25]);
    const half = await answer('questions', 'probe_half_subnormals', [halves], 4, 1);
    expect([...decodeElements('f16', half)]).toEqual([2 ** -22, 2 ** -16]);
  });

  it('tell contraction', async () => {
    const a = 1 + 2 ** -12;
    const got = await answer('questions', 'probe_contraction', [floats([a, a, -(1 + 2 ** -11)])], 8, 1);
    expect(decodeElements('f32', got)[1]).toBe(2 ** -24);
  });

  it.each([
    ['questions', 'probe_matrix'],
    ['bfloat', 'probe_bfloat_matrix'],
  ])('show the order of sums in %s', async (text, kernel) => {
    const [a, b, c] = [
      Array.from({ length: 64 }, (_, at) => (at % 8 === 3 ? 2 ** 24 : 1)),
      Array.from({ length: 64 }, (_, at) => (at < 32 || at >= 40 ? 1 : -1)),
      Array.from({ length: 64 }, () => 1),
    ];
    const got = decodeElements('f32', await answer(text, kernel, [floats(a), floats(b), floats(c)], 256, 32));
    // From C on, in order: 1 + 1 + 1 + 1 + 2^24 is rounded to even, and so are the sums with what follows.
    let want = 1;
    for (let at = 0; at < 8; at += 1) want = Math.fround(want + Math.fround((a[at] ?? 0) * (b[8 * at] ?? 0)));
    expect([...got]).toEqual(got.length === 64 ? Array.from({ length: 64 }, () => want) : []);
  });

  it('add over a simdgroup, and find barriers that do not hold', async () => {
    const sums = await answer(
      'questions',
      'probe_simd_sum',
      [floats(Array.from({ length: 32 }, (_, at) => at))],
      128,
      32,
    );
    expect(new Set(decodeElements('f32', sums))).toEqual(new Set([496]));
    const wrong = await answer('questions', 'probe_one_simdgroup', [], 128, 32);
    expect(new Set(decodeElements('u32', wrong))).toEqual(new Set([0]));
  });

  it('multiply on the tensor path', async () => {
    const a = Array.from({ length: 512 }, (_, at) => 1 + (at % 4));
    const b = Array.from({ length: 512 }, (_, at) => 1 + ((3 * at) % 4));
    const inputs = [encodeElements('f16', a), encodeElements('f16', b)];
    const got = decodeElements('f32', await answer('tensor', 'probe_tensor', inputs, 1024, 128));
    const want = Array.from({ length: 256 }, (_, at) =>
      a
        .slice(Math.floor(at / 16) * 32)
        .slice(0, 32)
        .reduce((sum, value, k) => sum + value * (b[k * 16 + (at % 16)] ?? 0), 0),
    );
    expect([...got]).toEqual(want);
  });
});

describe('what a Mac writes', () => {
  const counts = [8, 1, 0, 0, 0, 0, 0, 0];
  const written = {
    ...{ moegenProbe: 1, version: '0.1.0', machine: { name: 'Apple M4', system: 'macOS Version 26.1' } },
    languages: [
      {
        version: '3.0',
        kernels: 2,
        compiled: 1,
        failed: [{ kernel: 'moe_combine_bf16', message: 'no <type>' }],
      },
    ],
    kernels: [
      {
        kernel: 'moe_combine_f32',
        ok: true,
        trials: 4,
        compared: 9,
        usedShare: 0.25,
        ulps: { largest: 0.5, counts },
        failures: [],
      },
      {
        kernel: 'moe_combine_bf16',
        ok: false,
        trials: 0,
        compared: 0,
        usedShare: null,
        ulps: { largest: null, counts },
        failures: [{ case: 'Metal 3.0', output: 'does not compile', mismatches: 1 }],
      },
    ],
    answers: [{ question: 'In which order does simd_sum add?', answer: 'in order: 32 of 32' }],
  };

  it('has the members that the script writes', () => {
    RESULTS.probed.parse(written);
    for (const member of [
      'moegenProbe',
      'version',
      'machine',
      'languages',
      'kernels',
      'answers',
      ...Object.keys(written.kernels[0] ?? {}),
      ...Object.keys(written.languages[0] ?? {}),
    ]) {
      expect(script).toContain(`"${member}":`);
    }
  });

  it('is shown by a report', async () => {
    put(cwd, 'probe.json', JSON.stringify(written));
    const { code, out } = await moegen(
      cwd,
      'report',
      'moe_combine_*',
      '-o',
      'mac.html',
      '--probed',
      'probe.json',
    );
    expect({ code, out }).toEqual({ code: 1, out: 'mac.html: 2 kernels, 1 failed, 1 not validated\n' });
    const page = readFileSync(path.join(cwd, 'mac.html'), 'utf8');
    for (const text of [
      'Apple M4',
      'in order: 32 of 32',
      'moe_combine_bf16: no &lt;type&gt;',
      '0.5 ulp · 25 %',
      'FAILED',
    ]) {
      expect(page).toContain(text);
    }
  });
});
