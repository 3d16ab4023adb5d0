// Tables as results show them: columns side by side, indented, without lines.

import Table from 'cli-table3';

const BORDERS = ['top', 'bottom'].flatMap((edge) => ['', '-mid', '-left', '-right'].map((end) => edge + end));
const INNER = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
const NO_LINES = Object.fromEntries([...BORDERS, ...INNER].map((place) => [place, '']));

/** Columns of numbers are aligned to the right. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly string[] = [],
): string {
  const lines = new Table({
    head: [...head],
    chars: { ...NO_LINES, middle: '  ' },
    colAligns: head.map((name) => (numbers.includes(name) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  lines.push(...rows.map((row) => [...row]));
  return lines
    .toString()
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n');
}

/** With a comma before every three digits; a fraction is rounded. */
export function grouped(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `0-2, 5` for 0, 1, 2, 5. */
export function ranges(numbers: readonly number[]): string {
  const starts = numbers.filter((value) => !numbers.includes(value - 1));
  const ends = numbers.filter((value) => !numbers.includes(value + 1));
  return starts
    .map((start, at) => (start === ends[at] ? String(start) : `${start}-${ends[at] ?? ''}`))
    .join(', ');
}
