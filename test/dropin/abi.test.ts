// The buffers of the drop-in router and dispatch kernels, index by index, as the audited files declare them: what a host binds
// today must fit tomorrow.

import { describe, expect, it } from 'vitest';
import { allPlans } from '../support/host-kernels.js';

/** x: an element of the activations' dtype; s: a half scale; u, f: 32 bits; n: a number; D, E: a struct. Written buffers end in !. */
const BUFFERS: Readonly<Record<string, string>> = {
  moe_router_fused: 'x x u! x! n n n n',
  moe_router_fused_small: 'x x u! x! n n n n',
  moe_router_fused_coalesced: 'x x u! x! n n n n',
  moe_router_with_aux_loss: 'x x u! x! f! u! n n n n',
  moe_router_batched: 'x x u! x! u n n n n',
  moe_dispatch_fused: 'x u s u x x! D',
  moe_dispatch_grouped: 'x u s u u x x! D',
  moe_dispatch_atomic: 'x u s u x u x! D n',
  moe_dispatch_parallel: 'x u s u x f! D',
  moe_compute_grouping: 'u u u! u n n n',
  moe_compute_offsets: 'u u! n',
  moe_scatter_indices: 'u u! u n n n',
  moe_count_experts_atomic: 'u u! u n n n',
  moe_assign_tokens_atomic: 'u x u! x! u! n n n n',
  moe_gpu_sort: 'u x u! u! u! n n n',
  moe_gate_entropy_per_token: 'x x! E',
  moe_gate_entropy_per_expert: 'x x! E',
  moe_gate_entropy_with_loads: 'x u x! f! E',
  moe_gate_entropy_topk: 'x u x x! E',
  moe_gate_entropy_normalized: 'x x! E',
  moe_gate_entropy_gradient: 'x x! E',
};

const THREADS: Readonly<Record<string, number>> = {
  moe_router_fused: 128,
  moe_dispatch_fused: 128,
  moe_dispatch_grouped: 128,
  moe_dispatch_atomic: 128,
  moe_dispatch_parallel: 128,
  moe_compute_grouping: 256,
  moe_compute_offsets: 1,
  moe_gpu_sort: 256,
  moe_gate_entropy_with_loads: 256,
};

const DTYPES = ['f16', 'bf16', 'f32'] as const;
const plans = allPlans();

function planOf(kernel: string, dtype: (typeof DTYPES)[number]) {
  const name = dtype === 'f16' ? kernel : `${kernel}_${dtype}`;
  const plan = plans.find((candidate) => candidate.name === name);
  if (plan === undefined) throw new Error(`there is no ${name}`);
  return plan;
}

function letterOf({ name, element, access, struct }: ReturnType<typeof planOf>['bindings'][number]): string {
  if (struct !== undefined) return struct.name === 'MoEDispatchParams' ? 'D' : 'E';
  if (access === 'argument') return 'n';
  const kind = element === 'u32' ? 'u' : name.endsWith('scales') ? 's' : 'x';
  return access === 'read' ? kind : `${kind}!`;
}

describe.each(Object.keys(BUFFERS))('%s', (kernel) => {
  it.each(DTYPES)('keeps its name, its file and its buffers in %s', (dtype) => {
    const plan = planOf(kernel, dtype);
    const letters = plan.bindings.map((binding, position) => {
      expect(binding.index).toBe(position);
      const letter = letterOf(binding);
      // A float buffer of every dtype is told from one of the activations' by the table.
      const isFloat = (BUFFERS[kernel] ?? '').split(' ')[position]?.startsWith('f') === true;
      if (letter.startsWith('x')) expect(binding.element).toBe(isFloat ? 'f32' : dtype);
      if (letter === 's') expect(binding.element).toBe('f16');
      return isFloat ? letter.replace('x', 'f') : letter;
    });
    expect(letters.join(' ')).toBe(BUFFERS[kernel]);
    expect(`${plan.folder}/${plan.file ?? ''}`).toBe(
      `${dtype}/${kernel.startsWith('moe_router') ? 'moe_router' : 'moe_dispatch'}`,
    );
    const threads = THREADS[kernel];
    if (threads !== undefined) expect(plan.dispatch.threadsPerThreadgroup).toEqual([threads, 1, 1]);
    expect(plan.threadgroupBytes).toBeLessThanOrEqual(32_768);
  });
});

describe('structs', () => {
  it('have the members that hosts fill, at the same bytes', () => {
    const dispatch = planOf('moe_dispatch_fused', 'f16').bindings.at(-1)?.struct;
    expect(dispatch?.fields.map(({ name, offset }) => [name, offset])).toEqual([
      ['batch_size', 0],
      ['hidden_dim', 4],
      ['out_dim', 8],
      ['num_experts', 12],
      ['top_k', 16],
      ['group_size', 20],
    ]);
    expect(dispatch?.size).toBe(24);
    for (const dtype of DTYPES) {
      const entropy = planOf('moe_gate_entropy_per_token', dtype).bindings.at(-1)?.struct;
      expect(entropy?.fields.map(({ name, offset }) => [name, offset])).toEqual([
        ['batch_size', 0],
        ['num_experts', 4],
        ['mode', 8],
        ['top_k', 12],
        ['epsilon', 16],
      ]);
      expect(entropy?.fields.at(-1)?.element).toBe(dtype);
      expect(entropy?.size).toBe(20);
    }
  });
});
