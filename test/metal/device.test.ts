// The Metal device from its command lines to its results, with the real Node binding. Two things stand in for a Mac: an
// xcrun that writes down how it was called, and a MetalDevice in plain C++ that answers with what it was asked.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { createMetalDevice } from '../../generator/native/metal.js';
import type { Device, Dispatch, LoadedLibrary } from '../../generator/native/types.js';
import { makeStandIn, metallibOf, type Behaviour, type StandIn } from '../compile/xcrun-stand-in.js';
import { buildAddon, METAL_DIR, NODE_INCLUDES } from './tools.js';

const NO_COMPILER = { missing: "cannot execute tool 'metal' due to missing Metal Toolchain\n" };
const METALLIB = metallibOf([{ name: 'k', type: 2 }]).toString('base64');

let shared: string;
let built: string;
beforeAll(async () => {
  shared = mkdtempSync(join(tmpdir(), 'moegen-metal-addon-'));
  built = join(shared, 'stand-in.node');
  const standIn = fileURLToPath(new URL('stand_in_device.cc', import.meta.url));
  await buildAddon([join(METAL_DIR, 'metal_addon.cc'), join(METAL_DIR, 'job_reader.cc'), standIn], built);
});
afterAll(() => {
  rmSync(shared, { recursive: true });
});

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'moegen-metal-'));
});
afterEach(() => {
  delete process.env['STAND_IN_REASON'];
  rmSync(folder, { recursive: true });
});

function mac(behaviour: Behaviour = {}): StandIn {
  return makeStandIn(join(folder, 'bin'), ['xcrun', 'xcodebuild'], {
    metallib: METALLIB,
    built,
    ...behaviour,
  });
}

function create({ env }: Pick<StandIn, 'env'>, platform: NodeJS.Platform = 'darwin') {
  return createMetalDevice({ env, platform, cacheDir: join(folder, 'cache') });
}

async function open(machine: StandIn): Promise<Device> {
  const device = await create(machine);
  if ('unavailable' in device) throw new Error(device.unavailable);
  return device;
}

function clangCalls(machine: StandIn): string[][] {
  return machine
    .calls()
    .map(({ args }) => [...args])
    .filter((args) => args.includes('-bundle'));
}

describe('opening', () => {
  it('says why there is no device', async () => {
    expect(await create(mac(), 'linux')).toEqual({ unavailable: 'Metal runs on macOS only' });
    expect(await create({ env: { PATH: folder } })).toEqual({
      unavailable: 'no xcrun on the PATH; run: xcode-select --install',
    });
    process.env['STAND_IN_REASON'] = 'the GPU is paravirtual';
    expect(await create(mac())).toEqual({ unavailable: 'the GPU is paravirtual' });
  });

  it('says where the addon does not compile', async () => {
    const clangErrors = "note: x\nlaunch.mm:7:3: error: no type named 'MTLSize'\n1 error generated.\n";
    expect(await create(mac({ clangErrors }))).toEqual({
      unavailable: "native/metal does not compile here: launch.mm:7:3: error: no type named 'MTLSize'",
    });
  });

  it('builds the addon once, with these arguments', async () => {
    const machine = mac();
    await open(machine);
    await open(machine);
    const calls = clangCalls(machine);
    expect(calls).toHaveLength(1);
    expect(calls[0]?.slice(0, -1)).toEqual([
      ...['-sdk', 'macosx', 'clang++', '-std=c++20', '-O2', '-fobjc-arc', '-fvisibility=hidden'],
      ...['-mmacosx-version-min=14.0', '-arch', process.arch === 'x64' ? 'x86_64' : process.arch],
      ...['-DNAPI_VERSION=9', '-DNODE_ADDON_API_CPP_EXCEPTIONS'],
      ...NODE_INCLUDES.flatMap((path) => ['-isystem', path]),
      ...['job_reader.cc', 'launch.mm', 'metal_addon.cc', 'metal_device.mm', 'pipeline.mm'].map((name) =>
        join(METAL_DIR, name),
      ),
      ...['-framework', 'Foundation', '-framework', 'Metal', '-framework', 'CoreGraphics'],
      ...['-bundle', '-undefined', 'dynamic_lookup', '-o'],
    ]);
  });

  it('names the GPU and the compiler', async () => {
    expect(await (await open(mac())).describe()).toBe(
      'stand-in GPU; kernels compiled by Apple metal version 32023.883 (metalfe-32023.883)',
    );
  });
});

describe('loading', () => {
  it('loads what the offline compiler made', async () => {
    const device = await open(mac());
    const library = await device.load({ source: { path: '/k/a.metal', text: '' } });
    expect(library.device).toBe('metal');
    expect(library.kernels).toEqual([expect.stringMatching(/cache\/xcrun\/[0-9a-f]{40}\.metallib$/)]);
  });

  it('rejects with the diagnostics what does not compile', async () => {
    const device = await open(
      mac({ errors: '/k/a.metal:3:1: error: unknown type name\n1 error generated.\n' }),
    );
    await expect(device.load({ source: { path: '/k/a.metal', text: '' } })).rejects.toMatchObject({
      code: 'compile/does-not-compile',
      kind: 'answer',
      where: '/k/a.metal',
      log: '/k/a.metal:3:1: error: unknown type name',
    });
  });

  it('lets the system compile where the offline compiler is missing', async () => {
    const device = await open(mac(NO_COMPILER));
    const text = '// language: metal3.1\nkernel void k() {}\n';
    const library = await device.load({
      source: { path: '/k/a.metal', text },
      defines: { TILE: '8', FAST: '' },
    });
    expect(library.kernels).toEqual([text, '3.1', 'FAST=1', 'TILE=8']);
    expect(await device.describe()).toBe("stand-in GPU; kernels compiled by the system's Metal compiler");
  });

  it('passes on what the system compiler says', async () => {
    const device = await open(mac(NO_COMPILER));
    await expect(device.load({ source: { path: '/k/a.metal', text: 'broken' } })).rejects.toMatchObject({
      name: 'MoegenError',
      code: 'metal/does-not-compile',
      log: 'program_source:1:1: error: broken',
    });
  });

  it('refuses includes without the offline compiler, and says how to get it', async () => {
    const device = await open(mac(NO_COMPILER));
    await expect(
      device.load({ source: { path: '/k/a.metal', text: '#include "tile.h"\n' } }),
    ).rejects.toMatchObject({
      code: 'native/needs-toolchain',
      help: expect.stringContaining('xcodebuild') as string,
    });
  });

  it('refuses instrumentation', async () => {
    const device = await open(mac());
    await expect(
      device.load({ source: { path: 'a.metal', text: '' }, instrument: true }),
    ).rejects.toMatchObject({
      code: 'native/unsupported-on-metal',
    });
  });
});

describe('running', () => {
  let device: Device;
  let library: LoadedLibrary;
  beforeEach(async () => {
    device = await open(mac());
    library = await device.load({ source: { path: '/k/a.metal', text: '' } });
  });

  function dispatch(kernel: string, more: Partial<Dispatch> = {}): Dispatch {
    return {
      library,
      kernel,
      buffers: {},
      threadgroups: [1, 1, 1],
      threadsPerThreadgroup: [32, 1, 1],
      ...more,
    };
  }

  it('fills buffers, runs the dispatches in order, and returns the outputs asked for', async () => {
    const result = await device.run({
      buffers: [{ byteLength: 4, data: Uint8Array.of(1, 2) }, { byteLength: 0 }, { byteLength: 2 }],
      dispatches: [
        dispatch('first', { buffers: { 0: { buffer: 0 } } }),
        dispatch('second', { buffers: { 0: { buffer: 0 }, 1: { buffer: 2 } } }),
      ],
      outputs: [2, 0, 1],
    });
    expect(result.outputs.map((bytes) => [...bytes])).toEqual([[0xa6, 0xa6], [3, 4, 0xa7, 0xa7], []]);
    expect(result.dispatches).toEqual([
      { kernel: 'first', seconds: 0.25, threadgroups: 2 ** 40 },
      { kernel: 'second', seconds: 0.25, threadgroups: 2 ** 40 },
    ]);
    expect(result.reports).toEqual([]);
  });

  it('hands over every part of a dispatch', async () => {
    const run = device.run({
      buffers: [{ byteLength: 8, label: 'tokens' }, { byteLength: 8 }],
      dispatches: [
        dispatch('explain', {
          constants: { 0: 2048, 3: true, 4: -0.5 },
          buffers: { 0: { buffer: 1, offset: 4 }, 30: { buffer: 0 } },
          threadgroupMemory: { 0: 512 },
          threadgroups: [7, 2, 1],
          threadsPerThreadgroup: [32, 4, 1],
        }),
        dispatch('then', { threadgroups: { indirect: { buffer: 1, offset: 2 ** 33 } } }),
      ],
      outputs: [],
      timeoutSeconds: 1.5,
    });
    await expect(run).rejects.toMatchObject({
      code: 'metal/explained',
      log: [
        'timeout 1.5',
        'explain of 1 constants {0:2048;3:true;4:-0.5;} buffers {0:1+4;30:0+0;} memory {0:512;} grid 7x2x1 threads 32x4x1',
        `then of 1 constants {} buffers {} memory {} grid 1+${2 ** 33} threads 32x1x1`,
        'tokens',
        '',
      ].join('\n'),
    });
  });

  it('works on several jobs at once', async () => {
    const jobs = Array.from({ length: 16 }, (_, i) =>
      device.run({
        buffers: [{ byteLength: 1, data: Uint8Array.of(i) }],
        dispatches: [dispatch('k', { buffers: { 0: { buffer: 0 } } })],
        outputs: [0],
      }),
    );
    expect((await Promise.all(jobs)).map(({ outputs }) => outputs[0]?.[0])).toEqual(
      jobs.map((_, i) => i + 1),
    );
  });

  it('refuses what a GPU cannot do', async () => {
    const job = { buffers: [], dispatches: [dispatch('k')], outputs: [] };
    await expect(device.run({ ...job, checks: ['races'] })).rejects.toMatchObject({
      code: 'native/unsupported-on-metal',
    });
    await expect(device.run({ ...job, count: true })).rejects.toMatchObject({
      code: 'native/unsupported-on-metal',
    });
    const foreign: LoadedLibrary = { device: 'host', kernels: ['k'] };
    await expect(
      device.run({ ...job, dispatches: [dispatch('k', { library: foreign })] }),
    ).rejects.toMatchObject({
      code: 'native/foreign-library',
    });
  });
});
