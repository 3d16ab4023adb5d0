// Reads the text in which clang prints a program's syntax tree, line by line: for large programs it is hundreds of
// megabytes.

/** A node of the tree, with its parents. */
export interface TreeNode {
  readonly depth: number;
  /** `CallExpr`, `VarDecl`, ... */
  readonly kind: string;
  /** The line without what draws the tree. */
  readonly text: string;
  readonly parent: TreeNode | undefined;
  /** Where its first and its last token stand. */
  readonly start: Place;
  readonly end: Place;
  /** How many children came so far. */
  children: number;
  /** Of calls: the text of the node that names the function. */
  callee: string | undefined;
}

export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

const LOCATION = /^(?:col:(\d+)|line:(\d+):(\d+)|(<invalid sloc>)|(.*?):(\d+):(\d+))(?=, |>)/u;
const NAME_LOCATION = /^ (?:line:(\d+):\d+|((?!col:|line:)\S.*?):(\d+):\d+)(?= |$)/u;
const CALLS = new Set(['CallExpr', 'CXXOperatorCallExpr']);
const NAMES = new Set(['DeclRefExpr', 'MemberExpr']);

/** Expressions that hand on what is in them. */
export const TRANSPARENT: ReadonlySet<string> = new Set(['ImplicitCastExpr', 'ParenExpr']);

export class TreeReader {
  private last: TreeNode | undefined;
  private file = '';
  private line = 0;

  private readonly visit: (node: TreeNode) => void;

  /** `visit` sees each node when its line comes. */
  constructor(visit: (node: TreeNode) => void) {
    this.visit = visit;
  }

  read(row: string): void {
    let depth = 0;
    while (depth < row.length && '| `-'.includes(row.charAt(depth))) depth += 1;
    const text = row.slice(depth);
    const kind = /^\w+/u.exec(text)?.[0];
    if (kind === undefined) return;
    let parent = this.last;
    while (parent && parent.depth >= depth) parent = parent.parent;
    if (parent) parent.children += 1;
    const { start, end } = this.locate(text);
    const node = { depth, kind, text, parent, start, end, children: 0, callee: undefined };
    this.last = node;
    if (NAMES.has(kind)) nameCallee(node);
    this.visit(node);
  }

  /** Follows the places, each of which says only what is new. */
  private locate(text: string): { start: Place; end: Place } {
    let rest = text.slice(text.indexOf(' <') + 2);
    let start: Place | undefined;
    let end: Place = { file: this.file, line: this.line, column: 1 };
    for (let part = 0; part < 2; part += 1) {
      const match = LOCATION.exec(rest);
      if (!match) break;
      const column = this.follow(match);
      end = { file: this.file, line: this.line, column };
      start ??= end;
      rest = rest.slice(match[0].length);
      if (!rest.startsWith(', ')) break;
      rest = rest.slice(2);
    }
    // Behind the range of a declaration stands the place of its name.
    const name = start && rest.startsWith('>') ? NAME_LOCATION.exec(rest.slice(1)) : null;
    if (name) {
      this.file = name[2] ?? this.file;
      this.line = Number(name[1] ?? name[3]);
    }
    return { start: start ?? end, end };
  }

  private follow(match: RegExpExecArray): number {
    const [, same, line, inLine, , file, fileLine, inFile] = match;
    if (line !== undefined) this.line = Number(line);
    else if (file !== undefined) {
      this.file = file;
      this.line = Number(fileLine);
    }
    return Number(same ?? inLine ?? inFile ?? 1);
  }
}

/** A name that comes first in a call is what is called. */
function nameCallee(node: TreeNode): void {
  for (let { parent } = node; parent?.children === 1; parent = parent.parent) {
    if (CALLS.has(parent.kind)) {
      parent.callee ??= node.text;
      return;
    }
    if (!TRANSPARENT.has(parent.kind)) return;
  }
}
