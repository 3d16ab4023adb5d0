// The README shows a generated kernel and a table of what there is: both must be what the generator says today.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { planKernels } from '../../generator/plan/plan.js';
import { modelTypes } from '../../generator/spec/models/index.js';
import { readBlockSpec } from '../../generator/spec/read-spec.js';
import { allPlans } from '../support/host-kernels.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SPEC = { activations: ['bf16'], weights: ['bf16'], bf16Storage: 'ushort', mslVersion: '3.0' } as const;
const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');

function list(values: readonly (string | undefined)[]): string {
  const names = [...new Set(values.filter((value) => value !== undefined))].sort();
  return names.length === 0 ? '-' : names.join(', ');
}

/** One row for each family, in alphabetical order. */
function expectedRows(): string[] {
  const plans = allPlans();
  const families = [...new Set(plans.map(({ family }) => family))].sort();
  return families.map((family) => {
    const own = plans.filter((plan) => plan.family === family);
    const activations = list(own.map(({ axes }) => axes['activation']));
    const weights = list(own.map(({ axes }) => axes['weight']));
    return `| \`${family}\` | ${own.length} | ${activations} | ${weights} | validated | not run |`;
  });
}

describe('the README', () => {
  it('shows a kernel as it is generated', () => {
    const [, file = '', text = ''] = /<!-- kernel: (\S+) -->\s+```metal\n(.*?)```/s.exec(readme) ?? [];
    expect(text).toBe(readFileSync(path.join(ROOT, file), 'utf8'));
  });

  it('describes a block by hand that can be planned', () => {
    const [, text = ''] = /<!-- spec -->\s+```json\n(.*?)```/s.exec(readme) ?? [];
    const block = readBlockSpec(text, 'README.md');
    expect(block.tensors.expert_down).toEqual({
      name: 'experts.{expert}.down_proj.weight',
      shape: [2048, 768],
    });
    const names = planKernels({ ...SPEC, block }).map(({ name }) => name);
    expect(names).toContain('moe_router_sigmoid_top2_groups_bf16_bf16');
    expect(names).toContain('moe_decode_gate_up_swiglu_clamp_before_bf16_bf16');
  });

  it('names as many model types as there are', () => {
    expect(readme).toContain(`${modelTypes().length} model types are known`);
  });

  it('lists every family of kernels, and where it was run', () => {
    const [, table = ''] = /<!-- kernels -->\s+((?:\|[^\n]*\n)+)/.exec(readme) ?? [];
    const rows = table.trimEnd().split('\n').slice(2);
    expect(rows.map((row) => row.replaceAll(/ +/g, ' '))).toEqual(expectedRows());
  });
});
