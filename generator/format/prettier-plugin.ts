// Teaches Prettier the Metal Shading Language, so that one command lays out and checks every file of a project:
// `prettier --plugin moegen/prettier-plugin --check generated`.

import type { Parser, Plugin, Printer, SupportLanguage } from 'prettier';
import { loadClangFormat } from './clang-format.js';

interface FormattedText {
  readonly text: string;
}

const AST_FORMAT = 'msl-text';

const parser: Parser<FormattedText> = {
  parse: async (source) => ({ text: (await loadClangFormat())(source) }),
  astFormat: AST_FORMAT,
  locStart: () => 0,
  locEnd: (node) => node.text.length,
};

const printer: Printer<FormattedText> = {
  print: (path) => path.node.text,
};

export const languages: SupportLanguage[] = [
  { name: 'Metal Shading Language', parsers: ['msl'], extensions: ['.metal'] },
];

export const parsers: NonNullable<Plugin<FormattedText>['parsers']> = { msl: parser };

export const printers: NonNullable<Plugin<FormattedText>['printers']> = { [AST_FORMAT]: printer };
