// `moegen explain`: all that a host must know of one kernel: buffers, constants, grid, threadgroup memory; or of a model's layers.

import { MoegenError } from '../../errors.js';
import { describePlan, kernelFile } from '../../manifest/build.js';
import type { Binding, FunctionConstant, KernelPlan } from '../../plan/types.js';
import { ELEMENT_TYPES } from '../../description/dtypes.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { findPlan } from '../select.js';
import { table } from '../table.js';
import type { ExplainModelOptions } from './explain-model.js';

/** Of a kernel by its name, or of the layers of a model. */
export async function explain(
  name: string | undefined,
  options: ExplainModelOptions,
  io: Io,
): Promise<ExitCode> {
  const namesModel = options.config !== undefined || options.spec !== undefined;
  if (name !== undefined && namesModel) {
    throw new MoegenError('cli/two-subjects', 'expected the name of a kernel or a model, got both', {
      where: name,
      help: 'explain one after the other',
    });
  }
  if (name !== undefined) return explainKernel(name, options, io);
  const { explainLayers } = await import('./explain-model.js');
  return explainLayers(options, io);
}

function explainKernel(name: string, options: { readonly json: boolean }, io: Io): ExitCode {
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
