// Writes the functions of simdgroup_matrix for NVIDIA GPUs (native/msl/detail/simdgroup_matrix_nvptx.h) into an optimised
// program, in LLVM's representation, as the instructions that they stand for. Transposes of transposes go away. An instruction
// of the tensor cores multiplies 16 x 16 by 16 x 8 elements: up to four products of 8 x 8 become one, two with the same right
// operand and two that follow each other.

import { replaceValues, resultOf, rewriteFunctions, type Block } from './functions.js';
import { groupProducts, type Group } from './product-groups.js';
import { readProduct, VALUE, type ProductKind } from './products.js';
import { schedule } from './schedule.js';

const USED = /@__msl_(?:product_\w+|turn)\(/u;
const EXCHANGE = /\bcall [^@\n]*@__msl_exchange\(/gu;
const DECLARATION = /^declare [^\n]*@__msl_(?:product_\w+|turn|exchange)\([^\n]*\n/gmu;
const TURN = new RegExp(
  String.raw`^ +(%(?:"[^"]*"|[-\w.$]+)) = (?:tail )?call [^@]*@__msl_turn\(i32 (?:noundef )?(${VALUE})\)`,
  'u',
);
const SHUFFLE = 'call i32 asm "shfl.sync.idx.b32 $0, $1, $2, 0x1f, 0xffffffff;", "=r,r,r"(';
const TRANSPOSE = 'call i32 asm "movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;", "=r,r"';
/** Lanes meet in each, and nothing else happens. */
const ATTRIBUTES = 'convergent nounwind memory(none)';

/** The representation of an optimised program without calls of those functions. */
export function useTensorCores(representation: string): string {
  return rewriteFunctions(representation, USED, (blocks) => cancelTurns(blocks).map(rewriteBlock))
    .replace(EXCHANGE, SHUFFLE)
    .replace(DECLARATION, '');
}

/** Uses of what was turned twice are uses of what it was, and turns without uses are gone. */
function cancelTurns(blocks: readonly Block[]): Block[] {
  const turned = new Map<string, string>();
  for (const { body } of blocks) {
    for (const line of body) {
      const [, result, value] = TURN.exec(line) ?? [];
      if (result !== undefined && value !== undefined) turned.set(result, value);
    }
  }
  const same = new Map<string, string>();
  for (const [result, value] of turned) {
    const origin = turned.get(value);
    if (origin !== undefined) same.set(result, origin);
  }
  // What four turns lead back to.
  for (const [result, value] of same) same.set(result, same.get(value) ?? value);
  const replaced = blocks.map(({ head, body, tail }) => ({
    head: replaceValues(head, same),
    body: body
      .filter((line) => !same.has(resultOf(line) ?? ''))
      .flatMap((line) => replaceValues([line], same)),
    tail: replaceValues(tail, same),
  }));
  const uses = countUses(replaced);
  return replaced.map(({ head, body, tail }) => ({
    head,
    body: body.filter((line) => !TURN.test(line) || (uses.get(resultOf(line) ?? '') ?? 0) > 1),
    tail,
  }));
}

/** How often values are named, where they are defined included. */
function countUses(blocks: readonly Block[]): Map<string, number> {
  const uses = new Map<string, number>();
  for (const { head, body, tail } of blocks) {
    for (const line of [...head, ...body, ...tail]) {
      for (const name of line.match(/%(?:"[^"]*"|[-\w.$]+)/gu) ?? [])
        uses.set(name, (uses.get(name) ?? 0) + 1);
    }
  }
  return uses;
}

function rewriteBlock(block: Block, _position: number, blocks: readonly Block[]): Block {
  const { head, body, tail } = block;
  const hasProducts = body.some((line) => readProduct(line) !== undefined);
  const groups = hasProducts ? groupProducts(body, countUses(blocks)) : [];
  const ordered = schedule(
    body,
    groups.map((group) => group.positions),
  );
  const lines = ordered.flatMap((item) => {
    const group = item.group === undefined ? undefined : groups[item.group];
    return group ? writeGroup(group) : [writeTurn(body[item.position] ?? '')];
  });
  return { head, body: lines, tail };
}

function writeTurn(line: string): string {
  const [, result, value] = TURN.exec(line) ?? [];
  return result === undefined ? line : `  ${result} = ${TRANSPOSE}(i32 ${value ?? ''}) ${ATTRIBUTES}`;
}

const TYPES: Readonly<Record<ProductKind, string>> = { half: 'f16', bfloat: 'bf16' };

function writeGroup({ kind, steps }: Group): string[] {
  const [first = [], last = first] = [steps[0], steps.at(-1)];
  const name = `${last[0]?.result.replace(/"?$/u, '') ?? ''}.`;
  const quote = name.startsWith('%"') ? '"' : '';
  const value = (suffix: string): string => `${name}${suffix}${quote}`;
  const lines: string[] = [];
  // Registers: both rows of the left operand for each step, the right operands, the sums.
  const left = steps.flatMap((step) => [0, 1].map((row) => `i32 ${step[row]?.a ?? '0'}`));
  const right = steps.map((step) => `i32 ${step[0]?.b ?? '0'}`);
  const sums = [0, 1, 2, 3].map((index) => {
    const product = first[index >> 1];
    if (!product) return 'float 0.0';
    const part = value(`c${index}`);
    lines.push(`  ${part} = extractelement <2 x float> ${product.c}, i64 ${index & 1}`);
    return `float ${part}`;
  });
  const place = (from: number, count: number): string =>
    Array.from({ length: count }, (_, index) => `$${from + index}`).join(', ');
  const [a, b] = [left.length, right.length];
  const shape = `m16n8k${8 * steps.length}.row.col.f32.${TYPES[kind]}.${TYPES[kind]}.f32`;
  const registers = `{{${place(0, 4)}}}, {{${place(4, a)}}}, {{${place(4 + a, b)}}}, {{${place(4 + a + b, 4)}}}`;
  const text = `mma.sync.aligned.${shape} ${registers.replaceAll('{{', '{').replaceAll('}}', '}')};`;
  const constraints = [...Array<string>(4).fill('=f'), ...Array<string>(a + b).fill('r'), 'f,f,f,f'].join(
    ',',
  );
  const whole = value('d');
  lines.push(
    `  ${whole} = call { float, float, float, float } asm "${text}", "${constraints}"(${[...left, ...right, ...sums].join(', ')}) ${ATTRIBUTES}`,
  );
  last.forEach((product, row) => {
    const [even, odd, half] = [value(`d${2 * row}`), value(`d${2 * row + 1}`), value(`h${row}`)];
    const take = `extractvalue { float, float, float, float } ${whole},`;
    lines.push(
      `  ${even} = ${take} ${2 * row}`,
      `  ${odd} = ${take} ${2 * row + 1}`,
      `  ${half} = insertelement <2 x float> poison, float ${even}, i64 0`,
      `  ${product.result} = insertelement <2 x float> ${half}, float ${odd}, i64 1`,
    );
  });
  return lines;
}
