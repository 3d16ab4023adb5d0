// Derives from the trees of templates which terms each of them and its partials use, and prints that as types: conditions are booleans,
// what is printed is a word or a number, lists have elements, and what names a partial is one of the names in its folder.

import { partialsIn } from './ast.js';
import { GENERIC_TERMS } from './context.js';
import type { TemplateSet } from './templates.js';
import { walkTemplate, type Choice, type Place, type Reader } from './walk.js';

/** Whether something is used on every way through a template: by each partial of a folder, where one of them is chosen. */
class Uses {
  isCertain = false;
  readonly #chosen = new Map<hbs.AST.Node, Set<string>>();

  add(choice: Choice | undefined, choices: number): void {
    if (choice === undefined) {
      this.isCertain = true;
      return;
    }
    const chosen = this.#chosen.get(choice.call) ?? new Set<string>();
    this.#chosen.set(choice.call, chosen.add(choice.partial));
    if (chosen.size === choices) this.isCertain = true;
  }
}

/** A term, and what is done with it. */
class Term {
  readonly members = new Map<string, Term>();
  readonly folders = new Set<string>();
  element: Term | undefined;
  isPrinted = false;
  isCondition = false;
  /** Of all uses, and of those that depend on no condition. */
  readonly uses = new Uses();
  readonly unconditional = new Uses();
  readonly path: string;
  readonly #parent: Term | undefined;

  constructor(path: string, parent?: Term) {
    this.path = path;
    this.#parent = parent;
  }

  member(name: string): Term {
    const known = this.members.get(name) ?? new Term(this.path === '' ? name : `${this.path}.${name}`, this);
    this.members.set(name, known);
    return known;
  }

  ofElements(): Term {
    this.element ??= new Term(`${this.path}[]`, this);
    return this.element;
  }

  use(place: Place, choices: number): void {
    this.uses.add(place.choice, choices);
    if (!place.isConditional) this.unconditional.add(place.choice, choices);
    this.#parent?.use(place, choices);
  }
}

class TermReader implements Reader<Term> {
  readonly #partials: readonly string[];

  constructor({ partials }: TemplateSet) {
    this.#partials = [...partials.keys()];
  }

  literal(): Term {
    return new Term('');
  }

  member(parent: Term, name: string): Term {
    return parent.member(name);
  }

  print(term: Term, place: Place): void {
    term.isPrinted = true;
    this.#use(term, place);
  }

  branches(term: Term, place: Place) {
    term.isCondition = true;
    this.#use(term, place);
    return { program: true, inverse: true };
  }

  elements(term: Term, place: Place): readonly Term[] {
    this.#use(term, place);
    return [term.ofElements()];
  }

  named(term: Term, place: Place, folder: string): readonly string[] {
    term.folders.add(folder);
    this.#use(term, place);
    return partialsIn(folder, this.#partials);
  }

  lacks(name: string): void {
    throw new Error(`a template reads '${name}' of nothing`);
  }

  namesOf({ folders }: Term): string[] {
    const [first, ...others] = [...folders].map((folder) => partialsIn(folder, this.#partials));
    return (first ?? []).filter((name) => others.every((names) => names.includes(name)));
  }

  #use(term: Term, place: Place): void {
    const folder = place.choice?.partial.replace(/\/[^/]+$/, '') ?? '';
    term.use(place, partialsIn(folder, this.#partials).length);
  }
}

/** The types of all entry templates, as the text of a module. */
export function templateTypes(templates: TemplateSet): string {
  const types = new Types(new TermReader(templates));
  const members = [...templates.entries].map(([file, entry]) => {
    const root = new Term('');
    walkTemplate(templates, entry, root, types.reader);
    for (const name of GENERIC_TERMS) root.members.delete(name);
    const name = file.replace(/^templates\/kernels\//, '').replace(/\.metal\.hbs$/, '');
    return `readonly '${name}': ${types.record(root, ({ unconditional }) => unconditional.isCertain)};`;
  });
  return `${HEAD}\n${types.declarations()}\nexport interface TemplateTerms {\n${members.join('\n')}\n}\n`;
}

const HEAD = `// What each template below templates/kernels prints and asks for, with its partials, beside what every kernel has. Derived from the
// templates: \`npm run types:templates\` writes it. A term that stands under a condition alone may be absent.

/** What is printed. */
type Word = string | number;
`;

/** Types of terms; equal records have one name. */
class Types {
  readonly reader: TermReader;
  readonly #names = new Map<string, string>();

  constructor(reader: TermReader) {
    this.reader = reader;
  }

  declarations(): string {
    return [...this.#names].map(([text, name]) => `interface ${name} ${text}\n`).join('\n');
  }

  record(term: Term, isRequired: (member: Term) => boolean): string {
    const members = [...term.members].sort(([a], [b]) => (a < b ? -1 : 1));
    const used = members.filter(([, member]) => isUsed(member));
    const lines = used.map(
      ([name, member]) => `readonly ${name}${isRequired(member) ? '' : '?'}: ${this.#typeOf(member)};`,
    );
    return lines.length === 0 ? 'Readonly<Record<string, never>>' : `{\n${lines.join('\n')}\n}`;
  }

  #typeOf(term: Term): string {
    const { isCondition, isPrinted, folders, element, members, path } = term;
    const kinds = [isCondition, isPrinted || folders.size > 0, element !== undefined, members.size > 0];
    if (kinds.filter(Boolean).length > 1) {
      throw new Error(`'${path}' must be a condition, a word, a list or a record, and is several of them`);
    }
    if (element !== undefined) return `readonly ${this.#typeOf(element)}[]`;
    if (members.size > 0)
      return this.#named(
        path,
        this.record(term, ({ uses }) => uses.isCertain),
      );
    if (folders.size === 0) return isCondition ? 'boolean' : 'Word';
    return this.reader
      .namesOf(term)
      .map((name) => `'${name}'`)
      .join(' | ');
  }

  #named(path: string, text: string): string {
    const last = /(\w+)(?:\[\])?$/.exec(path)?.[1] ?? '';
    const base = `${last.charAt(0).toUpperCase()}${last.slice(1)}`;
    const taken = new Set(this.#names.values());
    let name = base;
    for (let next = 2; taken.has(name); next += 1) name = `${base}${next}`;
    const known = this.#names.get(text) ?? name;
    this.#names.set(text, known);
    return known;
  }
}

/** Handed on to partials that do not ask for it, a term is not used. */
function isUsed({ isPrinted, isCondition, folders, element, members }: Term): boolean {
  return (
    isPrinted ||
    isCondition ||
    folders.size > 0 ||
    element !== undefined ||
    [...members.values()].some(isUsed)
  );
}
