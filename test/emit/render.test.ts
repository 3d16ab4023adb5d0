import { describe, expect, it } from 'vitest';
import { assertBalanced } from '../../generator/emit/balance.js';
import { toContext, type ContextOptions } from '../../generator/emit/context.js';
import { createEnvironment } from '../../generator/emit/environment.js';
import { lintTemplates } from '../../generator/emit/lint.js';
import { renderKernel } from '../../generator/emit/render.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { samplePlan, SAMPLE_TEMPLATE, templatesDir } from '../support/sample-plan.js';

function failure(action: () => unknown): { code?: string; message: string; where?: string } {
  try {
    action();
  } catch (error) {
    return error as { code?: string; message: string; where?: string };
  }
  throw new Error('expected a failure');
}

function render(files: Record<string, string> = {}, plan: KernelPlan = samplePlan()): string {
  return renderKernel(createEnvironment(templatesDir(files)), toContext(plan));
}

/** The lines that a partial prints of a plan. */
function printed(partial: string, plan: KernelPlan, options: ContextOptions = {}): string[] {
  const files = { 'kernels/sample.metal.hbs': `{{> file/${partial} bindings=bindings constants=constants}}` };
  return createEnvironment(templatesDir(files))
    .render('templates/kernels/sample.metal.hbs', toContext(plan, options))
    .trimEnd()
    .split('\n');
}

describe('toContext', () => {
  it('prints bindings as rows of a table and as parameters', () => {
    const { bindings } = toContext(samplePlan());
    expect(bindings.map((binding) => binding.row)).toEqual([
      'expert_output      bf16  [num_tokens * top_k, hidden_size]  rows in expert order',
      "row_of_assignment  uint  [num_tokens, top_k]                where each assignment's row lies",
      'topk_weights       float [num_tokens, top_k]',
      'output             bf16  [num_tokens, hidden_size]',
      '',
    ]);
    expect(printed('parameters', samplePlan())).toEqual([
      'device const ushort* expert_output [[buffer(0)]],',
      'device const uint* row_of_assignment [[buffer(1)]],',
      'device const float* topk_weights [[buffer(2)]],',
      'device ushort* output [[buffer(3)]],',
      'constant uint& num_tokens [[buffer(4)]],',
    ]);
  });

  it('declares bf16 as bfloat on request, and keeps the other types', () => {
    const lines = printed('parameters', samplePlan(), { bf16Storage: 'bfloat' });
    expect(lines[0]).toBe('device const bfloat* expert_output [[buffer(0)]],');
    expect(lines[1]).toBe('device const uint* row_of_assignment [[buffer(1)]],');
  });

  it.each([
    [undefined, 'device ushort* output [[buffer(3), function_constant(has_output)]],'],
    [true, 'device ushort* output [[buffer(3)]],'],
    [false, undefined],
  ])('prints a buffer whose condition is %s', (value, parameter) => {
    const plan = samplePlan();
    const constant = {
      index: 0,
      name: 'has_output',
      type: 'bool',
      note: '',
      ...(value !== undefined && { value }),
    } as const;
    const bindings = plan.bindings.map((b) => (b.name === 'output' ? { ...b, condition: 'has_output' } : b));
    const lines = printed('parameters', { ...plan, bindings, constants: [constant] });
    expect(lines.find((line) => line.includes('output [[buffer(3)'))).toBe(parameter);
  });

  it('lists an argument that has a note', () => {
    const plan = samplePlan();
    const bindings = plan.bindings.map((b) => (b.access === 'argument' ? { ...b, note: 'rows' } : b));
    expect(toContext({ ...plan, bindings }).bindings[4]?.row).toMatch(/^num_tokens {9}uint {2,}rows$/);
  });

  it.each([
    [{ type: 'uint', value: 2048 }, 'constant uint size = 2048;'],
    [{ type: 'bool', value: true }, 'constant bool size = true;'],
    [{ type: 'float', value: 2 }, 'constant float size = 2.0f;'],
    [{ type: 'float', value: 0.5 }, 'constant float size = 0.5f;'],
    [{ type: 'float', value: 1e-20 }, 'constant float size = 1e-20f;'],
    [{ type: 'uint' }, 'constant uint size [[function_constant(3)]];'],
  ] as const)('declares the constant %o', (fields, line) => {
    const plan = samplePlan({ constants: [{ index: 3, name: 'size', note: '', ...fields }] });
    expect(printed('constants', plan).slice(1)).toEqual([line]);
  });

  it.each([
    ['a missing value', { word: undefined }, /must be present, got undefined/],
    ['null', { list: [{ word: null }] }, /must be present, got null/],
    ['an endless number', { size: Infinity }, /must be a finite number, got Infinity/],
    ['several lines', { word: 'a\nb' }, /must be a single line/],
    ['a function', { word: () => 1 }, /got a function/],
  ])('refuses %s', (_, terms, message) => {
    const error = failure(() => toContext(samplePlan({ terms: terms as never })));
    expect(error.message).toMatch(message);
    expect(error.where).toContain('moe_sample_bf16');
  });

  it('refuses terms that hide a generic word', () => {
    expect(failure(() => toContext(samplePlan({ terms: { bindings: [] } }))).code).toBe('emit/term-taken');
  });
});

describe('renderKernel', () => {
  it('gives the same text every time, with banner, constants, table and parameters', () => {
    const text = render();
    expect(text).toBe(render());
    expect(text.split('\n').slice(0, 2)).toEqual([
      '// language: metal3.0',
      '// Generated by moegen from templates/kernels/sample.metal.hbs. Do not edit: run `moegen`.',
    ]);
    expect(text).toContain('constant uint top_k [[function_constant(1)]];  // experts per token\n');
    expect(text).toContain('//   topk_weights       float [num_tokens, top_k]\n');
    expect(text).toContain('    constant uint& num_tokens [[buffer(4)]],\n    uint2 position');
    expect(text).toContain('* moe_load_bf16(expert_output');
    expect(text).not.toMatch(/\n\n\n|&lt;/);
  });

  it('leaves no trace of constants where there are none', () => {
    expect(render({}, samplePlan({ constants: [] }))).toContain('using namespace metal;\n\n// output[t, h]');
  });

  it.each([
    ['a missing value', '{{> file/prelude}}\n  {{activation.lod}}', 'emit/template-value', /:2:\d+$/],
    ['unknown partial', 'a\n{{> file/prelud}}', 'emit/template-rule', /sample\.metal\.hbs:2:1$/],
    ['open block', 'a\n{{#if x}}\nb\n', 'emit/template-syntax', /sample\.metal\.hbs:\d$/],
    ['mismatched block', 'a\n{{#if x}}\nb\n{{/each}}', 'emit/template-syntax', /sample\.metal\.hbs:2$/],
    [
      'missing brace',
      'kernel void f() {\n  if (x) {\n}\n',
      'emit/unbalanced-brackets',
      /line 1 of the rendered moe_sample_bf16: kernel void f\(\) \{$/,
    ],
  ])('names file and line of %s', (_, template, code, where) => {
    const error = failure(() => render({ 'kernels/sample.metal.hbs': template }));
    expect(error.code).toBe(code);
    expect(error.where).toMatch(where);
    expect(error.where).toContain('templates/kernels/sample.metal.hbs');
  });

  it('names the partial that reads a missing value, not its caller', () => {
    const error = failure(() =>
      render({
        'kernels/sample.metal.hbs': '\n\n{{> memory/load_tile activation}}',
        'partials/memory/load_tile.hbs': 'a\n{{typo}}\n',
      }),
    );
    expect(error.where).toBe('templates/partials/memory/load_tile.hbs:2:3');
    expect(error.message).toContain("'typo'");
  });

  it('prints the partial of a folder that a term names', () => {
    const files = {
      'kernels/sample.metal.hbs': '{{> (named "units" unit) word=word}};',
      'partials/units/plain.hbs': '{{word}} + 1{{!-- an expression --~}}\n',
    };
    const plan = samplePlan({ terms: { unit: 'plain', word: 'x' } });
    expect(render(files, plan)).toBe('x + 1;');
    const error = failure(() => render(files, samplePlan({ terms: { unit: 'plane', word: 'x' } })));
    expect(error.code).toBe('emit/unknown-partial');
    expect(error.where).toBe('templates/partials/units');
  });

  it('names an entry template that is not there', () => {
    expect(failure(() => render({}, samplePlan({ template: 'nothing' }))).code).toBe('emit/unknown-template');
  });
});

describe('assertBalanced', () => {
  const check = (text: string) => {
    assertBalanced({ kernel: 'k', template: 't', text });
  };

  it('ignores brackets in comments, strings and characters', () => {
    expect(() => {
      check('f(a[1]) { /* ( \n [ */ "}\\"}" \'{\' } // ((\n');
    }).not.toThrow();
  });

  it.each([
    ['}\n', /'}' closes nothing/],
    ['f(\n]', /expected '\)' to close '\(' of line 1, got '\]'/],
    ['{\n', /'{' is never closed/],
  ])('finds the fault in %j', (text, message) => {
    expect(
      failure(() => {
        check(text);
      }).message,
    ).toMatch(message);
  });
});

/** With a constant that is baked in, and a buffer that is there only where another one says so. */
function withOption(plan: KernelPlan): KernelPlan {
  const bindings = plan.bindings.map((b) => (b.name === 'output' ? { ...b, condition: 'has_output' } : b));
  const constants = [
    { index: 2, name: 'has_output', type: 'bool', note: '' },
    { index: 3, name: 'size', type: 'uint', note: '', value: 4 },
  ] as const;
  return { ...plan, bindings, constants: [...plan.constants, ...constants] };
}

describe('lintTemplates', () => {
  const lint = (template: string, plan: KernelPlan = samplePlan(), files: Record<string, string> = {}) => {
    const environment = createEnvironment(templatesDir({ 'kernels/sample.metal.hbs': template, ...files }));
    return lintTemplates(environment.templates, [
      toContext(plan),
      // From Metal 3.2 on, a banner states the math mode.
      toContext({ ...plan, mslVersion: '3.2' }),
      toContext(withOption(plan)),
      toContext(plan, { form: 'flat' }),
    ]);
  };
  const terms = (value: object) => samplePlan({ terms: value as never });

  it('finds nothing in sound templates', () => {
    expect(lint(SAMPLE_TEMPLATE)).toEqual([]);
  });

  it.each([
    ['an absent condition', `${SAMPLE_TEMPLATE}{{#if typo}}{{/if}}`, {}, /\.hbs:\d+:7: reads 'typo'/],
    [
      'a number as a condition',
      `${SAMPLE_TEMPLATE}{{#if n}}{{/if}}`,
      { n: 0 },
      /needs a boolean, got a number/,
    ],
    ['a record that is printed', `${SAMPLE_TEMPLATE}{{r}}{{r.a}}`, { r: { a: 1 } }, /is a record or list/],
    [
      'an unread term',
      SAMPLE_TEMPLATE,
      { unused: { word: 'x' } },
      /no template reads the term 'unused\.word'/,
    ],
    ['a dead branch', `${SAMPLE_TEMPLATE}{{#unless b}}x{{/unless}}`, { b: true }, /no sample reaches this/],
    [
      'a name without a partial',
      `${SAMPLE_TEMPLATE}{{> (named "file" w)}}`,
      { w: 'a' },
      /finds no 'a' in 'file'/,
    ],
    [
      'a term from outside of a loop',
      `${SAMPLE_TEMPLATE}{{#each l as |x|}}{{x}}{{#if b}}{{/if}}{{/each}}`,
      { l: ['a'], b: true },
      /reads 'b', which its context lacks/,
    ],
    ['a loop over a word', `${SAMPLE_TEMPLATE}{{#each w as |x|}}{{/each}}`, { w: 'a' }, /needs a list/],
  ])('finds %s', (_, template, extra, message) => {
    const plan = terms({ activation: { load: 'l', store: 's' }, ...extra });
    expect(lint(template, plan).join('\n')).toMatch(message);
  });

  it('finds a template that nothing uses', () => {
    expect(lint(SAMPLE_TEMPLATE, samplePlan(), { 'partials/math/unused.hbs': 'x' })).toEqual([
      'templates/partials/math/unused.hbs:1:1: no sample uses this template',
    ]);
  });

  it.each([
    ['{{{name}}}', /two braces/],
    ['{{#with activation}}{{/with}}', /unknown block '#with'/],
    ['{{upper name}}', /unknown helper 'upper'/],
    ['float x = {{0.0f}};', /write '\{ \{'/],
    ['{{#each bindings}}{{/each}}', /name the element/],
    ['{{#if a b}}{{/if}}', /takes one named value/],
    ['{{#each bindings as |b|}}{{@key}}{{/each}}', /'@key' is not allowed/],
    ['{{#each bindings as |b|}}{{../name}}{{/each}}', /depends on its surroundings/],
    ['{{> (lookup . "name")}}', /computed names/],
    ['{{> (named "nothing" name)}}', /no partials in 'nothing'/],
    ['{{> (named "file" "banner")}}', /computed names/],
    ['{{#> file/banner}}{{/file/banner}}', /PartialBlockStatement is not allowed/],
  ])('forbids %s', (template, message) => {
    const error = failure(() => createEnvironment(templatesDir({ 'kernels/sample.metal.hbs': template })));
    expect(error.code).toBe('emit/template-rule');
    expect(error.message).toMatch(message);
    expect(error.where).toMatch(/^templates\/kernels\/sample\.metal\.hbs:1:\d+$/);
  });
});
