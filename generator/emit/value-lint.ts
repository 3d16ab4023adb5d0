// Walks templates with sample contexts, as rendering would, and finds what rendering alone keeps silent about: conditions that
// are absent or not boolean, terms that no template reads, templates and branches that no sample reaches.

import {
  inverseOf,
  isPath,
  isTemplateNode,
  pairsOf,
  partialTarget,
  problemAt,
  type TemplateProblem,
} from './ast.js';
import type { TemplateContext } from './context.js';
import type { ParsedTemplate, TemplateSet } from './templates.js';

/** A value and where in the context it came from; literals come from nowhere. */
interface Traced {
  readonly value: unknown;
  readonly origin: string;
}

interface Scope {
  readonly file: string;
  /** What names refer to: inside of a list, its element alone. */
  readonly base: Traced | undefined;
  /** A partial's arguments, which stand before `base`. */
  readonly given: ReadonlyMap<string, Traced>;
  /** Elements of the lists around, by their names. */
  readonly elements: ReadonlyMap<string, Traced>;
}

const GENERIC_KEYS: ReadonlySet<string> = new Set([
  'banner',
  'name',
  'summary',
  'constants',
  'structs',
  'bindings',
]);

export function lintValues(templates: TemplateSet, samples: readonly TemplateContext[]): TemplateProblem[] {
  const walk = new Walk(templates);
  for (const sample of samples) {
    const entry = templates.entries.get(sample.banner.template);
    if (entry === undefined) continue;
    walk.enter(entry, {
      file: entry.file,
      base: { value: sample, origin: '' },
      given: new Map(),
      elements: new Map(),
    });
  }
  return [...walk.problems.values(), ...unreached(templates, walk.reached), ...unread(samples, walk.read)];
}

class Walk {
  readonly problems = new Map<string, TemplateProblem>();
  readonly reached = new Set<hbs.AST.Node>();
  readonly read = new Set<string>();
  readonly #templates: TemplateSet;

  constructor(templates: TemplateSet) {
    this.#templates = templates;
  }

  enter(template: ParsedTemplate, scope: Scope): void {
    this.reached.add(template.ast);
    this.#body(template.ast, scope);
  }

  #body(program: hbs.AST.Program | undefined, scope: Scope): void {
    for (const node of program?.body ?? []) {
      if (!isTemplateNode(node)) continue;
      this.reached.add(node);
      if (node.type === 'MustacheStatement') this.#print(node, scope);
      else if (node.type === 'BlockStatement') this.#block(node, scope);
      else if (node.type === 'PartialStatement') this.#partial(node, scope);
    }
  }

  #print(node: hbs.AST.MustacheStatement, scope: Scope): void {
    const found = this.#resolve(node.path, scope);
    if (found === undefined) return;
    this.read.add(found.origin);
    if (typeof found.value === 'object') this.#report(node, scope, 'is a record or list: print its parts');
  }

  #block(node: hbs.AST.BlockStatement, scope: Scope): void {
    const [subject] = node.params;
    const found = subject === undefined ? undefined : this.#resolve(subject, scope);
    if (found === undefined) return;
    this.read.add(found.origin);
    if (node.path.original === 'each') {
      this.#each(node, found, scope);
    } else if (typeof found.value !== 'boolean') {
      this.#report(node, scope, `needs a boolean, got a ${typeof found.value}`);
    } else {
      const isTaken = found.value === (node.path.original === 'if');
      this.#body(isTaken ? node.program : inverseOf(node), scope);
    }
  }

  #each(node: hbs.AST.BlockStatement, list: Traced, scope: Scope): void {
    if (!Array.isArray(list.value)) {
      this.#report(node, scope, `needs a list, got a ${typeof list.value}`);
      return;
    }
    if (list.value.length === 0) this.#body(inverseOf(node), scope);
    const name = node.program.blockParams[0] ?? '';
    for (const value of list.value as unknown[]) {
      const element = { value, origin: `${list.origin}[]` };
      this.#body(node.program, {
        file: scope.file,
        base: element,
        given: new Map(),
        elements: new Map(scope.elements).set(name, element),
      });
    }
  }

  #partial(node: hbs.AST.PartialStatement, scope: Scope): void {
    const partial = this.#called(node, scope);
    if (partial === undefined) return;
    const [context] = node.params;
    const given = new Map<string, Traced>();
    for (const { key, value } of pairsOf(node)) {
      const found = this.#resolve(value, scope);
      if (found !== undefined) given.set(key, found);
    }
    const base = context === undefined ? undefined : this.#resolve(context, scope);
    this.enter(partial, { file: partial.file, base, given, elements: new Map() });
  }

  #called(node: hbs.AST.PartialStatement, scope: Scope): ParsedTemplate | undefined {
    const target = partialTarget(node);
    if (target === undefined) return undefined;
    if ('name' in target) return this.#templates.partials.get(target.name);
    const found = this.#resolve(target.term, scope);
    if (found === undefined) return undefined;
    this.read.add(found.origin);
    const partial = this.#templates.partials.get(`${target.folder}/${String(found.value)}`);
    if (partial === undefined)
      this.#report(node, scope, `finds no '${String(found.value)}' in '${target.folder}'`);
    return partial;
  }

  #resolve(node: hbs.AST.Expression, scope: Scope): Traced | undefined {
    if (!isPath(node)) return { value: (node as hbs.AST.StringLiteral).value, origin: '' };
    if (node.data) return { value: true, origin: '' };
    const [first = '', ...rest] = node.parts;
    const start = scope.elements.get(first) ?? scope.given.get(first) ?? member(scope.base, first);
    const found = rest.reduce<Traced | undefined>(member, start);
    if (found === undefined) this.#report(node, scope, `reads '${node.original}', which its context lacks`);
    return found;
  }

  #report(node: hbs.AST.Node, scope: Scope, message: string): void {
    const problem = problemAt(scope.file, node, message);
    this.problems.set(`${problem.file}:${problem.line}:${problem.column} ${message}`, problem);
  }
}

function member(parent: Traced | undefined, name: string): Traced | undefined {
  if (typeof parent?.value !== 'object' || parent.value === null || !Object.hasOwn(parent.value, name)) {
    return undefined;
  }
  const origin = parent.origin === '' ? name : `${parent.origin}.${name}`;
  return { value: (parent.value as Record<string, unknown>)[name], origin };
}

function unreached(templates: TemplateSet, reached: ReadonlySet<hbs.AST.Node>): TemplateProblem[] {
  const all = [...templates.entries.values(), ...templates.partials.values()];
  return all.flatMap(({ file, ast }) =>
    reached.has(ast)
      ? unreachedNodes(ast, reached).map((node) => problemAt(file, node, 'no sample reaches this'))
      : [{ file, line: 1, column: 1, message: 'no sample uses this template' }],
  );
}

function unreachedNodes(
  program: hbs.AST.Program | undefined,
  reached: ReadonlySet<hbs.AST.Node>,
): hbs.AST.Node[] {
  return (program?.body ?? []).filter(isTemplateNode).flatMap((node) => {
    if (!reached.has(node)) return isSilent(node) ? [] : [node];
    if (node.type !== 'BlockStatement') return [];
    return [...unreachedNodes(node.program, reached), ...unreachedNodes(inverseOf(node), reached)];
  });
}

/** Blank text and comments between blocks are in no branch that matters. */
function isSilent(node: hbs.AST.Node): boolean {
  if (node.type === 'CommentStatement') return true;
  return node.type === 'ContentStatement' && (node as hbs.AST.ContentStatement).value.trim() === '';
}

function unread(samples: readonly TemplateContext[], read: ReadonlySet<string>): TemplateProblem[] {
  const firstUse = new Map<string, string>();
  for (const sample of samples) {
    for (const [key, value] of Object.entries(sample)) {
      if (GENERIC_KEYS.has(key)) continue;
      for (const leaf of leaves(value, key)) {
        if (!firstUse.has(leaf)) firstUse.set(leaf, sample.banner.template);
      }
    }
  }
  return [...firstUse]
    .filter(([leaf]) => !read.has(leaf))
    .map(([leaf, file]) => ({ file, line: 1, column: 1, message: `no template reads the term '${leaf}'` }));
}

function leaves(value: unknown, origin: string): string[] {
  if (Array.isArray(value)) return value.flatMap((element) => leaves(element, `${origin}[]`));
  if (typeof value !== 'object' || value === null) return [origin];
  return Object.entries(value).flatMap(([name, child]) => leaves(child, `${origin}.${name}`));
}
