// The threadgroup memory that kernels declare, as the engine counts it, and against the figures of their plans.

import { describe, expect, it } from 'vitest';

import type { DispatchResult } from '../../generator/native/types.js';
import { kernelCases } from '../../generator/validate/kernels/cases.js';
import { validateKernel } from '../../generator/validate/kernels/run.js';
import { describeMismatch, memoryMismatches } from '../../generator/validate/threadgroup-memory.js';
import { launch, load } from '../native/support.js';
import { allPlans, hostDevice, kernelTexts } from '../support/host-kernels.js';
import { samplePlan } from '../support/sample-plan.js';

describe('the engine', () => {
  it('counts variables and arguments, each at its alignment, and in all threadgroups', async () => {
    const library = await load(
      `kernel void k(device float* o, threadgroup float* argument [[threadgroup(1)]], uint t [[thread_index_in_threadgroup]],
                     uint group [[threadgroup_position_in_grid]]) {
         threadgroup ushort odd[3];
         odd[t % 3] = t;
         argument[t] = 1.0f;
         if (group == 0) return;
         threadgroup float4 wide[2];
         wide[t % 2] = float4(1.0f);
         threadgroup_barrier(mem_flags::mem_threadgroup);
         o[0] = odd[0] + argument[0] + wide[1].x;
       }`,
    );
    const run = async (groups: number) => {
      const request = { library, kernel: 'k', buffers: [4], threads: 4, threadgroupMemory: { 1: 16 } };
      const { dispatches } = await launch({ ...request, groups: [groups, 1, 1] });
      return dispatches[0]?.threadgroupMemory;
    };
    expect(await run(1)).toBe(16 + 6);
    expect(await run(9)).toBe(16 + 6 + 10 + 32);
  });
});

describe('a kernel whose plan says something else', () => {
  const dispatch = (kernel: string, threadgroupMemory: number, threadgroups = 1): DispatchResult => ({
    kernel,
    threadgroups,
    threadgroupMemory,
    seconds: 0,
  });
  const plans = [
    samplePlan({ name: 'a', threadgroupBytes: 64 }),
    samplePlan({ name: 'b', threadgroupBytes: 0 }),
  ];

  it('is found by its largest dispatch that had threadgroups', () => {
    expect(memoryMismatches(plans, [dispatch('a', 32), dispatch('a', 64), dispatch('b', 0)])).toEqual([]);
    expect(memoryMismatches(plans, [dispatch('a', 0, 0)])).toEqual([]);
    const [found] = memoryMismatches(plans, [dispatch('a', 32), dispatch('b', 0)]);
    expect(found).toEqual({ kernel: 'a', declared: 32, planned: 64 });
    expect(found && describeMismatch(found)).toMatch(/^a declares 32 bytes.*64$/);
  });

  it('does not validate', async () => {
    const plan = allPlans('ushort').find(({ name }) => name === 'moe_index_count');
    if (plan === undefined) throw new Error('moe_index_count is gone');
    const device = hostDevice();
    const library = await device.load({ source: (await kernelTexts([plan])).textOf(plan) });
    const cases = kernelCases('f32').slice(0, 5);
    const verdict = (bytes: number) =>
      validateKernel(device, library, { ...plan, threadgroupBytes: bytes }, cases, { seed: 1, checks: [] });
    const { threadgroupBytes } = plan;
    expect(await verdict(threadgroupBytes)).toMatchObject({ ok: true, memory: [] });
    expect(await verdict(threadgroupBytes + 4)).toMatchObject({
      ok: false,
      failures: [],
      memory: [{ kernel: 'moe_index_count', declared: threadgroupBytes, planned: threadgroupBytes + 4 }],
    });
  });
});
