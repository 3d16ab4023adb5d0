// Every file of native/metal against hand-written declarations of Apple's interfaces: names and types of selectors,
// availability, ownership, warnings. It shows that the text is sound, not that it works on a GPU.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { METAL_DIR, NODE_INCLUDES, zig, ZIG_LIB } from './tools.js';

const INTERFACES = fileURLToPath(new URL('stubs/', import.meta.url));
const SYSTEM_INCLUDES = [
  INTERFACES,
  join(ZIG_LIB, 'libcxx', 'include'),
  join(ZIG_LIB, 'libcxxabi', 'include'),
  join(ZIG_LIB, 'include'),
  join(ZIG_LIB, 'libc', 'include', 'any-darwin-any'),
  ...NODE_INCLUDES,
];

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'moegen-metal-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function check(file: string) {
  return zig([
    ...['clang', '-target', 'arm64-apple-macos14', '-fsyntax-only'],
    ...[
      '-x',
      file.endsWith('.mm') ? 'objective-c++' : 'c++',
      '-std=c++20',
      '-fobjc-arc',
      '-fobjc-runtime=macosx-14',
    ],
    ...[
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wshadow',
      '-Wunguarded-availability',
      '-Wno-unused-command-line-argument',
    ],
    ...['-DNAPI_VERSION=9', '-DNODE_ADDON_API_CPP_EXCEPTIONS', '-nostdinc', '-nostdinc++'],
    ...['-include', join(INTERFACES, 'libcxx_settings.h'), '-I', METAL_DIR],
    ...SYSTEM_INCLUDES.flatMap((path) => ['-isystem', path]),
    file,
  ]);
}

/** The same check on a copy in which one thing is wrong. */
async function checkChanged(name: string, from: string, to: string) {
  const text = readFileSync(join(METAL_DIR, name), 'utf8');
  expect(text).toContain(from);
  const file = join(folder, name);
  writeFileSync(file, text.replace(from, to));
  return check(file);
}

describe('native/metal', () => {
  const files = readdirSync(METAL_DIR).filter((name) => /\.(mm|cc)$/.test(name));

  it('is all here', () => {
    expect(files.sort()).toEqual([
      'job_reader.cc',
      'launch.mm',
      'metal_addon.cc',
      'metal_device.mm',
      'pipeline.mm',
    ]);
  });

  it.each(files)('%s is sound', async (name) => {
    expect(await check(join(METAL_DIR, name))).toEqual({ ok: true, log: '' });
  });
});

describe('the check sees', () => {
  it.each([
    [
      'a misspelt selector',
      'launch.mm',
      'setThreadgroupMemoryLength:',
      'setThreadgroupMemoryLenght:',
      'no known instance method',
    ],
    ['a missing argument', 'launch.mm', ' offset:use.offset atIndex', ' atIndex', 'no known instance method'],
    ['an argument of a wrong type', 'metal_device.mm', '[NSURL fileURLWithPath:path]', 'path', 'NSURL'],
    [
      'a property that is too new',
      'metal_device.mm',
      '@available(macOS 15.0, *)',
      'true',
      'only available on macOS 15.0',
    ],
    ['manual memory management', 'pipeline.mm', 'return generic;', 'return [generic retain];', 'ARC'],
  ])('%s', async (_, name, from, to, message) => {
    const outcome = await checkChanged(name, from, to);
    expect(outcome.ok).toBe(false);
    expect(outcome.log).toContain(message);
  });
});
