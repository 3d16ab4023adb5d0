// Walks templates as rendering would, over values of any kind: what a name means in each place, which partials are called with what.
// The lint walks with sample contexts, the derivation of types with terms whose values are not known.

import {
  inverseOf,
  isPath,
  isTemplateNode,
  pairsOf,
  partialTarget,
  type PartialTarget,
  type TemplateNode,
} from './ast.js';
import type { ParsedTemplate, TemplateSet } from './templates.js';

type Named = Extract<PartialTarget, { readonly folder: string }>;

/** A node, and on what it depends that it is reached. */
export interface Place {
  readonly file: string;
  readonly node: hbs.AST.Node;
  /** Of the conditions around it, and of the calls by a term's name: which partial of the folder that is. */
  readonly isConditional: boolean;
  readonly choice: Choice | undefined;
}

/** One of the partials that a call can mean. */
export interface Choice {
  readonly call: hbs.AST.Node;
  readonly partial: string;
}

/** What a walk needs to know of values, and what it tells about them. */
export interface Reader<Value> {
  literal(value: unknown): Value;
  member(parent: Value, name: string): Value | undefined;
  print(value: Value, place: Place): void;
  /** The branches that are walked. */
  branches(
    value: Value,
    place: Place,
    name: string,
  ): { readonly program: boolean; readonly inverse: boolean };
  elements(value: Value, place: Place): readonly Value[];
  /** The partials of a folder that the term may name. */
  named(value: Value, place: Place, folder: string): readonly string[];
  /** A name that its context lacks. */
  lacks(name: string, place: Place): void;
  reach?(node: hbs.AST.Node): void;
}

interface Scope<Value> extends Omit<Place, 'node'> {
  /** What names refer to: inside of a list, its element alone. */
  readonly base: Value | undefined;
  /** A partial's arguments, which stand before `base`. */
  readonly given: ReadonlyMap<string, Value>;
  /** Elements of the lists around, by their names. */
  readonly elements: ReadonlyMap<string, Value>;
}

export function walkTemplate<Value>(
  templates: TemplateSet,
  entry: ParsedTemplate,
  context: Value,
  reader: Reader<Value>,
): void {
  const walk = new Walk(templates, reader);
  walk.enter(entry, {
    file: entry.file,
    isConditional: false,
    choice: undefined,
    base: context,
    given: new Map(),
    elements: new Map(),
  });
}

class Walk<Value> {
  readonly #templates: TemplateSet;
  readonly #reader: Reader<Value>;

  constructor(templates: TemplateSet, reader: Reader<Value>) {
    this.#templates = templates;
    this.#reader = reader;
  }

  enter(template: ParsedTemplate, scope: Scope<Value>): void {
    this.#reader.reach?.(template.ast);
    this.#body(template.ast, scope);
  }

  #body(program: hbs.AST.Program | undefined, scope: Scope<Value>): void {
    for (const node of program?.body ?? []) {
      if (!isTemplateNode(node)) continue;
      this.#reader.reach?.(node);
      this.#node(node, scope);
    }
  }

  #node(node: TemplateNode, scope: Scope<Value>): void {
    if (node.type === 'MustacheStatement') {
      const value = this.#resolve(node.path, scope);
      if (value !== undefined) this.#reader.print(value, placeOf(node, scope));
    } else if (node.type === 'BlockStatement') {
      this.#block(node, scope);
    } else if (node.type === 'PartialStatement') {
      this.#partial(node, scope);
    }
  }

  #block(node: hbs.AST.BlockStatement, scope: Scope<Value>): void {
    const [subject] = node.params;
    const value = subject === undefined ? undefined : this.#resolve(subject, scope);
    if (value === undefined) return;
    if (node.path.original === 'each') {
      this.#each(node, value, scope);
      return;
    }
    const taken = this.#reader.branches(value, placeOf(node, scope), node.path.original);
    const inner = { ...scope, isConditional: true };
    if (taken.program) this.#body(node.program, inner);
    if (taken.inverse) this.#body(inverseOf(node), inner);
  }

  #each(node: hbs.AST.BlockStatement, list: Value, scope: Scope<Value>): void {
    const values = this.#reader.elements(list, placeOf(node, scope));
    if (values.length === 0) this.#body(inverseOf(node), scope);
    const name = node.program.blockParams[0] ?? '';
    for (const element of values) {
      const elements = new Map(scope.elements).set(name, element);
      this.#body(node.program, { ...scope, base: element, given: new Map(), elements });
    }
  }

  #partial(node: hbs.AST.PartialStatement, scope: Scope<Value>): void {
    const target = partialTarget(node);
    if (target === undefined) return;
    if ('name' in target) this.#call(node, target.name, scope);
    else this.#callNamed(node, target, scope);
  }

  #callNamed(node: hbs.AST.PartialStatement, { folder, term }: Named, scope: Scope<Value>): void {
    const value = this.#resolve(term, scope);
    if (value === undefined) return;
    for (const name of this.#reader.named(value, placeOf(node, scope), folder)) {
      const partial = `${folder}/${name}`;
      this.#call(node, partial, { ...scope, choice: scope.choice ?? { call: node, partial } });
    }
  }

  #call(node: hbs.AST.PartialStatement, name: string, scope: Scope<Value>): void {
    const partial = this.#templates.partials.get(name);
    if (partial === undefined) return;
    const given = new Map<string, Value>();
    for (const { key, value } of pairsOf(node)) {
      const found = this.#resolve(value, scope);
      if (found !== undefined) given.set(key, found);
    }
    const [context] = node.params;
    const base = context === undefined ? undefined : this.#resolve(context, scope);
    this.enter(partial, { ...scope, file: partial.file, base, given, elements: new Map() });
  }

  #resolve(expression: hbs.AST.Expression, scope: Scope<Value>): Value | undefined {
    if (!isPath(expression)) return this.#reader.literal((expression as hbs.AST.StringLiteral).value);
    if (expression.data) return this.#reader.literal(true);
    const [first = '', ...rest] = expression.parts;
    const start = scope.elements.get(first) ?? scope.given.get(first) ?? this.#member(scope.base, first);
    const found = rest.reduce<Value | undefined>((parent, name) => this.#member(parent, name), start);
    if (found === undefined) this.#reader.lacks(expression.original, placeOf(expression, scope));
    return found;
  }

  #member(parent: Value | undefined, name: string): Value | undefined {
    return parent === undefined ? undefined : this.#reader.member(parent, name);
  }
}

function placeOf<Value>(node: hbs.AST.Node, { file, isConditional, choice }: Scope<Value>): Place {
  return { file, node, isConditional, choice };
}
