// The Rust bindings, compiled without a warning against stand-ins for the crates of objc2. Nothing of them is run.

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshFolder } from '../support/output-folder.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const CRATES = ['objc2', 'objc2_foundation', 'objc2_metal'] as const;
const hasRust = spawnSync('rustc', ['--version']).status === 0;

/** What the compiler says. */
function rustc(source: string, folder: string, crates: readonly string[]): string {
  const { stderr } = spawnSync(
    'rustc',
    [
      ...['--edition', '2021', '--crate-type', 'lib', '--emit', 'metadata', '-D', 'warnings'],
      ...['-L', folder, '--out-dir', folder, ...crates.flatMap((name) => ['--extern', name]), source],
    ],
    { encoding: 'utf8' },
  );
  return stderr;
}

describe.skipIf(!hasRust)(`the Rust bindings${hasRust ? '' : ' (skipped: no rustc here)'}`, () => {
  it('compile', () => {
    const folder = freshFolder();
    CRATES.forEach((name, at) => {
      const source = path.join(import.meta.dirname, `stand-in/rust/${name}.rs`);
      expect(rustc(source, folder, CRATES.slice(0, at))).toBe('');
    });
    expect(rustc(path.join(ROOT, 'bindings/rust/src/lib.rs'), folder, CRATES)).toBe('');
  });

  it('ask for the crates that they name', () => {
    const manifest = readFileSync(path.join(ROOT, 'bindings/rust/Cargo.toml'), 'utf8');
    for (const name of CRATES) expect(manifest).toMatch(new RegExp(`^${name.replace('_', '-')} = `, 'm'));
  });
});
