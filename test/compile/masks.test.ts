// PTX whose masks are joined with the bits that are set: only where that changes nothing.

import { describe, expect, it } from 'vitest';

import { joinMasks } from '../../generator/compile/representation/masks.js';

const ptx = (...lines: string[]) => lines.map((line) => (line.endsWith(':') ? line : `\t${line}`)).join('\n');

describe('joinMasks', () => {
  it('makes one instruction of a mask and the bits that are set in what it leaves', () => {
    const text = ptx(
      'and.b32 \t%r2, %r1, 15;',
      'shr.u32 \t%r3, %r1, 4;',
      'or.b32 \t%r4, %r2, 1258291200;',
      'mov.b32 \t%f1, %r4;',
    );
    expect(joinMasks(text)).toBe(
      ptx('shr.u32 \t%r3, %r1, 4;', 'lop3.b32 \t%r4, %r1, 15, 1258291200, 0xea;', 'mov.b32 \t%f1, %r4;'),
    );
  });

  it('takes the mask of a field of bits, whose shift stays', () => {
    const text = ptx(
      'bfe.u32 \t%r2, %r1, 16, 4;',
      'add.s32 \t%r9, %r9, 1;',
      'or.b32 \t%r4, %r2, 1258291200;',
    );
    expect(joinMasks(text)).toBe(
      ptx('shr.u32 \t%r2, %r1, 16;', 'add.s32 \t%r9, %r9, 1;', 'lop3.b32 \t%r4, %r2, 15, 1258291200, 0xea;'),
    );
  });

  it('means (a & b) | c by 0xea', () => {
    const [a, b, c] = [0xf0, 0xcc, 0xaa];
    expect((a & b) | c).toBe(0xea);
  });

  it.each([
    ['is read again', ['and.b32 %r2, %r1, 15;', 'or.b32 %r4, %r2, 16;', 'add.s32 %r5, %r2, 1;']],
    ['has its operand overwritten', ['and.b32 %r2, %r1, 15;', 'mov.b32 %r1, %r9;', 'or.b32 %r4, %r2, 16;']],
    [
      'has its operand overwritten by a vector',
      ['and.b32 %r2, %r1, 15;', 'ld.global.v2.b32 {%r7, %r1}, [%rd1];', 'or.b32 %r4, %r2, 16;'],
    ],
    ['is of another block', ['and.b32 %r2, %r1, 15;', '$L__BB0_2:', 'or.b32 %r4, %r2, 16;']],
    ['holds for some threads only', ['@%p1 and.b32 %r2, %r1, 15;', 'or.b32 %r4, %r2, 16;']],
    [
      'is a field that is read again',
      ['bfe.u32 %r2, %r1, 16, 4;', 'or.b32 %r4, %r2, 16;', 'mov.b32 %r5, %r2;'],
    ],
    ['is with a register', ['and.b32 %r2, %r1, %r3;', 'or.b32 %r4, %r2, 16;']],
  ])('leaves a mask that %s', (_, lines) => {
    const text = ptx(...lines);
    expect(joinMasks(text)).toBe(text);
  });
});
