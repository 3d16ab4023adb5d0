// The CUDA device from Metal to results, with the real compiler and the real Node binding. A driver of our own stands in for
// the GPU's: it writes down its calls, and its kernels write their grid into their first buffer.

import { mkdirSync, mkdtempSync, copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { buildCudaAddon, createCudaDevice, createRecordingDevice } from '../../generator/native/cuda.js';
import type { CudaDevice } from '../../generator/native/cuda/device.js';
import { INDEX_FILE } from '../../generator/native/cuda/programs.js';
import type { Dispatch, Job, LoadedLibrary } from '../../generator/native/types.js';
import { PRELUDE, testCache } from '../compile/support.js';
import { buildDriver, calls, setFault, startLog } from './driver.js';

const TEXT = `${PRELUDE}constant uint n [[function_constant(0)]];
kernel void first(device uint* o [[buffer(0)]], device const uint* a [[buffer(2)]], threadgroup uint* x [[threadgroup(0)]],
                  threadgroup uint* y [[threadgroup(1)]], uint t [[thread_index_in_threadgroup]]) {
  x[t] = a[t] * n;
  y[t] = x[t] + 1;
  o[t] = y[t];
}
kernel void second(device float4* o [[buffer(0)]], uint t [[thread_position_in_grid]]) { o[t] = o[t + 1] * 2.0f; }
`;
const SOURCE = { path: 'kernels.metal', text: TEXT };

let driver: string;
let addon: string;
beforeAll(async () => {
  driver = await buildDriver();
  addon = await buildCudaAddon({ env: process.env, cacheDir: testCache });
}, 300_000);
afterAll(() => {
  setFault(undefined);
  delete process.env['STAND_IN_LOG'];
  rmSync(driver, { recursive: true });
});
beforeEach(() => {
  setFault(undefined);
  startLog();
});

function create() {
  return createCudaDevice({ env: process.env, cacheDir: testCache, driver: join(driver, 'libcuda.so.1') });
}

async function open(): Promise<CudaDevice> {
  const device = await create();
  if ('unavailable' in device) throw new Error(device.unavailable);
  return device;
}

const load = (device: CudaDevice): Promise<LoadedLibrary> => device.load({ source: SOURCE });

function firstOf(library: LoadedLibrary): Dispatch {
  return {
    library,
    kernel: 'first',
    constants: { 0: 3 },
    buffers: { 0: { buffer: 0 }, 2: { buffer: 1, offset: 4 } },
    threadgroupMemory: { 0: 128, 1: 256 },
    threadgroups: [2, 5, 1],
    threadsPerThreadgroup: [32, 1, 1],
  };
}

function secondOf(library: LoadedLibrary): Dispatch {
  return {
    library,
    kernel: 'second',
    buffers: { 0: { buffer: 2 } },
    threadgroups: { indirect: { buffer: 0, offset: 0 } },
    threadsPerThreadgroup: [64, 1, 1],
  };
}

const BUFFERS = [{ byteLength: 16 }, { byteLength: 256, data: new Uint8Array(256) }, { byteLength: 64 }];

async function jobOn(device: CudaDevice, change: Partial<Job> = {}): Promise<Job> {
  const library = await load(device);
  return { buffers: BUFFERS, dispatches: [firstOf(library), secondOf(library)], outputs: [0, 2], ...change };
}

describe('opening', () => {
  it('says why there is no device', async () => {
    const missing = join(driver, 'none.so');
    expect(await createCudaDevice({ env: process.env, cacheDir: testCache, driver: missing })).toEqual({
      unavailable: `no NVIDIA driver: ${missing} cannot be loaded`,
    });
    setFault('no-gpu');
    expect(await create()).toEqual({ unavailable: 'there is no NVIDIA GPU: stand-in fault (100)' });
    setFault('old-gpu');
    expect(await create()).toEqual({
      unavailable: expect.stringMatching(
        /^kernels are compiled for compute capability 9\.0; .* 7\.0/u,
      ) as string,
    });
  });

  it('names the GPU, the driver and the compiler', async () => {
    expect(await (await open()).describe()).toBe(
      'stand-in GPU, 3 multiprocessors, 4 GiB, compute capability 9.0, driver for CUDA 13.2; kernels compiled to PTX',
    );
  });
});

describe('running', () => {
  it('launches kernels with their parameters, and grids that others wrote', async () => {
    const device = await open();
    const result = await device.run(await jobOn(device));
    expect(calls().filter((line) => line.includes(' of '))).toEqual([
      // Buffers 0 to 2, and two threadgroup arguments.
      'first 2x5x1 of 32x1x1, 384 shared, 5 parameters',
      'second 2x5x1 of 64x1x1, 0 shared, 1 parameters',
    ]);
    const words = result.outputs.map((bytes) => [...new Uint32Array(Uint8Array.from(bytes).buffer)]);
    // What nobody wrote is filled with 0xA5.
    expect(words[0]).toEqual([2, 5, 1, 0xa5a5a5a5]);
    expect(words[1]?.slice(0, 4)).toEqual([2, 5, 1, 0xa5a5a5a5]);
    expect(result.dispatches).toEqual([
      { kernel: 'first', seconds: 0, threadgroups: 10 },
      { kernel: 'second', seconds: 0, threadgroups: 10 },
    ]);
  });

  it('refuses what a GPU cannot do, and what the host refuses', async () => {
    const device = await open();
    const refused = { code: 'native/unsupported-on-cuda' };
    await expect(device.load({ source: SOURCE, instrument: true })).rejects.toMatchObject(refused);
    await expect(device.run(await jobOn(device, { checks: ['bounds'] }))).rejects.toMatchObject(refused);
    await expect(device.run(await jobOn(device, { count: true }))).rejects.toMatchObject(refused);
    const library = await load(device);
    const unbound = [{ ...firstOf(library), buffers: { 0: { buffer: 0 } } }];
    await expect(device.run({ buffers: BUFFERS, dispatches: unbound, outputs: [] })).rejects.toMatchObject({
      code: 'native/missing-binding',
    });
    const flat: Dispatch = { ...firstOf(library), threadgroups: [1, 70_000, 1] };
    await expect(device.run({ buffers: BUFFERS, dispatches: [flat], outputs: [] })).rejects.toMatchObject({
      code: 'native/too-many-threadgroups',
    });
  });

  it.each([
    ['bad-ptx', 'native/does-not-load'],
    ['no-memory', 'native/out-of-memory'],
    ['registers', 'native/bad-threads'],
    ['misaligned', 'native/misaligned-address'],
  ])('%s is an error, after which the device goes on', async (fault, code) => {
    const device = await open();
    setFault(fault);
    await expect(device.run(await jobOn(device))).rejects.toMatchObject({ code });
    expect(calls().at(-1)).toBe('end of context');
    setFault(undefined);
    expect((await device.run(await jobOn(device))).dispatches).toHaveLength(2);
  });

  it("hands on what the driver's compiler says", async () => {
    const device = await open();
    setFault('bad-ptx');
    const log = 'ptxas: line 7: no such instruction';
    await expect(device.run(await jobOn(device))).rejects.toMatchObject({ log });
  });

  it('does not wait for ever', async () => {
    const device = await open();
    setFault('endless');
    const job = await jobOn(device, { timeoutSeconds: 0.05 });
    await expect(device.run(job)).rejects.toMatchObject({ code: 'native/kernel-timed-out' });
    setFault(undefined);
    // The kernel may still run: nothing else can.
    await expect(device.run(job)).rejects.toMatchObject({ code: 'native/kernel-timed-out' });
  });
});

describe('timing', () => {
  it('captures all dispatches, then each stage, once for each copy', async () => {
    const device = await open();
    const library = await load(device);
    const [input = BUFFERS[1], ...inputs] = [1, 2, 3].map((value) => new Uint8Array(256).fill(value));
    const timing = await device.time({
      buffers: [
        { byteLength: 16, instances: 'own' },
        { byteLength: 256, instances: [input as Uint8Array, ...inputs] },
        { byteLength: 64 },
      ],
      stages: [
        { name: 'both', dispatches: [firstOf(library), secondOf(library)] },
        { name: 'last', dispatches: [secondOf(library)] },
      ],
      copies: 2,
      repetitions: 5,
      flush: true,
    });
    // Each launch takes a millisecond in the stand-in.
    expect(timing).toEqual({
      microseconds: 3000,
      stages: [
        { name: 'both', microseconds: 2000 },
        { name: 'last', microseconds: 1000 },
      ],
      readBandwidth: 2 ** 30 / 1e-3,
    });
    const [one, two] = [
      'first 2x5x1 of 32x1x1, 384 shared, 5 parameters',
      'second 2x5x1 of 64x1x1, 0 shared, 1 parameters',
    ];
    const graph = (...launches: (string | undefined)[]): string =>
      `graph:${[...launches, ...launches].map((launch) => ` [${launch ?? ''}]`).join('')}`;
    expect(calls().filter((line) => line.startsWith('graph:') && !line.includes('moe_read'))).toEqual([
      graph(one, two, two),
      graph(one, two),
      graph(two),
    ]);
    // Five that count and three that do not, for three graphs; and the memory is filled when it is allocated.
    expect(calls().filter((line) => line === 'flush')).toHaveLength(3 * 8 + 1);
  });

  it('refuses counts that are none, and contents of another size', async () => {
    const device = await open();
    const stages = [{ name: 'one', dispatches: [firstOf(await load(device))] }];
    await expect(device.time({ buffers: BUFFERS, stages, copies: 0 })).rejects.toMatchObject({
      code: 'native/bad-timing',
    });
    const buffers = [{ byteLength: 16, instances: [new Uint8Array(8)] }, ...BUFFERS.slice(1)];
    await expect(device.time({ buffers, stages })).rejects.toMatchObject({ code: 'native/bad-buffer' });
  });
});

describe('programs from elsewhere', () => {
  const options = { matrix: 'fast', alignment: 'vector' } as const;

  it('are found wherever the source lies, and those that were not asked for are missing', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'moegen-programs-'));
    const { device, recorder } = createRecordingDevice({ cacheDir: testCache, ...options });
    const answer = await device.run(await jobOn(device));
    expect(answer.outputs).toEqual([new Uint8Array(16), new Uint8Array(64)]);
    mkdirSync(folder, { recursive: true });
    for (const [name, file] of recorder.files) copyFileSync(file, join(folder, name));
    writeFileSync(join(folder, INDEX_FILE), JSON.stringify(recorder.index));

    const openBundle = (more: { readonly matrix?: 'ordered' } = {}) =>
      createCudaDevice({
        env: {},
        cacheDir: join(folder, 'none'),
        driver: join(driver, 'libcuda.so.1'),
        bundle: { addon, programs: folder },
        ...more,
      });
    const there = await openBundle();
    if ('unavailable' in there) throw new Error(there.unavailable);
    const library = await there.load({ source: { path: join('elsewhere', 'k.metal'), text: TEXT } });
    const job = { buffers: BUFFERS, dispatches: [firstOf(library)], outputs: [0] };
    expect((await there.run(job)).dispatches).toHaveLength(1);
    const missing = { code: 'native/not-bundled' };
    const other = { ...job, dispatches: [{ ...firstOf(library), constants: { 0: 4 } }] };
    await expect(there.run(other)).rejects.toMatchObject(missing);
    await expect(there.load({ source: { path: 'k.metal', text: '' } })).rejects.toMatchObject(missing);
    await expect(openBundle({ matrix: 'ordered' })).rejects.toMatchObject(missing);
    rmSync(folder, { recursive: true });
  });
});
