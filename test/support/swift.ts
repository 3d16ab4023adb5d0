// Swift, parsed by tree-sitter.

import { createRequire } from 'node:module';
import { Language, Parser, type Node } from 'web-tree-sitter';

const GRAMMAR = createRequire(import.meta.url).resolve('tree-sitter-wasms/out/tree-sitter-swift.wasm');

await Parser.init();
const parser = new Parser().setLanguage(await Language.load(GRAMMAR));

/** Lines at which the grammar is at a loss. */
export function swiftErrors(text: string): number[] {
  const found: number[] = [];
  const visit = (node: Node): void => {
    if (node.isError || node.isMissing) found.push(node.startPosition.row + 1);
    if (!node.hasError) return;
    for (const child of node.children) if (child !== null) visit(child);
  };
  const tree = parser.parse(text);
  if (tree === null) throw new Error('the parser gave up');
  visit(tree.rootNode);
  return found;
}
