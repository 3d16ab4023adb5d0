// Kernels that crash, hang or ask for too much end their job and nothing else; jobs run side by side and from other threads.

import { Worker } from 'node:worker_threads';

import { expect, it } from 'vitest';

import { createHostDevice } from '../../generator/native/host.js';
import type { MoegenError } from '../../generator/errors.js';
import { device, launch, load, output, range } from './support.js';

async function failure(work: Promise<unknown>): Promise<MoegenError> {
  return work.then(
    () => {
      throw new Error('expected a rejected promise');
    },
    (error: unknown) => error as MoegenError,
  );
}

const SUM = `kernel void test(device uint* out [[buffer(0)]], uint t [[thread_position_in_grid]]) { out[t] = t * 3; }`;

it('survives a wild access, and names the thread', async () => {
  const library =
    await load(`kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]],
      uint g [[threadgroup_position_in_grid]]) { if (g == 2 && t == 17) out[1ul << 40] = 1; }`);
  const error = await failure(
    launch({ library, kernel: 'test', buffers: [256], threads: 32, groups: [4, 1, 1] }),
  );
  expect(error.code).toBe('native/kernel-crashed');
  expect(error.where).toBe("dispatches[0] ('test'), threadgroup 2, thread 17");
});

it('names the line of a wild access where it can', async () => {
  const library = await load(
    `kernel void test(device uint* out [[buffer(0)]]) {\n  out[0] = 1;\n  out[1ul << 40] = 1;\n}`,
    true,
  );
  const error = await failure(
    launch({ library, kernel: 'test', buffers: [256], threads: 1, options: { checks: ['bounds'] } }),
  );
  expect(error.where).toMatch(/^dispatches\[0\] \('test'\), threadgroup 0, thread 0, .*test\.metal:5$/u);
});

it('says that a stack was too small', async () => {
  const library =
    await load(`uint deep(uint n, thread uint* x) { uint a[256]; for (uint i = 0; i < 256; i++) a[i] = x[i % 4] + n;
      return n == 0 ? a[7] : deep(n - 1, a) + a[n % 256]; }
    kernel void test(device uint* out [[buffer(0)]]) { uint x[4] = {1, 2, 3, 4}; out[0] = deep(out[1], x); }`);
  const error = await failure(
    launch({ library, kernel: 'test', buffers: [new Uint32Array([0, 100_000])], threads: 1 }),
  );
  expect(error.message).toMatch(/exceed its stack/u);
});

it('says so for one large array too', async () => {
  const library =
    await load(`kernel void test(device uint* out [[buffer(0)]], uint t [[thread_index_in_threadgroup]]) {
    uint a[100000]; for (uint i = 0; i < 100000; i++) a[i] = out[i % 2] + i;
    threadgroup_barrier(mem_flags::mem_none);
    uint sum = 0; for (uint i = 0; i < 100000; i++) sum += a[(i * out[1]) % 100000];
    out[0] = sum; }`);
  const error = await failure(launch({ library, kernel: 'test', buffers: [new Uint32Array(2)], threads: 2 }));
  expect(error.message).toMatch(/exceed its stack/u);
});

it('ends what does not end by itself', async () => {
  const library = await load(
    `kernel void test(device volatile uint* out [[buffer(0)]]) { while (out[0] != 7) {} }`,
  );
  const begin = Date.now();
  const error = await failure(
    launch({ library, kernel: 'test', buffers: [256], threads: 1, options: { timeoutSeconds: 0.3 } }),
  );
  expect(error.code).toBe('native/kernel-timed-out');
  expect(error.where).toContain("'test'");
  expect(Date.now() - begin).toBeLessThan(20_000);
});

it('refuses more threadgroup memory than there is', async () => {
  const library =
    await load(`kernel void test(device uint* out [[buffer(0)]], threadgroup uint* a [[threadgroup(0)]]) {
    threadgroup uint b[4096]; a[0] = 1; b[0] = 2; out[0] = a[0] + b[0]; }`);
  const run = (bytes: number) =>
    launch({ library, kernel: 'test', buffers: [4], threads: 1, threadgroupMemory: { 0: bytes } });
  const error = await failure(run(16_400));
  expect(error.code).toBe('native/threadgroup-memory');
  expect(error.message).toContain('32784');
  expect(new Uint32Array(output(await run(16_384)))[0]).toBe(3);
});

it('refuses counts that no grid has', async () => {
  const library = await load(SUM);
  const error = await failure(
    device.run({
      buffers: [{ byteLength: 16 }],
      dispatches: [
        {
          library,
          kernel: 'test',
          buffers: { 0: { buffer: 0 } },
          threadgroups: { indirect: { buffer: 0 } },
          threadsPerThreadgroup: [1, 1, 1],
        },
      ],
      outputs: [],
    }),
  );
  expect(error.code).toBe('native/too-many-threadgroups');
});

it('runs jobs side by side, good ones and bad ones', async () => {
  const good = await load(SUM);
  const bad = await load('kernel void test(device uint* out [[buffer(0)]]) { out[1ul << 40] = 1; }');
  const results = await Promise.allSettled(
    range(24).map((i) =>
      launch({ library: i % 3 === 0 ? bad : good, kernel: 'test', buffers: [1024], threads: 256 }),
    ),
  );
  for (const [i, result] of results.entries()) {
    expect(result.status).toBe(i % 3 === 0 ? 'rejected' : 'fulfilled');
    if (result.status === 'fulfilled') expect(new Uint32Array(output(result.value))[255]).toBe(765);
  }
});

it('works in worker threads, also in one that ends in the middle of a job', async () => {
  const library = await load(SUM);
  const slow = await load(
    'kernel void test(device volatile uint* out [[buffer(0)]]) { while (out[0] != 7) {} }',
  );
  const code = `
    import { parentPort, workerData } from 'node:worker_threads';
    import { createHostDevice } from ${JSON.stringify(new URL('../../generator/native/host.ts', import.meta.url).href)};
  `;
  expect(code).toContain('host.ts');
  const { addonPath, job } = await describeJob(library);
  const worker = (text: string): Worker => new Worker(text, { eval: true, workerData: { addonPath, job } });
  const RUN = `const { parentPort, workerData } = require('node:worker_threads');
    const addon = require(workerData.addonPath);
    addon.run(workerData.job).then((r) => parentPort.postMessage(new Uint32Array(r.outputs[0].buffer)[5]));`;
  const answers = await Promise.all(
    range(3).map(
      () =>
        new Promise((resolve, reject) => {
          worker(RUN).once('message', resolve).once('error', reject);
        }),
    ),
  );
  expect(answers).toEqual([15, 15, 15]);
  const hanging = await describeJob(slow);
  const ended = new Worker(RUN, { eval: true, workerData: hanging });
  await new Promise((resolve) => ended.once('online', resolve));
  await new Promise((resolve) => setTimeout(resolve, 300));
  await ended.terminate();
});

/** A job in the words of the addon, for a thread that has no TypeScript. */
async function describeJob(library: unknown): Promise<{ addonPath: string; job: unknown }> {
  const { buildHostEngine } = await import('../../generator/native/build.js');
  const { defaultCacheDir } = await import('../../generator/compile/cache.js');
  const { makeRequest } = await import('../../generator/native/host/request.js');
  const host = (library as { host: never }).host;
  const job = makeRequest(
    {
      buffers: [{ byteLength: 1024 }],
      dispatches: [
        {
          library: library as never,
          kernel: 'test',
          buffers: { 0: { buffer: 0 } },
          threadgroups: [1, 1, 1],
          threadsPerThreadgroup: [256, 1, 1],
        },
      ],
      outputs: [0],
    },
    { libraryOf: () => host, threads: 2, lockstep: false },
  );
  const { addon, program } = await buildHostEngine({ cacheDir: defaultCacheDir(), environment: process.env });
  return { addonPath: addon, job: { ...job, program } };
}

it('names what is wrong with a job', async () => {
  const library = await load(SUM);
  const base = { library, kernel: 'test', buffers: [1024], threads: 32 } as const;
  const code = async (work: Promise<unknown>): Promise<string> => (await failure(work)).code;
  const unknown = await failure(launch({ ...base, kernel: 'tset' }));
  expect([unknown.code, unknown.help]).toEqual(['native/unknown-kernel', 'Nearest: test.']);
  expect(await code(launch({ ...base, buffers: [] }))).toBe('native/missing-binding');
  expect(await code(launch({ ...base, buffers: [4, 4] }))).toBe('native/unknown-binding');
  expect(await code(launch({ ...base, threads: 1025 }))).toBe('native/bad-threads');
  expect(await code(launch({ ...base, threads: [0, 1, 1] }))).toBe('native/bad-threads');
  expect(await code(launch({ ...base, groups: [1.5, 1, 1] }))).toBe('native/bad-threadgroups');
  expect(await code(launch({ ...base, constants: { 3: 1 } }))).toBe('native/unknown-constant');
  expect(await code(launch({ ...base, threadgroupMemory: { 0: 16 } }))).toBe('native/unknown-binding');
  expect(await code(launch({ ...base, options: { checks: ['bounds'] } }))).toBe('native/not-instrumented');
  expect(await code(launch({ ...base, options: { seed: -1 } }))).toBe('native/bad-seed');
  expect(await code(launch({ ...base, options: { timeoutSeconds: 0 } }))).toBe('native/bad-timeout');
  expect(await code(load('kernel void test(device uint* out [[buffer(0)]]) { out[0] = nothing; }'))).toBe(
    'native/does-not-compile',
  );
  expect(
    await code(
      createHostDevice({ env: process.env }).run({
        buffers: [{ byteLength: -1 }],
        dispatches: [],
        outputs: [],
      }),
    ),
  ).toBe('native/bad-buffer');
});
