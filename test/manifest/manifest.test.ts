import { describe, expect, it } from 'vitest';
import { buildKernelEntry, buildManifest, serialiseManifest } from '../../generator/manifest/build.js';
import { digestShared, sha256 } from '../../generator/manifest/digest.js';
import { parseManifest } from '../../generator/manifest/schema.js';
import { samplePlan } from '../support/sample-plan.js';

const record = { inputs: sha256('inputs'), sha256: sha256('text'), xcrun: 'not compiled with xcrun' };
const entry = (name: string) => buildKernelEntry(samplePlan({ name }), { bf16Storage: 'bfloat' }, record);

describe('the manifest', () => {
  it('is read back as it was built', () => {
    const tile = { blockM: 32, blockN: 32, blockK: 16, simdgroupsM: 2, simdgroupsN: 2 };
    const constants = [{ index: 0, name: 'hidden_size', type: 'uint', note: '', value: 2048 }] as const;
    const plan = samplePlan({
      tile,
      constants,
      dispatch: { ...samplePlan().dispatch, indirect: 'threadgroups' },
    });
    const manifest = buildManifest('1.0.0', [buildKernelEntry(plan, {}, record)]);
    expect(parseManifest(serialiseManifest(manifest), 'm')).toEqual(manifest);
  });

  it('has the same bytes whatever the order of kernels and keys', () => {
    const [a, b] = [entry('moe_a'), entry('moe_b')];
    const shuffled = Object.fromEntries(Object.entries(a).reverse()) as typeof a;
    const text = serialiseManifest(buildManifest('1.0.0', [a, b]));
    expect(serialiseManifest(buildManifest('1.0.0', [b, shuffled]))).toBe(text);
    const keys = [...text.matchAll(/^ {6}"(\w+)"/gm)].map((match) => match[1]);
    expect(keys.slice(0, keys.length / 2)).toEqual(keys.slice(0, keys.length / 2).sort());
  });

  it('says the type that BF16 is declared with', () => {
    expect(entry('moe_a').bindings.map(({ type }) => type)).toEqual([
      'bfloat',
      'uint',
      'float',
      'bfloat',
      'uint',
    ]);
  });

  it('says what a host has to see to', () => {
    expect(entry('moe_a').requires).toEqual({ mathMode: 'safe', alignment: 16 });
    const plan = samplePlan({
      bindings: samplePlan().bindings.filter(({ access }) => access === 'argument'),
    });
    expect(buildKernelEntry(plan, {}, record).requires).toEqual({ mathMode: 'safe', alignment: 1 });
  });

  it.each([
    ['no JSON', '{', /m$/],
    [
      'another version',
      '{"schemaVersion": 2, "generator": {"name": "moegen", "version": "1"}, "kernels": []}',
      /schemaVersion/,
    ],
    ['a missing list', '{"schemaVersion": 1, "generator": {"name": "moegen", "version": "1"}}', /kernels/],
    [
      'an unknown key',
      '{"schemaVersion": 1, "generator": {"name": "moegen", "version": "1"}, "kernels": [], "x": 1}',
      /m: /,
    ],
  ])('is refused when it has %s', (_, text, where) => {
    let error: unknown;
    try {
      parseManifest(text, 'm');
    } catch (caught) {
      error = caught;
    }
    expect(error).toMatchObject({ code: 'manifest/unreadable' });
    expect((error as { where: string }).where).toMatch(where);
  });
});

describe('the digest of what a text depends on', () => {
  const digest = (unit: string) =>
    digestShared({
      templates: new Map([
        ['templates/kernels/k.metal.hbs', '{{> (named "math/units" unit) word=word}} {{> file/prelude}}'],
        ['templates/partials/file/prelude.hbs', ''],
        ['templates/partials/math/units/plain.hbs', unit],
      ]),
      versions: {},
    })('k');

  it('covers partials that a term names', () => {
    expect(digest('a')).toBe(digest('a'));
    expect(digest('a')).not.toBe(digest('b'));
  });
});
