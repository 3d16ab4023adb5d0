// Parses templates into trees, once: entry templates by the path that a kernel's banner names, partials by the name that
// templates call.

import Handlebars from 'handlebars';
import { MoegenError } from '../errors.js';
import { isPath } from './ast.js';
import type { TemplateSources } from './sources.js';

export interface ParsedTemplate {
  /** The file seen from the package's root, for people. */
  readonly file: string;
  /** By the type of the function, which declarations can import: the namespace hbs is known inside of this package only. */
  readonly ast: ReturnType<typeof Handlebars.parse>;
}

export interface TemplateSet {
  /** By `templates/kernels/<name>.metal.hbs`. */
  readonly entries: ReadonlyMap<string, ParsedTemplate>;
  /** By the path below `partials`, without ending: `memory/load_tile`. */
  readonly partials: ReadonlyMap<string, ParsedTemplate>;
}

const PARTIAL_FILE = /^templates\/(?:\w+\/)?partials\/(.+?)(?:\.metal)?\.hbs$/;

export function parseTemplates(sources: TemplateSources): TemplateSet {
  const entries = new Map<string, ParsedTemplate>();
  const partials = new Map<string, ParsedTemplate>();
  for (const [file, source] of sources) {
    const template = { file, ast: parseTemplate(file, source) };
    const partial = PARTIAL_FILE.exec(file)?.[1];
    if (partial === undefined) entries.set(file, template);
    else partials.set(partial, template);
  }
  return { entries, partials };
}

function parseTemplate(file: string, source: string): hbs.AST.Program {
  try {
    const ast = Handlebars.parse(source);
    new MissingContexts().accept(ast);
    return ast;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new MoegenError('emit/template-syntax', `a template must parse: ${lastLine(message)}`, {
      where: `${file}:${lineOf(message)}`,
      help: 'close every block, and write nested braces of Metal apart: `{ {0.0f} }`',
      log: message,
      cause,
    });
  }
}

/**
 * Where partials see only what they are given, Handlebars compiles a call without a context to one whose context is the literal
 * `undefined`, but puts it before a name that is computed, and so calls `undefined`. The literal as a context of its own has its place.
 */
class MissingContexts extends Handlebars.Visitor {
  override PartialStatement(partial: hbs.AST.PartialStatement): void {
    super.PartialStatement(partial);
    if (isPath(partial.name) || partial.params.length > 0) return;
    const missing: hbs.AST.UndefinedLiteral = { type: 'UndefinedLiteral', loc: partial.loc };
    partial.params.push(missing);
  }
}

/** Handlebars says `Parse error on line 3:` or ends with ` - 1:3`. */
function lineOf(message: string): string {
  return /line (\d+)/.exec(message)?.[1] ?? / - (\d+):\d+$/.exec(message)?.[1] ?? '1';
}

function lastLine(message: string): string {
  return message.split('\n').at(-1) ?? message;
}
