import { describe, expect, it } from 'vitest';
import { bf16OfF32Bits } from '../../generator/floats/bfloat16.js';
import { BF16_STORAGES } from '../../generator/description/dtypes.js';
import { buildJob } from '../../generator/validate/job.js';
import { allPlans, hostDevice, kernelTexts } from '../support/host-kernels.js';

const CHUNK = 2 ** 24;
const device = hostDevice();

describe('float to BF16, for all 2^32 floats', () => {
  it.each(BF16_STORAGES)('stored as %s', async (storage) => {
    const plan = allPlans(storage).find(({ name }) => name === 'moe_convert_f32_to_bf16');
    if (plan === undefined) throw new Error('there is no conversion kernel');
    const texts = await kernelTexts([plan], storage);
    const library = await device.load({ source: texts.textOf(plan) });
    const input = new Uint32Array(CHUNK);
    for (let start = 0; start < 2 ** 32; start += CHUNK) {
      for (let i = 0; i < CHUNK; i += 1) input[i] = start + i;
      const values = { num_elements: CHUNK };
      const job = buildJob([{ plan, library, values }], { input: new Uint8Array(input.buffer) }, ['output'], {
        timeoutSeconds: 600,
      });
      const { outputs } = await device.run(job);
      expect(firstDifference(start, outputs[0] ?? new Uint8Array()), `floats from bits ${start}`).toBe(-1);
    }
  });
});

/** The bits of the first float that the kernel rounded otherwise than the reference, or -1. */
function firstDifference(start: number, bytes: Uint8Array): number {
  const got = new Uint16Array(bytes.buffer, bytes.byteOffset, CHUNK);
  for (let i = 0; i < CHUNK; i += 1) if (got[i] !== bf16OfF32Bits(start + i)) return start + i;
  return -1;
}
