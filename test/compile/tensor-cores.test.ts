import { readFileSync } from 'node:fs';

import { describe, expect, test } from 'vitest';

import { compilePtx, type PtxOptions } from '../../generator/compile/ptx.js';
import { useTensorCores } from '../../generator/compile/representation/tensor-cores.js';
import { PRELUDE, testCache } from './support.js';

describe('useTensorCores', () => {
  const program = (body: string): string =>
    `define void @k(i32 %0, i32 %1, <2 x float> %2) {\n${body}  ret void\n}\n\ndeclare i32 @__msl_turn(i32 noundef) #1\n`;
  const turn = (result: string, value: string): string =>
    `  ${result} = tail call i32 @__msl_turn(i32 noundef ${value}) #5\n`;
  const product = (result: string, a: string, b: string, c: string, kind = 'half'): string =>
    `  ${result} = tail call noundef <2 x float> @__msl_product_${kind}(i32 noundef ${a}, i32 noundef ${b}, <2 x float> noundef ${c}) #5\n`;
  const store = (value: string): string => `  store <2 x float> ${value}, ptr addrspace(1) null, align 8\n`;
  const instructions = (text: string): string[] =>
    text.match(/(?:mma\.sync\.aligned\.\w+|movmatrix)(?=[^\n]*asm|[^\n]*)/gu) ?? [];
  const operands = (text: string): string[] =>
    [...text.matchAll(/call \{ float[^\n]*"\((.*)\) convergent/gu)].map(([, list = '']) => list);

  test('what is turned twice stays as it is', () => {
    const text = useTensorCores(
      program(turn('%4', '%1') + turn('%5', '%4') + product('%6', '%0', '%5', '%2') + store('%6')),
    );
    expect(instructions(text)).toEqual(['mma.sync.aligned.m16n8k8']);
    expect(operands(text)).toEqual([
      'i32 %n.0, i32 0, i32 %n.1, float %n.6.c0, float %n.6.c1, float 0.0, float 0.0',
    ]);
    expect(text).not.toContain('__msl_');
  });

  test('what is turned once is turned by an instruction', () => {
    const text = useTensorCores(program(turn('%4', '%1') + product('%5', '%0', '%4', '%2') + store('%5')));
    expect(instructions(text)).toEqual(['movmatrix', 'mma.sync.aligned.m16n8k8']);
    expect(text).toContain('(i32 %n.1) convergent nounwind memory(none)');
  });

  test('two products with one right operand are one', () => {
    const text = useTensorCores(
      program(
        product('%4', '7', '%1', '%2', 'bfloat') +
          store('%4') +
          product('%5', '8', '%1', 'zeroinitializer', 'bfloat') +
          store('%5'),
      ),
    );
    expect(instructions(text)).toEqual(['mma.sync.aligned.m16n8k8']);
    expect(text).toContain('.bf16.bf16.');
    expect(operands(text)[0]).toMatch(/^i32 7, i32 8, i32 %n\.1, /u);
    // The upper rows are stored first, as before.
    expect(text.match(/store <2 x float> \S+(?=,)/gu)).toEqual([
      'store <2 x float> %n.4',
      'store <2 x float> %n.5',
    ]);
  });

  test('a product that needs the other one stays alone', () => {
    const needed = `  %5 = bitcast <2 x float> %4 to i64\n  %6 = trunc i64 %5 to i32\n`;
    const text = useTensorCores(
      program(product('%4', '%0', '%1', '%2') + needed + product('%7', '%6', '%1', '%2') + store('%7')),
    );
    expect(instructions(text)).toHaveLength(2);
  });

  test('products meet in memory in their order', () => {
    // What the first one stores decides the second one's left operand.
    const through = `${store('%4')}  %5 = load i32, ptr addrspace(1) null, align 4\n`;
    const text = useTensorCores(
      program(product('%4', '%0', '%1', '%2') + through + product('%6', '%5', '%1', '%2') + store('%6')),
    );
    expect(instructions(text)).toHaveLength(2);
  });

  test('two steps with two rows each are one, in whichever order they come', () => {
    const text = useTensorCores(
      program(
        product('%4', '10', '1', '%2') +
          product('%5', '12', '2', '%4') +
          product('%6', '11', '1', 'zeroinitializer') +
          product('%7', '13', '2', '%6') +
          store('%5') +
          store('%7'),
      ),
    );
    expect(instructions(text)).toEqual(['mma.sync.aligned.m16n8k16']);
    expect(operands(text)[0]).toMatch(/^i32 10, i32 11, i32 12, i32 13, i32 1, i32 2, float/u);
  });

  test('a sum that is needed between two steps is made', () => {
    const text = useTensorCores(
      program(product('%4', '10', '1', '%2') + product('%5', '12', '2', '%4') + store('%4') + store('%5')),
    );
    expect(instructions(text)).toHaveLength(2);
  });

  test('programs without matrices stay as they are', () => {
    const text = program('  %4 = add i32 %0, %1\n').replace(/\ndeclare[^\n]*\n/u, '');
    expect(useTensorCores(text)).toBe(text);
  });
});

describe('simdgroup_matrix in PTX', () => {
  const source = (type: string, transposed: boolean): string => `${PRELUDE}
kernel void k(device const ${type}* a, device const ${type}* b, device float* d, uint t [[thread_index_in_threadgroup]]) {
  threadgroup ${type} x[32 * 40], y[32 * 40];
  for (uint i = t; i < 32 * 40; i += 32) { x[i] = a[i]; y[i] = b[i]; }
  threadgroup_barrier(mem_flags::mem_threadgroup);
  simdgroup_matrix<float, 8, 8> c[4][4];
  for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) c[i][j] = make_filled_simdgroup_matrix<float, 8, 8>(0.0f);
  for (int s = 0; s < 4; s++) {
    simdgroup_matrix<${type}, 8, 8> l[4], r[4];
    for (int i = 0; i < 4; i++) simdgroup_load(l[i], x + i * 8 * 40 + s * 8, 40);
    for (int j = 0; j < 4; j++) simdgroup_load(r[j], y + ${transposed ? 'j * 8 * 40 + s * 8' : 's * 8 * 40 + j * 8'}, 40, 0, ${transposed});
    for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) simdgroup_multiply_accumulate(c[i][j], l[i], r[j], c[i][j]);
  }
  for (int i = 0; i < 4; i++) for (int j = 0; j < 4; j++) simdgroup_store(c[i][j], d + i * 8 * 32 + j * 8, 32);
}`;
  const ptxOf = async (type: string, transposed: boolean, options: PtxOptions = {}): Promise<string> => {
    const text = source(type, transposed);
    const outcome = await compilePtx({ path: 'p.metal', text }, { ...options, cacheDir: testCache });
    expect(outcome.diagnostics).toEqual([]);
    return readFileSync(outcome.library?.path ?? '', 'utf8');
  };
  const count = (text: string, pattern: RegExp): number => text.match(pattern)?.length ?? 0;

  test.each([
    ['half', 'f16'],
    ['bfloat', 'bf16'],
  ])('%s: 32 x 32 x 32 elements are 16 instructions, and nothing is turned', async (type, name) => {
    const text = await ptxOf(type, true);
    expect(
      count(text, new RegExp(`mma\\.sync\\.aligned\\.m16n8k16\\.row\\.col\\.f32\\.${name}\\.`, 'gu')),
    ).toBe(16);
    expect(count(text, /mma\.sync/gu)).toBe(16);
    expect(count(text, /movmatrix|shfl/gu)).toBe(0);
    expect(text).not.toContain('.local');
  });

  test('right operands that lie as rows are turned, once each', async () => {
    const text = await ptxOf('half', false);
    expect(count(text, /mma\.sync/gu)).toBe(16);
    expect(count(text, /movmatrix/gu)).toBe(16);
  });

  test.each(['half', 'bfloat', 'float'])('%s: ordered products are fused multiply-adds', async (type) => {
    const text = await ptxOf(type, true, { matrix: 'ordered' });
    expect(count(text, /mma\.sync|movmatrix/gu)).toBe(0);
    // 64 products of two sums and eight terms; operands are exchanged once for all of them.
    expect(count(text, /fma\.rn\.f32/gu)).toBe(64 * 16);
    expect(count(text, /shfl\.sync/gu)).toBe(4 * 4 * (8 + 16));
  });

  test('float products never lose bits', async () => {
    const text = await ptxOf('float', true);
    expect(count(text, /mma\.sync/gu)).toBe(0);
    expect(count(text, /fma\.rn\.f32/gu)).toBe(64 * 16);
  });
});
