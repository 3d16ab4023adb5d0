// `moegen bindings` as a command, and the bindings of the general set that the package holds.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { BINDING_FILES, BINDING_LANGUAGES } from '../../generator/bindings/languages.js';
import { json, moegen } from '../cli/moegen.js';
import { freshFolder, put } from '../support/output-folder.js';

const ROOT = path.resolve(import.meta.dirname, '../..');

describe('the bindings of the general set', () => {
  it('are what moegen writes', async () => {
    const { code, out } = await moegen(ROOT, 'bindings', '--check');
    expect(out).toMatch(/^bindings: \d+ files are up to date\n$/);
    expect(code).toBe(0);
  });
});

describe('moegen bindings', () => {
  const manifest = path.join(ROOT, 'generated/manifest.json');

  it('writes what changed, and finds what differs', async () => {
    const cwd = freshFolder();
    const command = ['bindings', '--manifest', manifest, '-o', 'out', '--json'];
    const files = BINDING_LANGUAGES.flatMap((language) =>
      BINDING_FILES[language].map((file) => `${language}/${file}`),
    );
    expect(json(await moegen(cwd, ...command))).toEqual({ out: 'out', written: files, unchanged: 0 });
    expect(json(await moegen(cwd, ...command))).toMatchObject({ written: [], unchanged: files.length });
    const [file = ''] = files;
    put(cwd, `out/${file}`, `${readFileSync(path.join(cwd, 'out', file), 'utf8')}more\n`);
    const drift = await moegen(cwd, ...command, '--check');
    expect(drift.code).toBe(1);
    expect(json(drift)).toMatchObject({ ok: false, missing: [], changed: [{ file }] });
    const missing = await moegen(freshFolder(), ...command, '--check');
    expect(json(missing)).toMatchObject({ ok: false, missing: files, changed: [] });
  });

  it.each([
    [['--manifest', 'no.json'], 'cli/unreadable-manifest'],
    [['--language', 'cobol'], 'cli/unknown-value'],
    [['--manifest', 'old.json'], 'bindings/old-manifest'],
    [['--manifest', 'bad.json'], 'manifest/unreadable'],
    [['--manifest', 'flat.json', '--language', 'cpp'], 'bindings/flat-set'],
  ])('%j is refused', async (options, code) => {
    const cwd = freshFolder();
    put(
      cwd,
      'old.json',
      JSON.stringify({ schemaVersion: 1, generator: { name: 'moegen', version: '0.1.0' }, kernels: [] }),
    );
    put(cwd, 'bad.json', '{');
    const general = JSON.parse(readFileSync(manifest, 'utf8')) as object;
    put(cwd, 'flat.json', JSON.stringify({ ...general, form: 'flat' }));
    const outcome = await moegen(cwd, 'bindings', ...options);
    expect(outcome).toMatchObject({ code: 2, out: '' });
    expect(outcome.err).toContain(`error[${code}]`);
  });
});
