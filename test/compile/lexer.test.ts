import { describe, expect, test } from 'vitest';

import { tokenize } from '../../generator/compile/frontend/lexer.js';
import { printTokens } from '../../generator/compile/frontend/tokens.js';

function words(text: string): string[] {
  return tokenize(text)
    .slice(0, -1)
    .map((token) => token.source);
}

describe('tokenize', () => {
  test('splits names, numbers, strings and operators', () => {
    expect(words(`a->b += 0x1.8p-3f + 1'000u<<2; "x\\"y" '\\n' .5e+3 1.0h`)).toEqual([
      'a',
      '->',
      'b',
      '+=',
      '0x1.8p-3f',
      '+',
      "1'000u",
      '<<',
      '2',
      ';',
      '"x\\"y"',
      "'\\n'",
      '.5e+3',
      '1.0h',
    ]);
  });

  test('leaves >> as two tokens, since it may close two template argument lists', () => {
    expect(words('A<B<int>> c')).toEqual(['A', '<', 'B', '<', 'int', '>', '>', 'c']);
  });

  test('prints back what it read', () => {
    const text =
      '# 1 "a.metal"\nkernel void f( ) {\n#pragma unroll\n  for (;;) { x[ 1 ] = y ? "a" : \'b\'; }\n}\n';
    expect(printTokens(tokenize(text))).toBe(text);
  });

  test('takes file and line from line markers and newlines', () => {
    const tokens = tokenize('# 7 "dir/a \\"b\\".h" 1\nint x;\n\n# 3 "main.metal" 2\nint y;');
    expect(
      tokens
        .filter((token) => token.kind === 'identifier')
        .map(({ source, file, line }) => [source, file, line]),
    ).toEqual([
      ['int', 'dir/a "b".h', 7],
      ['x', 'dir/a "b".h', 7],
      ['int', 'main.metal', 3],
      ['y', 'main.metal', 3],
    ]);
  });

  test('pairs brackets and survives unbalanced ones', () => {
    const tokens = tokenize('{ ( [ ] ) } )');
    expect(tokens.map((token) => token.match)).toEqual([5, 4, 3, 2, 1, 0, -1, -1]);
  });

  test('reads a file of a million characters in well under a second', () => {
    const text = 'device float* p = (device float*)(x + 12) ; // note\n'.repeat(20_000);
    const start = process.cpuUsage();
    expect(tokenize(text).length).toBeGreaterThan(200_000);
    expect(process.cpuUsage(start).user / 1e6).toBeLessThan(2);
  });
});
