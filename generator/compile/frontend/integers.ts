// Evaluates integer constant expressions as far as attribute arguments need them: buffer indices, thread limits.

const TOKEN =
  /\s*(?:(0[xX][\da-fA-F]+|\d+)[uUlL]*|([A-Za-z_][\w:]*)|(<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>()!~&|^?:]))/uy;

const LEVELS: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<', '>', '<=', '>='],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];

const BINARY: Readonly<Record<string, (a: number, b: number) => number>> = {
  '||': (a, b) => Number(a !== 0 || b !== 0),
  '&&': (a, b) => Number(a !== 0 && b !== 0),
  '|': (a, b) => a | b,
  '^': (a, b) => a ^ b,
  '&': (a, b) => a & b,
  '==': (a, b) => Number(a === b),
  '!=': (a, b) => Number(a !== b),
  '<': (a, b) => Number(a < b),
  '>': (a, b) => Number(a > b),
  '<=': (a, b) => Number(a <= b),
  '>=': (a, b) => Number(a >= b),
  '<<': (a, b) => a * 2 ** b,
  '>>': (a, b) => Math.floor(a / 2 ** b),
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => Math.trunc(a / b),
  '%': (a, b) => a % b,
};

class NotConstant extends Error {}
/** One for all: where it was thrown is of no interest, and costs more to find out than all else here. */
const NOT_CONSTANT = new NotConstant();

interface Reader {
  readonly words: readonly string[];
  position: number;
  readonly lookup: (name: string) => number | undefined;
}

/** The value of an expression, or undefined where it is not a constant that can be known here. */
export function evaluateInteger(
  text: string,
  lookup: (name: string) => number | undefined = () => undefined,
): number | undefined {
  const words = split(text);
  if (words === undefined) return undefined;
  const reader: Reader = { words, position: 0, lookup };
  try {
    const value = conditional(reader);
    return reader.position === words.length && Number.isFinite(value) ? value : undefined;
  } catch (error) {
    if (error instanceof NotConstant) return undefined;
    throw error;
  }
}

function split(text: string): string[] | undefined {
  const words: string[] = [];
  // The lexer prints `>>` as two tokens.
  const source = text.trimEnd().replace(/> >/gu, '>>').replace(/ :: /gu, '::');
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < source.length) {
    const match = TOKEN.exec(source);
    if (!match) return undefined;
    words.push(match[1] ?? match[2] ?? match[3] ?? '');
  }
  return words;
}

function conditional(reader: Reader): number {
  const condition = binary(reader, 0);
  if (reader.words[reader.position] !== '?') return condition;
  reader.position += 1;
  const yes = conditional(reader);
  expect(reader, ':');
  const no = conditional(reader);
  return condition !== 0 ? yes : no;
}

function binary(reader: Reader, level: number): number {
  const operators = LEVELS[level];
  if (operators === undefined) return unary(reader);
  let left = binary(reader, level + 1);
  for (;;) {
    const word = reader.words[reader.position];
    const operation = word !== undefined && operators.includes(word) ? BINARY[word] : undefined;
    if (operation === undefined) return left;
    reader.position += 1;
    left = operation(left, binary(reader, level + 1));
  }
}

function unary(reader: Reader): number {
  const word = reader.words[reader.position] ?? '';
  reader.position += 1;
  switch (word) {
    case '-':
      return -unary(reader);
    case '+':
      return unary(reader);
    case '!':
      return Number(unary(reader) === 0);
    case '~':
      return ~unary(reader);
    case '(': {
      const value = conditional(reader);
      expect(reader, ')');
      return value;
    }
  }
  const value = /^\d/u.test(word) ? Number(word) : named(reader, word);
  if (value === undefined) throw NOT_CONSTANT;
  return value;
}

function named(reader: Reader, word: string): number | undefined {
  if (word === 'true') return 1;
  if (word === 'false') return 0;
  return /^[A-Za-z_]/u.test(word) ? reader.lookup(word) : undefined;
}

function expect(reader: Reader, word: string): void {
  if (reader.words[reader.position] !== word) throw NOT_CONSTANT;
  reader.position += 1;
}
