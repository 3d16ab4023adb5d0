// Finding Apple's Metal compiler, on stand-ins for the machines that it is found on, or not.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { findXcrunToolchain } from '../../generator/compile/xcrun.js';
import { makeStandIn, type Behaviour, type StandIn } from './xcrun-stand-in.js';

const MISSING =
  "error: error: cannot execute tool 'metal' due to missing Metal Toolchain; use: xcodebuild -downloadComponent MetalToolchain\n";
const NO_UTILITY = 'xcrun: error: unable to find utility "metal", not a developer tool or in PATH\n';
const IDENTIFIER = 'com.apple.dt.toolchain.Metal.32023.883';
const INSTALLED = `Build Version: 17F109\nStatus: installed\nToolchain Identifier: ${IDENTIFIER}\nToolchain Search Path: /private/var/run/x\n`;

const VERSION = { tool: 'xcrun', args: ['-sdk', 'macosx', 'metal', '--version'], input: null };
const FIND = { tool: 'xcrun', args: ['-sdk', 'macosx', '-f', 'metal'], input: null };
const SHOW = {
  tool: 'xcodebuild',
  args: ['-showComponent', 'MetalToolchain'],
  toolchains: null,
  input: null,
};

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moegen-xcrun-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function mac(behaviour: Behaviour): StandIn {
  return makeStandIn(join(folder, 'bin'), ['xcrun', 'xcodebuild'], behaviour);
}

describe('a Mac with the compiler', () => {
  it('asks for its version and its place', async () => {
    const machine = mac({});
    const toolchain = await findXcrunToolchain(machine.env);
    expect(toolchain).toEqual({
      version: 'Apple metal version 32023.883 (metalfe-32023.883)',
      compilerPath: '/Library/Toolchains/Metal.xctoolchain/usr/bin/metal',
      compiler: [join(machine.folder, 'xcrun'), '-sdk', 'macosx', 'metal'],
      linker: [join(machine.folder, 'xcrun'), '-sdk', 'macosx', 'metallib'],
      env: machine.env,
    });
    expect(machine.calls()).toEqual([
      { ...VERSION, toolchains: null },
      { ...FIND, toolchains: null },
    ]);
  });

  it('tries again with TOOLCHAINS=Metal', async () => {
    const machine = mac({ missing: MISSING, toolchain: 'Metal' });
    expect(await findXcrunToolchain(machine.env)).toMatchObject({
      env: { ...machine.env, TOOLCHAINS: 'Metal' },
    });
    expect(machine.calls()).toEqual([
      { ...VERSION, toolchains: null },
      { ...VERSION, toolchains: 'Metal' },
      { ...FIND, toolchains: 'Metal' },
    ]);
  });

  it("tries again with the component's own identifier", async () => {
    const machine = mac({ missing: MISSING, toolchain: IDENTIFIER, component: INSTALLED });
    expect(await findXcrunToolchain(machine.env)).toMatchObject({ env: { TOOLCHAINS: IDENTIFIER } });
    expect(machine.calls()).toEqual([
      { ...VERSION, toolchains: null },
      { ...VERSION, toolchains: 'Metal' },
      SHOW,
      { ...VERSION, toolchains: IDENTIFIER },
      { ...FIND, toolchains: IDENTIFIER },
    ]);
  });

  it("leaves the caller's own TOOLCHAINS alone where it works", async () => {
    const machine = mac({ missing: MISSING, toolchain: 'own' });
    const env = { ...machine.env, TOOLCHAINS: 'own' };
    expect(await findXcrunToolchain(env)).toMatchObject({ env });
  });
});

describe('a machine without the compiler', () => {
  it.each([
    [
      'component',
      MISSING,
      "Xcode's Metal Toolchain component is not installed",
      'run: xcodebuild -downloadComponent',
    ],
    ['Xcode', NO_UTILITY, 'the command line tools alone', 'sudo xcode-select -s /Applications/Xcode.app'],
    [
      'licence',
      'You have not agreed to the Xcode license agreements.\n',
      'licence',
      'sudo xcodebuild -license accept',
    ],
    ['reason known', 'xcrun: error: SDK "macosx" cannot be located\n', 'cannot be located', 'MetalToolchain'],
  ])('says what to do where there is no %s', async (_, missing, reason, help) => {
    const found = await findXcrunToolchain(mac({ missing, component: 'Status: uninstalled\n' }).env);
    expect(found).toEqual({
      missing: expect.stringContaining(reason) as string,
      help: expect.stringContaining(help) as string,
    });
  });

  it('says so where there is neither xcrun nor metal.exe', async () => {
    const found = await findXcrunToolchain({ PATH: folder });
    expect(found).toEqual({
      missing: expect.stringContaining('neither xcrun nor metal.exe') as string,
      help: expect.stringContaining('xcodebuild -downloadComponent MetalToolchain') as string,
    });
  });
});

describe('Windows', () => {
  it('calls metal.exe and metallib.exe themselves', async () => {
    const machine = makeStandIn(join(folder, 'bin'), ['metal.exe', 'metallib.exe'], {});
    expect(await findXcrunToolchain({ Path: machine.folder })).toMatchObject({
      compiler: [join(machine.folder, 'metal.exe')],
      linker: [join(machine.folder, 'metallib.exe')],
    });
    expect(machine.calls()).toEqual([
      { tool: 'metal.exe', args: ['--version'], toolchains: null, input: null },
    ]);
  });

  it('says so where metal.exe does not run', async () => {
    const machine = makeStandIn(join(folder, 'bin'), ['metal.exe', 'metallib.exe'], {
      missing: 'no such DLL\n',
    });
    const found = await findXcrunToolchain(machine.env);
    expect(found).toMatchObject({
      missing: expect.stringContaining('no such DLL') as string,
      help: expect.any(String) as string,
    });
  });
});
