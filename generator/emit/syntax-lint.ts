// Finds what a template may not say: logic beyond #if, #unless and #each, names that depend on their surroundings, unknown
// partials. It needs no sample, so every environment is checked when it is made.

import {
  inverseOf,
  isLiteral,
  isPath,
  isTemplateNode,
  pairsOf,
  partialsIn,
  partialTarget,
  problemAt,
  type TemplateNode,
  type TemplateProblem,
} from './ast.js';
import type { ParsedTemplate, TemplateSet } from './templates.js';

const LOOP_DATA: ReadonlySet<string> = new Set(['first', 'last', 'index']);

interface Scope {
  readonly file: string;
  readonly partials: ReadonlySet<string>;
  readonly report: (node: hbs.AST.Node, message: string) => void;
}

export function lintSyntax(templates: TemplateSet): TemplateProblem[] {
  const partials = new Set(templates.partials.keys());
  const all = [...templates.entries.values(), ...templates.partials.values()];
  return all.flatMap((template) => lintTemplate(template, partials));
}

function lintTemplate(template: ParsedTemplate, partials: ReadonlySet<string>): TemplateProblem[] {
  const problems: TemplateProblem[] = [];
  const report: Scope['report'] = (node, message) => problems.push(problemAt(template.file, node, message));
  checkBody(template.ast, { file: template.file, partials, report });
  return problems;
}

function checkBody(program: hbs.AST.Program, scope: Scope): void {
  for (const node of program.body) {
    if (isTemplateNode(node)) checkNode(node, scope);
    else scope.report(node, `${node.type} is not allowed: use #if, #unless, #each and plain partials`);
  }
}

function checkNode(node: TemplateNode, scope: Scope): void {
  switch (node.type) {
    case 'MustacheStatement':
      checkMustache(node, scope);
      return;
    case 'BlockStatement':
      checkBlock(node, scope);
      return;
    case 'PartialStatement':
      checkPartial(node, scope);
      return;
    case 'ContentStatement':
    case 'CommentStatement':
      return;
  }
}

function checkMustache(node: hbs.AST.MustacheStatement, scope: Scope): void {
  if (!node.escaped) {
    scope.report(node, 'use two braces: nothing is escaped, so three change nothing');
  }
  if (!isPath(node.path)) {
    scope.report(node, 'print a named value: literals belong in the text');
  } else if (/^\d/.test(node.path.original)) {
    scope.report(node, `'{{${node.path.original}' reads as a template value: write '{ {' for nested braces`);
  } else if (node.params.length > 0 || pairsOf(node).length > 0) {
    scope.report(node, `unknown helper '${node.path.original}': compute the value in the plan`);
  } else {
    checkPath(node.path, scope);
  }
}

function checkBlock(node: hbs.AST.BlockStatement, scope: Scope): void {
  const name = node.path.original;
  if (!['if', 'unless', 'each'].includes(name)) {
    scope.report(node, `unknown block '#${name}': only #if, #unless and #each are allowed`);
    return;
  }
  const [subject] = node.params;
  if (node.params.length !== 1 || !isPath(subject) || pairsOf(node).length > 0) {
    scope.report(node, `#${name} takes one named value`);
  } else {
    checkPath(subject, scope);
  }
  const names = (node.program as hbs.AST.Program | undefined)?.blockParams ?? [];
  if (name === 'each' && names.length === 0) {
    scope.report(node, 'name the element: {{#each list as |element|}}');
  }
  checkBody(node.program, scope);
  const inverse = inverseOf(node);
  if (inverse !== undefined) checkBody(inverse, scope);
}

function checkPartial(node: hbs.AST.PartialStatement, scope: Scope): void {
  const target = partialTarget(node);
  if (target === undefined) {
    scope.report(
      node,
      'a partial is called by its name or by (named "folder" term): computed names are not allowed',
    );
  } else if ('name' in target) {
    if (!scope.partials.has(target.name)) scope.report(node, `unknown partial '${target.name}'`);
  } else {
    if (partialsIn(target.folder, scope.partials).length === 0) {
      scope.report(node, `no partials in '${target.folder}'`);
    }
    checkPath(target.term, scope);
  }
  for (const value of [...node.params, ...pairsOf(node).map((pair) => pair.value)]) {
    if (isPath(value)) checkPath(value, scope);
    else if (!isLiteral(value)) scope.report(value, 'give a partial named values or literals');
  }
}

function checkPath(path: hbs.AST.PathExpression, scope: Scope): void {
  if (path.data && !LOOP_DATA.has(path.parts.join('.'))) {
    scope.report(path, `'${path.original}' is not allowed: of loop data only @first, @last and @index are`);
  } else if (path.depth > 0 || /^(\.|this\b)/.test(path.original)) {
    scope.report(path, `'${path.original}' depends on its surroundings: name the value with 'as |name|'`);
  }
}
