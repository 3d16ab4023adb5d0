// Makes an isolated Handlebars environment of a template folder: strict, without escaping, with partials that see only what they
// are given, and with no helper but the one that names a partial of a folder. Every failure names the template's file, line and column.

import Handlebars from 'handlebars';
import { MoegenError } from '../errors.js';
import { describeProblem, NAMED, partialsIn, type TemplateProblem } from './ast.js';
import { readTemplateSources, type TemplateSources } from './sources.js';
import { lintSyntax } from './syntax-lint.js';
import { parseTemplates, type ParsedTemplate, type TemplateSet } from './templates.js';

export interface TemplateEnvironment {
  readonly templates: TemplateSet;
  /** Renders an entry template by its path, `templates/kernels/<name>.metal.hbs`. */
  render(file: string, context: object): string;
}

const COMPILE_OPTIONS: CompileOptions = {
  strict: true,
  noEscape: true,
  explicitPartialContext: true,
  knownHelpersOnly: true,
  knownHelpers: {
    if: true,
    unless: true,
    each: true,
    helperMissing: false,
    blockHelperMissing: false,
    with: false,
    log: false,
    lookup: false,
    [NAMED]: true,
  },
};

/** Takes the template folder, or what was read from it before. */
export function createEnvironment(from: string | TemplateSources): TemplateEnvironment {
  const templates = parseTemplates(typeof from === 'string' ? readTemplateSources(from) : from);
  const [problem, ...others] = lintSyntax(templates);
  if (problem !== undefined) throw ruleError(problem, others);
  const handlebars = Handlebars.create();
  handlebars.registerHelper(NAMED, (folder: string, name: unknown) =>
    partialNamed(folder, name, templates.partials),
  );
  const entries = new Map<string, Handlebars.TemplateDelegate>();
  for (const [file, template] of templates.entries) entries.set(file, compile(handlebars, template));
  for (const [name, template] of templates.partials) {
    handlebars.registerPartial(name, compile(handlebars, template));
  }
  return {
    templates,
    render: (file, context) => {
      const entry = entries.get(file);
      if (entry === undefined) throw unknownTemplate(file, [...entries.keys()]);
      return entry(context);
    },
  };
}

function partialNamed(folder: string, name: unknown, partials: TemplateSet['partials']): string {
  const partial = `${folder}/${String(name)}`;
  if (partials.has(partial)) return partial;
  const known = partialsIn(folder, partials.keys());
  throw new MoegenError('emit/unknown-partial', `no partial '${String(name)}'`, {
    where: `templates/partials/${folder}`,
    help: `there are: ${known.join(', ')}`,
  });
}

/** A template as a function that says where it failed; Handlebars alone names no file. */
function compile(handlebars: typeof Handlebars, template: ParsedTemplate): Handlebars.TemplateDelegate {
  const render = handlebars.compile<unknown>(template.ast, COMPILE_OPTIONS);
  return (context, options) => {
    try {
      return render(context, options);
    } catch (cause) {
      if (cause instanceof MoegenError) throw cause;
      throw renderError(template.file, cause);
    }
  };
}

function renderError(file: string, cause: unknown): MoegenError {
  const message = cause instanceof Error ? cause.message : String(cause);
  const place = / - (\d+):(\d+)$/.exec(message);
  const where = place === null ? file : `${file}:${place[1] ?? ''}:${Number(place[2]) + 1}`;
  const missing = /^"(.+?)" not defined/.exec(message)?.[1];
  return missing === undefined
    ? new MoegenError('emit/template-failed', `a template could not be rendered: ${message}`, {
        where,
        cause,
      })
    : new MoegenError('emit/template-value', `a template reads '${missing}', which its context lacks`, {
        where,
        help: `correct the name, or add '${missing}' to the family's terms or the partial's arguments`,
        cause,
      });
}

function ruleError(problem: TemplateProblem, others: readonly TemplateProblem[]): MoegenError {
  return new MoegenError('emit/template-rule', `a template breaks a rule: ${problem.message}`, {
    where: `${problem.file}:${problem.line}:${problem.column}`,
    ...(others.length > 0 && { log: others.map(describeProblem).join('\n') }),
  });
}

function unknownTemplate(file: string, known: readonly string[]): MoegenError {
  return new MoegenError('emit/unknown-template', `no entry template '${file}'`, {
    where: 'templates/kernels',
    help: known.length === 0 ? 'the folder is empty' : `there are: ${known.join(', ')}`,
  });
}
