// The few shapes of template syntax that moegen allows, with narrowing over Handlebars' tree, and what a lint reports.

export type TemplateNode =
  | hbs.AST.MustacheStatement
  | hbs.AST.BlockStatement
  | hbs.AST.PartialStatement
  | hbs.AST.ContentStatement
  | hbs.AST.CommentStatement;

export interface TemplateProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const KNOWN_NODES: ReadonlySet<string> = new Set([
  'MustacheStatement',
  'BlockStatement',
  'PartialStatement',
  'ContentStatement',
  'CommentStatement',
]);

export function isTemplateNode(node: hbs.AST.Node): node is TemplateNode {
  return KNOWN_NODES.has(node.type);
}

export function isPath(node: hbs.AST.Node | undefined): node is hbs.AST.PathExpression {
  return node?.type === 'PathExpression';
}

const LITERALS: ReadonlySet<string> = new Set([
  'StringLiteral',
  'NumberLiteral',
  'BooleanLiteral',
  'UndefinedLiteral',
]);

export function isLiteral(
  node: hbs.AST.Node,
): node is hbs.AST.StringLiteral | hbs.AST.NumberLiteral | hbs.AST.BooleanLiteral {
  return LITERALS.has(node.type);
}

/** The helper that names a partial of a folder by a term: `{{> (named "math/activations" glu.functions)}}`. */
export const NAMED = 'named';

/** A partial that a template calls: always the same one, or the one of a folder that a term names. */
export type PartialTarget =
  { readonly name: string } | { readonly folder: string; readonly term: hbs.AST.PathExpression };

export function partialTarget({ name }: hbs.AST.PartialStatement): PartialTarget | undefined {
  if (isPath(name)) return { name: name.original };
  const [folder, term, ...others] = name.params;
  const isNamed = isPath(name.path) && name.path.original === NAMED && pairsOf(name).length === 0;
  if (!isNamed || folder?.type !== 'StringLiteral' || !isPath(term) || others.length > 0) return undefined;
  return { folder: (folder as hbs.AST.StringLiteral).value, term };
}

/** The partials of a folder, by their names in it. */
export function partialsIn(folder: string, partials: Iterable<string>): string[] {
  const start = `${folder}/`;
  const names = [...partials].filter((partial) => partial.startsWith(start));
  return names.map((partial) => partial.slice(start.length)).filter((name) => !name.includes('/'));
}

/** Parts of a tree that Handlebars leaves out where the template has none, whatever its types say. */
export function pairsOf(node: { readonly hash?: hbs.AST.Hash }): readonly hbs.AST.HashPair[] {
  return node.hash?.pairs ?? [];
}

export function inverseOf(block: { readonly inverse?: hbs.AST.Program }): hbs.AST.Program | undefined {
  return block.inverse;
}

export function problemAt(file: string, node: hbs.AST.Node, message: string): TemplateProblem {
  return { file, line: node.loc.start.line, column: node.loc.start.column + 1, message };
}

export function describeProblem({ file, line, column, message }: TemplateProblem): string {
  return `${file}:${line}:${column}: ${message}`;
}
