// `moegen report`: a page of a small real run has its numbers, needs nothing beside itself, and is HTML whatever names it shows.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { format } from 'prettier';
import { beforeAll, describe, expect, it } from 'vitest';
import { ULP_LIMITS } from '../../generator/validate/ulps.js';
import { specText } from '../bench/support.js';
import { freshFolder, put } from '../support/output-folder.js';
import { json, moegen, moegenIn } from './moegen.js';

const cwd = freshFolder();
const run = (...options: string[]) => moegenIn(process.env, cwd, ...options);
const page = (name = 'report.html') => readFileSync(path.join(cwd, name), 'utf8');

interface Verdict {
  readonly kernel: string;
  readonly usedShare: number;
  readonly compared: number;
  readonly ulps: { readonly largest: number; readonly counts: readonly number[] };
}

interface Benched {
  readonly layers: readonly {
    readonly stages: readonly { readonly kernel: string; readonly counted: { readonly ratio: number } }[];
  }[];
}

let validated: { readonly kernels: readonly Verdict[] };
let benched: Benched;

beforeAll(async () => {
  put(cwd, 'block.json', specText({ hidden: 64, intermediate: 32, experts: 4, topK: 2 }));
  const verdicts = await run(
    'validate',
    'moe_combine_{bf16,f32}',
    '--device',
    'host',
    '--checks',
    'bounds,races',
    '--json',
  );
  put(cwd, 'validated.json', verdicts.out);
  validated = json(verdicts) as unknown as typeof validated;
  const counts = await run(
    'bench',
    '--spec',
    'block.json',
    '--tokens',
    '4',
    '--dtype',
    'f32',
    '--path',
    'batched',
    '--device',
    'host',
    '--json',
  );
  put(cwd, 'benched.json', counts.out);
  benched = json(counts) as unknown as Benched;
}, 600_000);

/** What the cell of the matrix that links to a kernel says. */
function cellOf(text: string, kernel: string): string {
  const [, verdict = '', details = ''] =
    new RegExp(`<td class="[^"]*">\\s*<a href="#${kernel}"[^>]*>([^<]*)</a><small>([^<]*)</small>`).exec(
      text,
    ) ?? [];
  return `${verdict} | ${details}`;
}

const WRONG = {
  ...{ kernel: 'moe_<b>&"\'', ok: false, trials: 1, compared: 8, usedShare: null },
  ulps: { largest: null, counts: ULP_LIMITS.map(() => 1) },
  failures: [{ case: 'T=1 <script>', output: 'y', mismatches: 2 }],
  reports: [{ check: 'races', message: '</details><script>alert(1)</script>' }],
};

describe('moegen report', () => {
  it('shows the numbers of the runs', async () => {
    const results = ['--validated', 'validated.json', '--benched', 'benched.json'];
    const { code, out } = await run('report', 'moe_combine_*', '-o', 'report.html', ...results, '--json');
    expect(code).toBe(0);
    const kernels = new Set(
      [...validated.kernels, ...(benched.layers[0]?.stages ?? [])].map(({ kernel }) => kernel),
    );
    expect(JSON.parse(out)).toEqual({
      output: 'report.html',
      kernels: kernels.size,
      failed: 0,
      notValidated: kernels.size - 1,
    });
    const text = page();
    expect(text).toContain('2 of 2 kernels that ran agree with their references');
    expect(text).toContain(`${kernels.size - 1} kernels were not validated`);
    for (const { kernel, usedShare, ulps, compared } of validated.kernels) {
      const shown = cellOf(text, kernel);
      expect(shown).toContain(`${Math.floor(usedShare * 1000) / 10} % | 2 of 2 checks · 0 B`);
      const largest = Number(/^([\d,.]+) ulp/.exec(shown)?.[1]?.replace(',', ''));
      expect(Math.abs(largest / ulps.largest - 1)).toBeLessThan(0.005);
      expect(text).toContain(`<td class="number">${compared.toLocaleString('en-US')}</td>`);
      const exact = (ulps.counts[0] ?? 0).toLocaleString('en-US');
      expect(text).toContain(`0 ulp: ${exact} values`);
    }
    for (const { kernel, counted } of benched.layers[0]?.stages ?? []) {
      expect(cellOf(text, kernel)).toContain(`×${counted.ratio.toFixed(2)} floor`);
    }
  });

  it('has the sources, and plots with a point for each stage that computes', () => {
    const text = page();
    const source = readFileSync(
      path.resolve(import.meta.dirname, '../../generated/bf16/moe_combine_bf16.metal'),
      'utf8',
    );
    const [comment = ''] = /^\/\/ .*$/m.exec(source) ?? [];
    expect(text).toContain(`<span class=c>${comment}</span>`);
    expect(text.match(/<circle class="counted"/g)?.length).toBeGreaterThan(3);
    expect(text.match(/<svg class="errors"/g)).toHaveLength(4);
  });

  it('needs nothing beside itself, and is HTML', async () => {
    const text = page();
    expect(text).not.toMatch(/https?:|\bsrc=|<link|@import|url\(/);
    const body = text.replace(/<style>[^]*?<\/style>|<script>[^]*?<\/script>/g, '');
    await expect(format(body, { parser: 'html' })).resolves.toContain('moegen report');
    await expect(format(`${body}</p></section>`, { parser: 'html' })).rejects.toThrow();
    const ids = [...text.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of text.matchAll(/ href="#([^"]*)"/g)) expect(ids).toContain(target);
  });

  it('escapes names, and says what failed', async () => {
    put(
      cwd,
      'wrong.json',
      JSON.stringify({ device: 'host', machine: '<i>', seed: 1, checks: ['races'], kernels: [WRONG] }),
    );
    const { code, out } = await run(
      'report',
      'moe_combine_f32',
      '-o',
      'wrong.html',
      '--validated',
      'wrong.json',
    );
    expect({ code, out }).toEqual({
      code: 1,
      out: 'wrong.html: 1 kernels, 1 failed, 1 not validated\n',
    });
    const text = page('wrong.html');
    expect(text).not.toContain('<script>alert');
    expect(text).toContain('moe_&lt;b&gt;&amp;&quot;&#39;');
    expect(text).toContain('T=1 &lt;script&gt;: 2 wrong values in y; races: &lt;/details&gt;');
    expect(text).toContain('0 of 1 kernels that ran agree');
    await expect(format(text.replace(/<script>[^]*?<\/script>/g, ''), { parser: 'html' })).resolves.toContain(
      'FAILED',
    );
  });

  it('validates where it is given nothing', { timeout: 600_000 }, async () => {
    const { code, out } = await run(
      'report',
      'moe_combine_f32',
      '-o',
      'own.html',
      '--device',
      'host',
      '--seed',
      '3',
    );
    expect({ code, out }).toEqual({ code: 0, out: 'own.html: 1 kernels, 0 failed, 0 not validated\n' });
    expect(page('own.html')).toContain('<td class="number">3</td>');
  });

  it.each([
    [['--validated', 'none.json'], 'cli/unreadable-result'],
    [['--validated', 'block.json'], 'report/unreadable-result'],
    [['--benched', 'validated.json'], 'report/unreadable-result'],
    [['--probed', 'validated.json'], 'report/unreadable-result'],
  ])('refuses %j', async (options, code) => {
    const outcome = await moegen(cwd, 'report', '-o', 'none.html', ...options);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain(`error[${code}]`);
  });
});
