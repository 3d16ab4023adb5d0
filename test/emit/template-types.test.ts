// The types of what plans give to templates are those that the templates ask for.

import path from 'node:path';
import { format } from 'prettier';
import { describe, expect, it } from 'vitest';
import { createEnvironment } from '../../generator/emit/environment.js';
import { templateTypes } from '../../generator/emit/template-types.js';
import { templatesDir } from '../support/sample-plan.js';

const ROOT = path.resolve(import.meta.dirname, '../..');
const FILE = path.join(ROOT, 'generator/plan/template-terms.ts');

async function typesOf(folder: string): Promise<string> {
  const { templates } = createEnvironment(folder);
  return format(templateTypes(templates), { parser: 'typescript', printWidth: 110, singleQuote: true });
}

/** Those of a single template, without the head of the module. */
async function typesOfText(
  template: string,
  partials: Readonly<Record<string, string>> = {},
): Promise<string> {
  const text = await typesOf(templatesDir({ 'kernels/sample.metal.hbs': template, ...partials }));
  return text.slice(text.indexOf('type Word = string | number;')).split('\n').slice(2).join('\n').trim();
}

describe('the types of templates', () => {
  it('are as committed', async () => {
    await expect(await typesOf(path.join(ROOT, 'templates'))).toMatchFileSnapshot(FILE);
  });

  it('tell conditions, words, lists and records apart, and leave out what every kernel has', async () => {
    const template =
      '{{name}} {{#if isWide}}{{wide.load}}{{/if}} {{#each rows as |row|}}{{row.first}}{{#if row.isLast}}{{/if}}{{/each}}';
    expect(await typesOfText(template)).toBe(
      [
        'interface Rows {\n  readonly first: Word;\n  readonly isLast: boolean;\n}\n',
        'interface Wide {\n  readonly load: Word;\n}\n',
        'export interface TemplateTerms {\n  readonly sample: {\n    readonly isWide: boolean;',
        '    readonly rows: readonly Rows[];\n    readonly wide?: Wide;\n  };\n}',
      ].join('\n'),
    );
  });

  it('follow partials, those too that a term names: what all of these ask for is asked for', async () => {
    const partials = {
      'partials/units/plain.hbs': '{{unit.both}}',
      'partials/units/clamp.hbs': '{{unit.both}}{{unit.limit}}',
    };
    expect(await typesOfText('{{> (named "units" unit.kind) unit=unit}}', partials)).toContain(
      "interface Unit {\n  readonly both: Word;\n  readonly kind: 'clamp' | 'plain';\n  readonly limit?: Word;\n}",
    );
  });

  it('are refused to a term that is two things', async () => {
    await expect(typesOfText('{{size}}{{#if size}}{{/if}}')).rejects.toThrow(/'size' must be a condition/);
  });
});
