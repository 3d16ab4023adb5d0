// Finds functions that a program calls and nobody defines: Metal's linker refuses them.

import { HEADER_FOLDER } from '../headers.js';
import type { Place, TreeNode } from './reader.js';

const FUNCTIONS = new Set(['FunctionDecl', 'CXXMethodDecl', 'CXXConstructorDecl', 'CXXConversionDecl']);
const NAME =
  / (?:used|referenced) (?:constexpr |consteval )?((?:operator.*?|~?\w+))(?: template_instantiation| implicit_instantiation)? '/u;
const DEFINED_BY_COMPILER = / implicit | default(?: |$)| delete(?: |$)/u;

export class UndefinedFunctions {
  private readonly used = new Map<string, { readonly name: string; readonly place: Place }>();
  private readonly defined = new Set<string>();
  /** For each function the one it repeats. */
  private readonly earlier = new Map<string, string>();
  private readonly calls = new Map<string, Place>();

  visit(node: TreeNode): void {
    const { kind, text, parent, start } = node;
    if (FUNCTIONS.has(kind)) this.declare(node);
    else if (kind === 'CompoundStmt' || kind === 'CXXTryStmt') {
      if (parent && FUNCTIONS.has(parent.kind)) this.defined.add(addressOf(parent.text));
    } else if (kind === 'DeclRefExpr' || kind === 'MemberExpr') {
      const address = /(?:Function|CXXMethod|\w) (0x[\da-f]+)(?: '|$)/u.exec(text)?.[1];
      if (address !== undefined && !this.calls.has(address)) this.calls.set(address, start);
    }
  }

  get findings(): (Place & { message: string })[] {
    const defined = new Set([...this.defined].map((address) => this.first(address)));
    return [...this.used].flatMap(([address, { name, place }]) => {
      if (defined.has(this.first(address))) return [];
      return [{ ...(this.calls.get(address) ?? place), message: `undefined function '${name}'` }];
    });
  }

  private declare({ text, start }: TreeNode): void {
    const address = addressOf(text);
    const before = / prev (0x[\da-f]+) /u.exec(text)?.[1];
    if (before !== undefined) this.earlier.set(address, before);
    if (start.file.startsWith(HEADER_FOLDER)) return;
    const name =
      DEFINED_BY_COMPILER.test(text) || !text.includes(' used ') ? undefined : NAME.exec(text)?.[1];
    if (name !== undefined) this.used.set(address, { name, place: start });
  }

  private first(address: string): string {
    let current = address;
    for (let next = this.earlier.get(current); next !== undefined; next = this.earlier.get(current))
      current = next;
    return current;
  }
}

function addressOf(text: string): string {
  return /0x[\da-f]+/u.exec(text)?.[0] ?? '';
}
