// The engine watches itself while it runs kernels of all kinds: for data races between its threads, and for operations that C++ does
// not define. What kernels do is not watched: they are no part of its program.

import { beforeAll, describe, expect, it } from 'vitest';
import { createHostDevice } from '../../generator/native/host.js';
import { CHECKS, type Check, type Device } from '../../generator/native/types.js';
import { kernelCases } from '../../generator/validate/kernels/cases.js';
import { validateKernels } from '../../generator/validate/validate.js';
import { allPlans, kernelTexts } from '../support/host-kernels.js';

/** Barriers, simdgroups, atomics, matrices, indirect sizes, rows of threads. */
const KERNELS = [
  'moe_router_select_softmax',
  'moe_index_build',
  'moe_index_scatter',
  'moe_decode_down_f32_f32',
  'moe_gate_up_swiglu_f32_f32_bm16_bn64_bk32_wm1_wn4',
  'moe_combine_f32',
];

const PRELUDE = '#include <metal_stdlib>\nusing namespace metal;\n';
const SHARED_COUNTERS = `
kernel void test(device atomic_uint* counts [[buffer(0)]], device uchar* bytes [[buffer(1)]],
                 uint t [[thread_position_in_grid]], uint l [[thread_index_in_threadgroup]]) {
  threadgroup uint shared[64];
  shared[l] = t;
  threadgroup_barrier(mem_flags::mem_threadgroup);
  atomic_fetch_add_explicit(&counts[t % 3], shared[63 - l] & 1, memory_order_relaxed);
  bytes[t] = uchar(t);
}`;
const MATRICES = `
kernel void test(device float* out [[buffer(0)]], uint g [[threadgroup_position_in_grid]], uint l [[thread_index_in_simdgroup]]) {
  simdgroup_float8x8 a(1.0f), b(2.0f), c(0.0f);
  a.thread_elements()[0] += float(l);
  simdgroup_multiply_accumulate(c, a, b, c);
  simdgroup_store(c, out + 64 * g, 8);
}`;
const WILD = 'kernel void test(device uint* out [[buffer(0)]]) { out[1ul << 40] = 1; }';
const ENDLESS = 'kernel void test(device volatile uint* out [[buffer(0)]]) { while (out[0] != 7) {} }';

describe.each(['thread', 'undefined'] as const)('the engine under the sanitizer "%s"', (sanitizer) => {
  let device: Device;

  beforeAll(() => {
    device = createHostDevice({ env: process.env, threads: 4, sanitizer });
  });

  async function run(
    program: string,
    buffers: readonly number[],
    checks: readonly Check[] = [],
    seconds = 60,
  ) {
    const source = { path: 'test.metal', text: PRELUDE + program };
    const library = await device.load({ source, instrument: checks.length > 0 });
    return device.run({
      buffers: buffers.map((byteLength) => ({ byteLength, data: new Uint8Array(byteLength) })),
      dispatches: [
        {
          library,
          kernel: 'test',
          buffers: Object.fromEntries(buffers.map((_, at) => [at, { buffer: at }])),
          threadgroups: [48, 1, 1],
          threadsPerThreadgroup: [program === MATRICES ? 32 : 64, 1, 1],
        },
      ],
      outputs: [0],
      ...(checks.length > 0 && { checks }),
      timeoutSeconds: seconds,
    });
  }

  it.each([[[]], [CHECKS]] as const)('runs kernels as they are generated, with checks %j', async (checks) => {
    const plans = allPlans().filter(({ name }) => KERNELS.includes(name));
    expect(plans).toHaveLength(KERNELS.length);
    const casesOf = () =>
      kernelCases('f32').filter(({ isChecked, numExperts }) => isChecked && numExperts < 512);
    const verdicts = await validateKernels(device, await kernelTexts(plans), { seed: 7, checks, casesOf });
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
  });

  it.each([[[]], [CHECKS]] as const)(
    'counts in places that threadgroups share, with checks %j',
    async (checks) => {
      const { outputs } = await run(SHARED_COUNTERS, [12, 48 * 64], checks);
      expect([...new Uint32Array(outputs[0]?.slice().buffer ?? new ArrayBuffer(0))]).toEqual([512, 512, 512]);
    },
  );

  it('multiplies matrices whose elements were handed out', async () => {
    const { outputs } = await run(MATRICES, [48 * 256]);
    const values = new Float32Array(outputs[0]?.slice().buffer ?? new ArrayBuffer(0));
    expect(values.every((value) => Number.isFinite(value))).toBe(true);
  });

  it('ends what goes wild, and what does not end', async () => {
    await expect(run(WILD, [64])).rejects.toMatchObject({
      code: 'native/kernel-crashed',
      where: expect.stringMatching(/threadgroup \d+, thread 0/u) as string,
    });
    await expect(run(ENDLESS, [64], [], 1)).rejects.toMatchObject({ code: 'native/kernel-timed-out' });
  });
});
