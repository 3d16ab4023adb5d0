// Conversions between bfloat and float are arithmetic: on Apple's GPUs subnormals come out of them as zeros, as out of an
// addition. Stock clang moves bits instead. In LLVM's representation of a program, the float of each such conversion becomes
// a zero of its sign where it compares equal to zero: that is what the processor's mode for subnormals decides.

const CONVERSION =
  /^( +)%(?:"([^"]*)"|(\S+)) = (fpext|fptrunc) ((?:[a-z]+ )*?)(?:<(\d+) x )?(?:bfloat|float)>? (.+) to (?:<\d+ x )?(bfloat|float)>?((?:, ![^,\n]*)*)$/gmu;

const SIGN = '-2147483648';

/** Lets conversions from and to bfloat heed the mode for subnormals. */
export function flushConversions(representation: string): string {
  return representation.replace(CONVERSION, (line, ...groups: (string | undefined)[]) => flush(groups, line));
}

function flush(groups: readonly (string | undefined)[], line: string): string {
  const [indent = '', quoted, plain, operation, flags = '', width, operand = '', to] = groups;
  const location = groups[8] ?? '';
  if ((operation === 'fpext') !== (to === 'float')) return line;
  const type = (element: string): string => (width === undefined ? element : `<${width} x ${element}>`);
  const result = quoted === undefined ? `%${plain ?? ''}` : `%"${quoted}"`;
  const name = (suffix: string): string => `%"${quoted ?? plain ?? ''}.${suffix}"`;
  const [zero, sign] =
    width === undefined
      ? ['0.0', SIGN]
      : ['zeroinitializer', `<${Array.from({ length: Number(width) }, () => `i32 ${SIGN}`).join(', ')}>`];
  const flushed = (from: string, into: string): string[] => [
    `${name('zero')} = fcmp oeq ${type('float')} ${from}, ${zero}`,
    `${name('bits')} = bitcast ${type('float')} ${from} to ${type('i32')}`,
    `${name('sign')} = and ${type('i32')} ${name('bits')}, ${sign}`,
    `${name('word')} = select ${type('i1')} ${name('zero')}, ${type('i32')} ${name('sign')}, ${type('i32')} ${name('bits')}`,
    `${into} = bitcast ${type('i32')} ${name('word')} to ${type('float')}`,
  ];
  const lines =
    operation === 'fpext'
      ? [
          `${name('wide')} = fpext ${flags}${type('bfloat')} ${operand} to ${type('float')}`,
          ...flushed(name('wide'), result),
        ]
      : [
          ...flushed(operand, name('flushed')),
          `${result} = fptrunc ${flags}${type('float')} ${name('flushed')} to ${type('bfloat')}`,
        ];
  return lines.map((text) => `${indent}${text}${location}`).join('\n');
}
