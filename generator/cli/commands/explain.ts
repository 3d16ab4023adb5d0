// `moegen explain`: all that a host must know of one kernel: buffers, constants, grid, threadgroup memory.

import Table from 'cli-table3';
import { describePlan, kernelFile } from '../../manifest/build.js';
import type { Binding, FunctionConstant, KernelPlan } from '../../plan/types.js';
import { ELEMENT_TYPES } from '../../spec/dtypes.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { findPlan } from '../select.js';

export function explain(name: string, options: { readonly json: boolean }, io: Io): ExitCode {
  const plan = findPlan(name);
  if (options.json) {
    printJson(io, describePlan(plan));
  } else {
    io.out(describe(plan));
  }
  return EXIT.done;
}

function describe(plan: KernelPlan): string {
  const axes = Object.entries(plan.axes).map(([name, value]) => `${name} ${value}`);
  const threads = plan.dispatch.threadsPerThreadgroup;
  return [
    plan.name,
    `  ${plan.summary}`,
    '',
    `  file                ${kernelFile(plan)}, MSL ${plan.mslVersion}`,
    ...(axes.length > 0 ? [`  variant             ${axes.join(', ')}`] : []),
    `  threadgroups        ${plan.dispatch.threadgroups.join(' x ')}`,
    ...(plan.dispatch.indirect ? [`  indirect arguments  ${plan.dispatch.indirect}`] : []),
    `  threads             ${threads.join(' x ')} per threadgroup`,
    `  threadgroup memory  ${plan.threadgroupBytes} bytes of 32,768`,
    ...(plan.tile ? [`  tile                ${describeTile(plan.tile)}`] : []),
    '',
    '  buffers',
    table(['index', 'name', 'type', 'shape', 'access', 'note'], plan.bindings.map(bindingRow)),
    ...structTables(plan.bindings),
    ...(plan.constants.length > 0
      ? [
          '  function constants',
          table(['index', 'name', 'type', 'value', 'note'], plan.constants.map(constantRow)),
        ]
      : []),
    '',
  ].join('\n');
}

function describeTile({
  blockM,
  blockN,
  blockK,
  simdgroupsM,
  simdgroupsN,
}: NonNullable<KernelPlan['tile']>): string {
  return `${blockM} x ${blockN} outputs, ${blockK} terms at a time, ${simdgroupsM} x ${simdgroupsN} simdgroups`;
}

function bindingRow({ index, name, element, struct, shape, access, note, condition }: Binding): string[] {
  const notes = [note, ...(condition === undefined ? [] : [`only if ${condition}`])].filter(
    (text) => text !== '',
  );
  const size = access === 'argument' ? '' : `[${shape.join(', ')}]`;
  return [String(index), name, struct?.name ?? ELEMENT_TYPES[element].label, size, access, notes.join('; ')];
}

/** The members of each struct of arguments, with the bytes where they lie. */
function structTables(bindings: readonly Binding[]): string[] {
  return bindings.flatMap(({ struct }) => {
    if (struct === undefined) return [];
    const rows = struct.fields.map(({ name, element, offset, size }) => [
      String(offset),
      name,
      ELEMENT_TYPES[element].label,
      String(size),
    ]);
    return [`  ${struct.name}, ${struct.size} bytes`, table(['offset', 'name', 'type', 'bytes'], rows)];
  });
}

function constantRow({ index, name, type, value, note }: FunctionConstant): string[] {
  return [String(index), name, type, value === undefined ? 'bound by the host' : String(value), note];
}

function table(head: string[], rows: string[][]): string {
  const borders = [
    'top',
    'top-mid',
    'top-left',
    'top-right',
    'bottom',
    'bottom-mid',
    'bottom-left',
    'bottom-right',
  ];
  const inner = ['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'];
  const chars = Object.fromEntries([...borders, ...inner].map((place) => [place, '']));
  const lines = new Table({
    head,
    chars: { ...chars, middle: '  ' },
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  lines.push(...rows);
  return lines
    .toString()
    .split('\n')
    .map((line) => `    ${line}`.trimEnd())
    .join('\n');
}
