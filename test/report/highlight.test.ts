// Marks in Metal source: what is marked, as what, and that the text stays as it was.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { highlightMetal } from '../../generator/report/highlight.js';

const KERNEL = path.resolve(import.meta.dirname, '../../generated/bf16/moe_combine_bf16.metal');

/** The marked parts with their classes. */
function marks(text: string): string[] {
  return [...highlightMetal(text).text.matchAll(/<span class=(\w)>(.*?)<\/span>/gs)].map(
    ([, kind = '', token = '']) => `${kind} ${token}`,
  );
}

describe('highlighted Metal', () => {
  it.each<[string, string[]]>([
    ['// a kernel 1\nx', ['c // a kernel 1']],
    ['/* a\nb */ x', ['c /* a\nb */']],
    ['/* never closed', ['c /* never closed']],
    ['#include <metal_stdlib> // why', ['d #include &lt;metal_stdlib&gt; ', 'c // why']],
    ['#define A \\\n  B\nfloat', ['d #define A \\\n  B', 't float']],
    [
      'kernel void f(device const float4* p [[buffer(0)]])',
      ['k kernel', 't void', 'k device', 'k const', 't float4', 'a [[buffer(0)]]'],
    ],
    ['0x7FFFu + 1.5e-3f - .5h; x1', ['n 0x7FFFu', 'n 1.5e-3f', 'n .5h']],
    ['"a // b" \'c\'', ['s &quot;a // b&quot;', 's &#39;c&#39;']],
    ['simdgroup_float8x8 floats; thread_position', ['t simdgroup_float8x8']],
  ])('%j', (text, expected) => {
    expect(marks(text)).toEqual(expected);
  });

  it('says what the text said', () => {
    const text = readFileSync(KERNEL, 'utf8');
    const plain = highlightMetal(text)
      .text.replaceAll(/<\/?span[^>]*>/g, '')
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&amp;', '&');
    expect(text.length).toBeGreaterThan(5000);
    expect(plain).toBe(text);
  });
});
