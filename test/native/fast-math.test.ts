// Fast functions differ from precise ones, by no more than Metal allows; and buffers that are given in parts, larger than memory.

import { describe, expect, it } from 'vitest';

import { device, load, range } from './support.js';

const PROGRAM = `kernel void k(device const float* x [[buffer(0)]], device float* out [[buffer(1)]], uint i [[thread_position_in_grid]]) {
  out[3 * i] = exp(x[i]); out[3 * i + 1] = fast::exp(x[i]); out[3 * i + 2] = precise::exp(x[i]);
}
kernel void far(device const float* x [[buffer(0)]], device float* out [[buffer(1)]], constant ulong& at [[buffer(2)]]) {
  out[0] = x[at]; out[1] = x[at - 1]; out[2] = x[uint(at)];
}`;

const ULP = 2 ** -23;

async function exponentials(instrument: boolean): Promise<Float32Array> {
  const x = Float32Array.from(range(64), (at) => at - 60.3);
  const result = await device.run({
    buffers: [{ byteLength: 256, data: new Uint8Array(x.buffer) }, { byteLength: 768 }],
    dispatches: [
      {
        library: await load(PROGRAM, instrument),
        kernel: 'k',
        buffers: { 0: { buffer: 0 }, 1: { buffer: 1 } },
        threadgroups: [1, 1, 1],
        threadsPerThreadgroup: [64, 1, 1],
      },
    ],
    outputs: [1],
  });
  return new Float32Array((result.outputs[0] ?? new Uint8Array()).slice().buffer);
}

describe('the exponential', () => {
  it.each([false, true])('instrumented: %s', async (instrument) => {
    const values = await exponentials(instrument);
    for (let i = 0; i < 64; i += 1) {
      const [plain = NaN, fast = NaN, precise = NaN] = values.subarray(3 * i, 3 * i + 3);
      const limit = (3 + Math.floor(2 * Math.abs(i - 60.3))) * ULP * precise;
      expect(fast).not.toBe(precise);
      expect(Math.abs(fast - precise)).toBeLessThanOrEqual(limit);
      expect(plain).toBe(instrument ? fast : precise);
    }
  });
});

describe('a buffer in parts', () => {
  const at = 2 ** 32 + 5;
  const part = { offset: 4 * at, data: new Uint8Array(Float32Array.of(7.5).buffer) };
  const job = async (readsPart: boolean) =>
    ({
      buffers: [
        { byteLength: 4 * at + 64, parts: [part] },
        { byteLength: 12 },
        { byteLength: 8, data: new Uint8Array(BigUint64Array.of(BigInt(at)).buffer) },
      ],
      dispatches: [
        {
          library: await load(PROGRAM),
          kernel: 'far',
          buffers: { 0: { buffer: readsPart ? 0 : 1 }, 1: { buffer: readsPart ? 1 : 0 }, 2: { buffer: 2 } },
          threadgroups: [1, 1, 1],
          threadsPerThreadgroup: [1, 1, 1],
        },
      ],
      outputs: [1],
    }) as const;

  it('is zero elsewhere, and shows indices of 32 bits', async () => {
    const { outputs } = await device.run(await job(true));
    expect(Array.from(new Float32Array((outputs[0] ?? new Uint8Array()).slice().buffer))).toEqual([
      7.5, 0, 0,
    ]);
  });

  it('is not written', async () => {
    await expect(device.run(await job(false))).rejects.toThrow('a buffer that kernels write');
  });
});
