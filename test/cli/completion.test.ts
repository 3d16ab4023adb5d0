// Completion in shells: scripts, and what may follow the words so far.

import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { describe, expect, it } from 'vitest';

import { moegen } from './moegen.js';

const BIN = path.resolve(import.meta.dirname, '../../bin/moegen.js');

function complete(...words: string[]): string {
  const { stdout, stderr } = spawnSync(process.execPath, [BIN, 'complete', ...words], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout;
}

/** Before the line that tells the shell what to do with them. */
const suggestions = (...words: string[]) =>
  complete('--', ...words)
    .split('\n')
    .filter((line) => line !== '' && !/^:\d+$/u.test(line))
    .map((line) => line.split('\t')[0]);

describe('moegen complete', () => {
  it.each(['bash', 'zsh', 'fish', 'powershell'])('prints a script for %s that asks it', (shell) => {
    expect(complete(shell)).toMatch(/moegen complete/u);
  });

  it.each([
    { words: ['val'], expected: ['validate'] },
    { words: ['validate', 'moe_combine_b'], expected: ['moe_combine_bf16'] },
    { words: ['explain', 'moe_index_sc'], expected: ['moe_index_scan', 'moe_index_scatter'] },
    { words: ['validate', '--device', ''], expected: ['auto', 'metal', 'host', 'cuda'] },
    { words: ['validate', '--dtype', 'b'], expected: ['bf16'] },
    { words: ['--dtype', 'f'], expected: ['f16', 'f32'] },
    { words: ['--weights', 'q4_'], expected: ['q4_K', 'q4_0', 'q4_1'] },
    { words: ['bench', '--pat'], expected: ['--path'] },
  ])('after $words: $expected', ({ words, expected }) => {
    expect(suggestions(...words)).toEqual(expected);
  });

  it('refuses shells that it does not know', async () => {
    const outcome = await moegen('.', 'complete', 'nushell');
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain('zsh, bash, fish, powershell');
  });
});
