// Integer division by zero, and of the least number by -1, gives some value in Metal and goes on; for LLVM anything may
// follow, and processors trap. In LLVM's representation of a program: x / 0 becomes x, x % 0 becomes 0, and what overflows
// wraps.

const DIVISION =
  /^( +)%(?:"([^"]*)"|(\S+)) = ([su])(div|rem) (?:exact )?(?:(i\d+)|<(\d+) x (i\d+)>) (.+), (%(?:"[^"]*"|[\w.$-]+))((?:, ![^,\n]*)*)$/gmu;

/** Guards all divisions by what is no constant. */
export function guardDivisions(representation: string): string {
  return representation.replace(DIVISION, (_, ...groups: (string | undefined)[]) => guard(groups));
}

function guard(groups: readonly (string | undefined)[]): string {
  const [indent = '', quoted, plain, sign, operation = '', scalar, width, element, left = '', right = ''] =
    groups;
  const location = groups[10] ?? '';
  const lanes = width === undefined ? undefined : Number(width);
  const type = scalar ?? `<${width ?? ''} x ${element ?? ''}>`;
  const test = lanes === undefined ? 'i1' : `<${lanes} x i1>`;
  const constant = (value: string): string =>
    lanes === undefined
      ? value
      : `<${Array.from({ length: lanes }, () => `${element ?? ''} ${value}`).join(', ')}>`;
  const result = quoted === undefined ? `%${plain ?? ''}` : `%"${quoted}"`;
  const name = (suffix: string): string => `%"${quoted ?? plain ?? ''}.${suffix}"`;
  const equals = (suffix: string, value: string): string =>
    `${name(suffix)} = icmp eq ${type} ${right}, ${constant(value)}`;
  const choose = (to: string, condition: string, yes: string, no: string): string =>
    `${to} = select ${test} ${name(condition)}, ${type} ${yes}, ${type} ${no}`;
  const divide = (to: string, by: string): string =>
    `${to} = ${sign ?? ''}${operation} ${type} ${left}, ${by}`;
  const lines =
    sign === 'u'
      ? [
          equals('zero', '0'),
          choose(name('safe'), 'zero', constant('1'), right),
          divide(result, name('safe')),
        ]
      : [
          equals('zero', '0'),
          equals('minus', '-1'),
          `${name('one')} = or ${test} ${name('zero')}, ${name('minus')}`,
          choose(name('safe'), 'one', constant('1'), right),
          ...(operation === 'rem'
            ? [divide(result, name('safe'))]
            : [
                divide(name('quotient'), name('safe')),
                `${name('negative')} = sub ${type} ${constant('0')}, ${name('quotient')}`,
                choose(result, 'minus', name('negative'), name('quotient')),
              ]),
        ];
  return lines.map((line) => `${indent}${line}${location}`).join('\n');
}
