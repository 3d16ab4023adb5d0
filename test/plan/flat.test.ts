// The flat form: what stays of a plan, and what its text says. What it computes is tested with the Python bindings.

import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { renderKernel } from '../../generator/emit/render.js';
import { constantMacro, flatPlan } from '../../generator/plan/flat.js';
import { planKernels } from '../../generator/plan/plan.js';
import { moegen } from '../cli/moegen.js';
import { freshFolder } from '../support/output-folder.js';

const environment = createEnvironment(path.resolve(import.meta.dirname, '../../templates'));
const plans = planKernels({
  activations: ['f16'],
  weights: ['f16'],
  bf16Storage: 'ushort',
  mslVersion: '3.0',
  block: null,
});

describe('the flat form', () => {
  it('has neither function constants nor grids in buffers', () => {
    for (const plan of plans) {
      const flat = flatPlan(plan);
      const text = renderKernel(environment, toContext(flat, { form: 'flat' }));
      expect(text).not.toContain('function_constant');
      expect(flat.dispatch).not.toHaveProperty('indirect');
      for (const { name, value } of plan.constants)
        if (value === undefined) expect(text).toContain(`(${constantMacro(name)});`);
    }
  });

  it('lets tiles beyond the last one leave before they read the map of tiles', () => {
    const indirect = plans.filter(({ dispatch }) => dispatch.indirect !== undefined);
    expect(indirect.length).toBeGreaterThan(5);
    for (const plan of indirect) {
      const text = renderKernel(environment, toContext(flatPlan(plan), { form: 'flat' }));
      const body = text.slice(text.indexOf('kernel void'));
      const leaves = body.indexOf(`if (group.y >= ${plan.dispatch.indirect ?? ''}[1]) {\n    return;`);
      expect(leaves).toBeGreaterThan(0);
      expect(leaves).toBeLessThan(body.indexOf('= tile_map['));
    }
  });

  it('is not validated, for its constants are the host’s', async () => {
    const outcome = await moegen(
      freshFolder(),
      '--form',
      'flat',
      '--validate',
      '--kernel',
      'moe_index_count',
    );
    expect(outcome.err).toContain('error[cli/flat-not-validated]');
  });
});
