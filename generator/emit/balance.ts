// Checks that the brackets of a rendered kernel match. The formatter passes unbalanced text through unchanged, so a branch of
// a template that opens a brace without closing it is caught here, by kernel and line.

import { MoegenError } from '../errors.js';
import { scanCode, type ScanToken } from './scan.js';

const CLOSER_OF: Readonly<Record<string, string>> = { '(': ')', '[': ']', '{': '}' };

export interface RenderedText {
  readonly kernel: string;
  readonly template: string;
  readonly text: string;
}

export function assertBalanced(rendered: RenderedText): void {
  const open: ScanToken[] = [];
  for (const token of scanCode(rendered.text)) {
    if (token.text === '\n') continue;
    if (token.text in CLOSER_OF) {
      open.push(token);
      continue;
    }
    const opener = open.pop();
    if (opener === undefined) {
      throw unbalanced(rendered, token, `'${token.text}' closes nothing`);
    }
    const expected = CLOSER_OF[opener.text] ?? '';
    if (expected !== token.text) {
      const opened = `'${opener.text}' of line ${lineAt(rendered.text, opener.offset)}`;
      throw unbalanced(rendered, token, `expected '${expected}' to close ${opened}, got '${token.text}'`);
    }
  }
  const unclosed = open.pop();
  if (unclosed !== undefined) {
    throw unbalanced(rendered, unclosed, `'${unclosed.text}' is never closed`);
  }
}

function unbalanced(
  { kernel, template, text }: RenderedText,
  token: ScanToken,
  message: string,
): MoegenError {
  const line = lineAt(text, token.offset);
  const source = (text.split('\n')[line - 1] ?? '').trim();
  return new MoegenError('emit/unbalanced-brackets', message, {
    where: `${template}: line ${line} of the rendered ${kernel}: ${source}`,
    help: 'give both arms of every {{#if}} in the template matching brackets',
  });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}
