// `moegen init`: what it adds, that it adds it once, and that it replaces nothing unasked.

import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshFolder, put } from '../support/output-folder.js';
import { json, moegen } from './moegen.js';

const WORKFLOW = '.github/workflows/kernels.yml';
const read = (cwd: string, file: string) => readFileSync(path.join(cwd, file), 'utf8');

describe('moegen init', () => {
  it('adds scripts, attributes and a job, and then has nothing to do', async () => {
    const cwd = freshFolder();
    put(cwd, 'package.json', '{\n\t"name": "mine",\n\t"scripts": { "test": "x" }\n}');
    put(cwd, '.gitattributes', '*.bin binary');
    const argv = ['init', '--dtype', 'bf16', '--config', 'my model.json'];
    const first = await moegen(cwd, ...argv);
    expect(first).toMatchObject({ code: 0, err: '' });
    const command = 'moegen --config "my model.json" --dtype bf16';
    const scripts = { test: 'x', kernels: command, 'kernels:check': `${command} --check` };
    const manifest = JSON.stringify({ name: 'mine', scripts }, undefined, '\t');
    expect(read(cwd, 'package.json')).toBe(manifest);
    expect(read(cwd, '.gitattributes')).toBe('*.bin binary\ngenerated/** text eol=lf linguist-generated\n');
    expect(read(cwd, WORKFLOW)).toContain(
      '      - run: npx moegen validate --config "my model.json" --dtype bf16\n',
    );
    const again = json(await moegen(cwd, ...argv, '--json')) as { steps: { status: string }[] };
    expect(new Set(again.steps.map(({ status }) => status))).toEqual(new Set(['unchanged']));
    expect(read(cwd, 'package.json')).toBe(manifest);
  });

  it('keeps what says something else and names it, unless it is forced', async () => {
    const cwd = freshFolder();
    put(cwd, 'package.json', JSON.stringify({ scripts: { kernels: 'make' } }));
    put(cwd, WORKFLOW, 'mine\n');
    const kept = await moegen(cwd, 'init');
    expect(kept.code).toBe(1);
    expect(kept.out).toMatch(
      /^kept +package\.json: script kernels: moegen\nadded +package\.json: script kernels:check/,
    );
    expect(kept.err).toContain('--force');
    expect(JSON.parse(read(cwd, 'package.json'))).toEqual({
      scripts: { kernels: 'make', 'kernels:check': 'moegen --check' },
    });
    expect(read(cwd, WORKFLOW)).toBe('mine\n');
    const forced = json(await moegen(cwd, 'init', '--force', '--json'));
    expect(forced).toMatchObject({ ok: true });
    expect(read(cwd, WORKFLOW)).toMatch(/run: npx moegen compile\n {6}- run: npx moegen validate\n$/);
  });

  it('makes a package.json where there is none, and refuses one that it cannot read', async () => {
    const cwd = freshFolder();
    expect((await moegen(cwd, 'init')).code).toBe(0);
    expect(JSON.parse(read(cwd, 'package.json'))).toMatchObject({ private: true });
    const broken = freshFolder();
    put(broken, 'package.json', '{ "scripts": ');
    const outcome = await moegen(broken, 'init', '--json');
    expect(outcome.code).toBe(2);
    expect(json(outcome)).toMatchObject({ error: { code: 'cli/unreadable-package' } });
    expect(existsSync(path.join(broken, WORKFLOW))).toBe(false);
  });
});
