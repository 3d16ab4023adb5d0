// `moegen host` with programs that are none of its own: it says how they end, and refuses what it cannot run.

import { describe, expect, it } from 'vitest';
import { freshFolder } from '../support/output-folder.js';
import { moegen } from './moegen.js';

const cwd = freshFolder();

describe('moegen host', () => {
  it('passes on what a program prints, and says no where it commits nothing', async () => {
    expect(await moegen(cwd, 'host', '/bin/sh', '-c', 'echo result; echo error >&2')).toEqual({
      ...{ code: 1, out: 'result\n' },
      err: 'error\n0 command buffers with 0 dispatches ran on the engine\n',
    });
  });

  it('says how a program ends', async () => {
    const { code, out } = await moegen(cwd, 'host', '--json', '/bin/sh', '-c', 'echo result; exit 3');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({ code: 3, commandBuffers: 0, dispatches: 0, out: 'result\n', err: '' });
    const killed = await moegen(cwd, 'host', '/bin/sh', '-c', 'kill -9 $$');
    expect(killed).toMatchObject({ code: 1 });
    expect(killed.err).toContain('a signal ended the program');
  });

  it('refuses what is no program, or none at all', async () => {
    const missing = await moegen(cwd, 'host', './nothing-here');
    expect(missing.code).toBe(2);
    expect(missing.err).toContain("cannot run './nothing-here'");
    const none = await moegen(cwd, 'host');
    expect(none.code).toBe(2);
    expect(none.err).toContain('expected a program to run');
  });

  it.each(['{', '{}', '{"buffers":[],"dispatches":[{}]}'])('stops a program whose job is %s', async (job) => {
    const { code, err } = await moegen(cwd, 'host', '/bin/sh', '-c', `echo '${job}' >&3; read answer <&4`);
    expect(code).toBe(2);
    expect(err).toContain('the program asks for what is no job');
  });
});
