// Programs that are large where programs are not: they end with a sentence at its place, in bounded time and memory.

import { expect, it } from 'vitest';

import { checkHost } from '../../generator/compile/host.js';

async function diagnose(text: string): Promise<{ ok: boolean; first: string; count: number }> {
  const { ok, diagnostics } = await checkHost({ path: 'large.metal', text });
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  const [first] = errors;
  return {
    ok,
    count: errors.length,
    first: `${first?.line ?? 0}:${first?.column ?? 0} ${first?.message ?? ''}`,
  };
}

it('names errors on a line of 20,000 numbers at their columns', async () => {
  const before = process.memoryUsage().rss;
  const numbers = Array.from({ length: 20_000 }, (_, i) => (i === 15_000 || i === 15_001 ? '1.5f' : '1234'));
  const text = `constant int t[] = {${numbers.join(',')}};\nkernel void k(device int* a) { a[0] = t[0]; }\n`;
  expect(await diagnose(text)).toMatchObject({
    count: 2,
    first: expect.stringMatching(/^1:75021 type 'float' cannot be narrowed to 'int'/) as string,
  });
  // A table of all tokens by all words would take 3 GB.
  expect(process.memoryUsage().rss - before).toBeLessThan(2 ** 30);
});

it('refuses brackets that nest too deeply', async () => {
  const text = `kernel void k(device float* a) { a[0] = ${'('.repeat(20_000)}1${')'.repeat(20_000)}; }`;
  expect((await diagnose(text)).first).toMatch(/^1:\d+ bracket nesting level exceeded maximum/);
});

it('refuses macros that make a program without an end', async () => {
  const macros = Array.from({ length: 40 }, (_, i) => `#define A${i + 1} A${i} A${i}`);
  const text = ['#define A0 x', ...macros, 'kernel void k(device float* a) { A40 }', ''].join('\n');
  expect((await diagnose(text)).first).toMatch(/^1:1 the program has more than \d+ bytes/);
});
