// Pages show a generated kernel, a table of what there is, and a block: all must be what the generator says today.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { planKernels } from '../../generator/plan/plan.js';
import { modelTypes } from '../../generator/description/models/index.js';
import { readBlockSpec } from '../../generator/description/read-spec.js';
import { allPlans } from '../support/host-kernels.js';
import { laidOut } from './generated-pages.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const SPEC = { activations: ['bf16'], weights: ['bf16'], bf16Storage: 'ushort', mslVersion: '3.0' } as const;
const [names, models] = ['names', 'models'].map((page) =>
  readFileSync(path.join(ROOT, `docs/${page}.md`), 'utf8'),
) as [string, string];

function list(values: readonly (string | undefined)[]): string {
  const names = [...new Set(values.filter((value) => value !== undefined))].sort();
  return names.length === 0 ? '-' : names.join(', ');
}

const TABLE_HEAD =
  '| family | kernels | activations | weights | host engine (CPU) | Apple GPU |\n| - | - | - | - | - | - |\n';

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

describe('the documentation', () => {
  // `npm run docs` writes these parts anew.
  it('shows a kernel as it is generated, and lists every family and where it was run', async () => {
    const [, file = ''] = /<!-- kernel: (\S+) -->/.exec(names) ?? [];
    const text = readFileSync(path.join(ROOT, file), 'utf8');
    const rows = `${TABLE_HEAD}${expectedRows().join('\n')}\n`;
    const expected = names
      .replace(/(<!-- kernel: \S+ -->\s+```metal\n).*?```/s, (_, head: string) => `${head}${text}\`\`\``)
      .replace(/(<!-- kernels -->\s+)(?:\|[^\n]*\n)+/, (_, head: string) => head + rows);
    await expect(await laidOut(expected)).toMatchFileSnapshot(path.join(ROOT, 'docs/names.md'));
  });

  it('names as many model types as there are', async () => {
    expect(models).toMatch(/\d+ model types are known/);
    const expected = models.replace(
      /\d+ model types are known/,
      `${modelTypes().length} model types are known`,
    );
    await expect(expected).toMatchFileSnapshot(path.join(ROOT, 'docs/models.md'));
  });

  it('describes a block by hand that can be planned', () => {
    const [, text = ''] = /<!-- spec -->\s+```json\n(.*?)```/s.exec(models) ?? [];
    const block = readBlockSpec(text, 'docs/models.md');
    expect(block.tensors.expert_down).toEqual({
      name: 'experts.{expert}.down_proj.weight',
      shape: [2048, 768],
    });
    const names = planKernels({ ...SPEC, block }).map(({ name }) => name);
    expect(names).toContain('moe_router_select_sigmoid_top2_groups');
    expect(names).toContain('moe_decode_gate_up_swiglu_clamp_before_bf16_bf16');
  });
});

describe('the page on tests of any Metal', () => {
  const page = readFileSync(path.join(ROOT, 'docs/any-metal.md'), 'utf8');
  const examples = [...page.matchAll(/<!-- example: (\S+) -->\s+```\w+\n(.*?)```/gs)];

  it.each(examples.map(([, file = '', text = '']) => [file, text]))('shows %s as it is', (file, text) => {
    expect(text).toBe(readFileSync(path.join(ROOT, 'examples', file), 'utf8'));
  });

  it('shows examples, and names all there are', () => {
    expect(examples.length).toBeGreaterThan(3);
    for (const file of readdirSync(path.join(ROOT, 'examples'))) {
      expect(page).toContain(`\`${file.split('.')[0] ?? ''}\``);
    }
  });
});
