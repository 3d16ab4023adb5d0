// A complete plan and template of one small kernel, for tests that need some kernel and not a certain one.

import { mkdirSync, mkdtempSync, cpSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { KernelPlan } from '../../generator/plan/types.js';

const PARTIALS_DIR = path.resolve(import.meta.dirname, '../../templates/partials/file');

export const SAMPLE_TEMPLATE = `{{> file/banner banner=banner}}
{{> file/prelude}}
{{> file/constants constants=constants}}
// {{summary}}
//
{{> file/buffer_table bindings=bindings}}
//
// Grid: one thread per token (y) and column (x).
kernel void {{name}}(
    {{> file/parameters bindings=bindings}}
    uint2 position [[thread_position_in_grid]]) {
  const uint column = position.x;
  const uint token = position.y;
  if (column >= hidden_size || token >= num_tokens) {
    return;
  }

  float sum = 0.0f;
  for (uint slot = 0; slot < top_k; ++slot) {
    const uint assignment = token * top_k + slot;
    const ulong row = row_of_assignment[assignment];
    sum += topk_weights[assignment] * {{activation.load}}(expert_output[row * hidden_size + column]);
  }
  output[ulong(token) * hidden_size + column] = {{activation.store}}(sum);
}
`;

export function samplePlan(overrides: Partial<KernelPlan> = {}): KernelPlan {
  return {
    name: 'moe_sample_bf16',
    family: 'combine',
    folder: 'bf16',
    template: 'sample',
    summary:
      'output[t, h] = sum over slots s of topk_weights[t, s] * expert_output[row_of_assignment[t, s], h]',
    axes: { activation: 'bf16' },
    constants: [
      { index: 0, name: 'hidden_size', type: 'uint', note: '' },
      { index: 1, name: 'top_k', type: 'uint', note: 'experts per token' },
    ],
    bindings: [
      {
        index: 0,
        name: 'expert_output',
        element: 'bf16',
        shape: ['num_tokens * top_k', 'hidden_size'],
        access: 'read',
        note: 'rows in expert order',
      },
      {
        index: 1,
        name: 'row_of_assignment',
        element: 'u32',
        shape: ['num_tokens', 'top_k'],
        access: 'read',
        note: "where each assignment's row lies",
      },
      {
        index: 2,
        name: 'topk_weights',
        element: 'f32',
        shape: ['num_tokens', 'top_k'],
        access: 'read',
        note: '',
      },
      {
        index: 3,
        name: 'output',
        element: 'bf16',
        shape: ['num_tokens', 'hidden_size'],
        access: 'write',
        note: '',
      },
      { index: 4, name: 'num_tokens', element: 'u32', shape: [], access: 'argument', note: '' },
    ],
    dispatch: {
      threadgroups: ['ceil_div(hidden_size, 256)', 'num_tokens', '1'],
      threadsPerThreadgroup: [256, 1, 1],
    },
    threadgroupBytes: 0,
    mslVersion: '3.0',
    terms: { activation: { load: 'moe_load_bf16', store: 'moe_store_bf16' } },
    ...overrides,
  };
}

/** A fresh template folder with the standard partials, one entry template and further files by path. */
export function templatesDir(files: Readonly<Record<string, string>> = {}): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'moegen-templates-'));
  cpSync(PARTIALS_DIR, path.join(directory, 'partials/file'), { recursive: true });
  const all = { 'kernels/sample.metal.hbs': SAMPLE_TEMPLATE, ...files };
  for (const [name, text] of Object.entries(all)) {
    const file = path.join(directory, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  return directory;
}
