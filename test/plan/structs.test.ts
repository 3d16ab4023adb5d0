import { describe, expect, it } from 'vitest';
import { toContext } from '../../generator/emit/context.js';
import { buildKernelEntry, buildManifest, serialiseManifest } from '../../generator/manifest/build.js';
import { sha256 } from '../../generator/manifest/digest.js';
import { parseManifest } from '../../generator/manifest/schema.js';
import { bindings, buffer, structArgument, structLayout } from '../../generator/plan/bindings.js';
import { buildJob } from '../../generator/validate/job.js';
import { samplePlan } from '../support/sample-plan.js';

const LAYOUT = structLayout('Params', [
  ['rows', 'u32'],
  ['kind', 'u8'],
  ['epsilon', 'bf16'],
  ['scale', 'f32'],
  ['last', 'u8'],
]);

const plan = samplePlan({
  bindings: bindings(
    buffer('output', 'f32', ['rows'], { access: 'write' }),
    structArgument('params', LAYOUT),
  ),
  dispatch: { threadgroups: ['rows', '1', '1'], threadsPerThreadgroup: [32, 1, 1] },
  constants: [],
});

describe('a struct of arguments', () => {
  it('is laid out as C does, with padding between and behind', () => {
    const places = LAYOUT.fields.map(({ name, offset, size }) => [name, offset, size]);
    expect(places).toEqual([
      ['rows', 0, 4],
      ['kind', 4, 1],
      ['epsilon', 6, 2],
      ['scale', 8, 4],
      ['last', 12, 1],
    ]);
    expect(LAYOUT.size).toBe(16);
  });

  it.each([
    ['ushort', 'ushort'],
    ['bfloat', 'bfloat'],
  ] as const)('is declared, and passed by its name, with BF16 as %s', (bf16Storage, type) => {
    const context = toContext(plan, { bf16Storage });
    expect(context.structs).toEqual([
      {
        name: 'Params',
        fields: [
          { type: 'uint', name: 'rows' },
          { type: 'uchar', name: 'kind' },
          { type, name: 'epsilon' },
          { type: 'float', name: 'scale' },
          { type: 'uchar', name: 'last' },
        ],
      },
    ]);
    expect(context.bindings[1]).toMatchObject({ type: 'Params', name: 'params', index: 1, isArgument: true });
  });

  it('is in the manifest with every offset, size and type', () => {
    const record = { inputs: sha256('inputs'), sha256: sha256('text'), xcrun: '' };
    const manifest = buildManifest('1.0.0', [buildKernelEntry(plan, {}, record)]);
    const [kernel] = parseManifest(serialiseManifest(manifest), 'm').kernels;
    expect(kernel?.bindings[1]).toMatchObject({
      type: 'Params',
      struct: { name: 'Params', size: 16, fields: LAYOUT.fields },
    });
    expect(kernel?.bindings[1]?.struct?.fields[2]).toMatchObject({ type: 'ushort', offset: 6 });
  });

  it('is given to a kernel as the bytes of its members', () => {
    const library = { device: 'host', kernels: [plan.name] } as const;
    const values = { rows: 258, kind: 7, epsilon: 1, scale: 2, last: 9 };
    const job = buildJob([{ plan, library, values }], {}, ['output']);
    const struct = job.buffers.find(({ label }) => label?.startsWith('params') === true);
    expect([...(struct?.data ?? [])]).toEqual([2, 1, 0, 0, 7, 0, 0x80, 0x3f, 0, 0, 0, 0x40, 9, 0, 0, 0]);
  });
});
