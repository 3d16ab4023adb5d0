// The Swift package and the example of its guide, parsed. With Swift's own compiler at hand, that parses them too.

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshFolder, put } from '../support/output-folder.js';
import { swiftErrors } from '../support/swift.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const hasSwift = spawnSync('swiftc', ['--version']).status === 0;

const SOURCES = readdirSync(path.join(ROOT, 'bindings/swift'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.swift'))
  .map((name) => [name, readFileSync(path.join(ROOT, 'bindings/swift', name), 'utf8')] as const);
const GUIDE = readFileSync(path.join(ROOT, 'docs/integrate.md'), 'utf8');
const EXAMPLE = /^```swift\n([^]*?)^```$/mu.exec(GUIDE)?.[1] ?? '';

describe('the Swift package', () => {
  it('has a manifest and the files of its target', () => {
    const names = SOURCES.map(([name]) => name).sort();
    const sources = ['Encoder', 'Plan', 'Tables', 'Types'].map((name) => `Sources/Moegen/${name}.swift`);
    expect(names).toEqual(['Package.swift', ...sources]);
  });

  it.each(SOURCES)('%s parses', (_, text) => {
    expect(swiftErrors(text)).toEqual([]);
  });

  it('would not with an error in it', () => {
    for (const [, text] of SOURCES) expect(swiftErrors(`${text}func (\n`)).not.toEqual([]);
  });

  it('has an example that parses', () => {
    expect(EXAMPLE).toContain('import Moegen');
    expect(swiftErrors(EXAMPLE)).toEqual([]);
  });

  it('calls a function for each formula, and no other', () => {
    const [, tables = ''] = SOURCES.find(([name]) => name.endsWith('Tables.swift')) ?? [];
    const defined = [...tables.matchAll(/^private func (formula\d+)\(/gmu)].map(([, name]) => name);
    const listed = [...tables.matchAll(/^ {4}(formula\d+),$/gmu)].map(([, name]) => name);
    expect(listed).toEqual(defined);
    expect(new Set(defined).size).toBe(defined.length);
  });

  it.skipIf(!hasSwift)(`is parsed by swiftc${hasSwift ? '' : ' (skipped: there is none here)'}`, () => {
    const folder = freshFolder();
    for (const [name, text] of SOURCES) put(folder, name, text);
    const files = SOURCES.map(([name]) => path.join(folder, name));
    const { status, stderr } = spawnSync('swiftc', ['-parse', ...files], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });
});
