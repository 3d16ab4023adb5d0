// Walks templates with sample contexts, as rendering would, and finds what rendering alone keeps silent about: conditions that
// are absent or not boolean, terms that no template reads, templates and branches that no sample reaches.

import { inverseOf, isTemplateNode, problemAt, type TemplateProblem } from './ast.js';
import { GENERIC_TERMS, type TemplateContext } from './context.js';
import type { TemplateSet } from './templates.js';
import { walkTemplate, type Place, type Reader } from './walk.js';

/** A value and where in the context it came from; literals come from nowhere. */
interface Traced {
  readonly value: unknown;
  readonly origin: string;
}

export function lintValues(templates: TemplateSet, samples: readonly TemplateContext[]): TemplateProblem[] {
  const lint = new ValueLint(templates);
  for (const sample of samples) {
    const entry = templates.entries.get(sample.banner.template);
    if (entry !== undefined) walkTemplate(templates, entry, { value: sample, origin: '' }, lint);
  }
  return [...lint.problems.values(), ...unreached(templates, lint.reached), ...unread(samples, lint.read)];
}

class ValueLint implements Reader<Traced> {
  readonly problems = new Map<string, TemplateProblem>();
  readonly reached = new Set<hbs.AST.Node>();
  readonly read = new Set<string>();
  readonly #templates: TemplateSet;

  constructor(templates: TemplateSet) {
    this.#templates = templates;
  }

  literal(value: unknown): Traced {
    return { value, origin: '' };
  }

  member(parent: Traced, name: string): Traced | undefined {
    return member(parent, name);
  }

  reach(node: hbs.AST.Node): void {
    this.reached.add(node);
  }

  print({ value, origin }: Traced, place: Place): void {
    this.read.add(origin);
    if (typeof value === 'object') this.#report(place, 'is a record or list: print its parts');
  }

  branches({ value, origin }: Traced, place: Place, name: string) {
    this.read.add(origin);
    if (typeof value !== 'boolean') this.#report(place, `needs a boolean, got a ${typeof value}`);
    const holds = value === (name === 'if');
    return { program: typeof value === 'boolean' && holds, inverse: typeof value === 'boolean' && !holds };
  }

  elements({ value, origin }: Traced, place: Place): readonly Traced[] {
    this.read.add(origin);
    if (Array.isArray(value))
      return value.map((element) => ({ value: element as unknown, origin: `${origin}[]` }));
    this.#report(place, `needs a list, got a ${typeof value}`);
    return [];
  }

  named({ value, origin }: Traced, place: Place, folder: string): readonly string[] {
    this.read.add(origin);
    const name = String(value);
    if (this.#templates.partials.has(`${folder}/${name}`)) return [name];
    this.#report(place, `finds no '${name}' in '${folder}'`);
    return [];
  }

  lacks(name: string, place: Place): void {
    this.#report(place, `reads '${name}', which its context lacks`);
  }

  #report({ file, node }: Place, message: string): void {
    const problem = problemAt(file, node, message);
    this.problems.set(`${problem.file}:${problem.line}:${problem.column} ${message}`, problem);
  }
}

function member(parent: Traced, name: string): Traced | undefined {
  if (typeof parent.value !== 'object' || parent.value === null || !Object.hasOwn(parent.value, name)) {
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
      if (GENERIC_TERMS.has(key)) continue;
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
