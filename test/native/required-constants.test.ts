// A function constant without a value may be asked for, and where it is used the job ends with its index.

import { expect, it } from 'vitest';

import { launch, load, output } from './support.js';

const PROGRAM = `constant uint width [[function_constant(3)]];
constant uint4 many [[function_constant(4)]];
constant uint twice = width * 2;
constant bool has_width = is_function_constant_defined(width);
kernel void guarded(device uint* out [[buffer(0)]]) { out[0] = has_width ? twice : 1; }
kernel void derived(device uint* out [[buffer(0)]]) { out[0] = twice; }
kernel void component(device uint* out [[buffer(0)]]) { out[0] = many.y; }
kernel void whole(device uint* out [[buffer(0)]]) { uint4 all = many; out[0] = all.x; }`;

async function run(
  kernel: string,
  constants: Record<number, number | number[]>,
): Promise<number | undefined> {
  const library = await load(PROGRAM, true);
  const result = await launch({
    library,
    kernel,
    buffers: [4],
    threads: 1,
    constants,
    options: { count: true },
  });
  return new Uint32Array(output(result))[0];
}

it.each([
  ['guarded', {}, 1],
  ['guarded', { 3: 21 }, 42],
  ['derived', { 3: 21 }, 42],
  ['component', { 4: [1, 2, 3, 4] }, 2],
  ['whole', { 4: [1, 2, 3, 4] }, 1],
] as const)('%s with %j gives %i', async (kernel, constants, value) => {
  expect(await run(kernel, constants as Record<number, number | number[]>)).toBe(value);
});

it.each([
  ['derived', 3],
  ['component', 4],
  ['whole', 4],
])('%s needs function constant %i', async (kernel, index) => {
  await expect(run(kernel, {})).rejects.toMatchObject({
    code: 'native/missing-constant',
    message: `the kernel uses function constant ${index}, which has no value`,
  });
});
