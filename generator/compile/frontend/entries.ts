// Writes the entry of each kernel: a C function that takes the thread's identity and the arguments' addresses from the
// engine (host) or from its own parameters (PTX) and calls the kernel with them.

import type { KernelInfo } from '../types.js';
import { warnOfNarrowLimit } from './apple-traps.js';
import { createArgumentContext, kernelArgument, type KernelArgument } from './arguments.js';
import { findKernel } from './kernels.js';
import { maxThreads } from './template-arguments.js';
import { runsInRows } from './rows.js';
import type { Instantiation, KernelDefinition, Unit } from './unit.js';
import { refuseKernel, reportError } from './unit.js';

/** An entry with its text; kernels that are not wanted have none. */
export interface Entry {
  readonly kernel: KernelInfo;
  readonly text: string | undefined;
}

const ENTRY_FILE = /^<entry:(\d+)>$/u;

/** The number of the entry that a pseudo file holds: messages about it lead to the kernel. */
export function entryIndex(file: string): number | undefined {
  const match = ENTRY_FILE.exec(file);
  return match ? Number(match[1]) : undefined;
}

export function writeEntries(unit: Unit): Entry[] {
  const entries: Entry[] = [];
  const seen = new Set<string>();
  unit.instantiations.forEach((instantiation, index) => {
    const { hostName, token } = instantiation;
    const definition = findKernel(unit, instantiation);
    if (!definition) {
      reportError(
        unit,
        token,
        `there is no kernel '${instantiation.definition}' for host_name "${hostName}"`,
      );
      return;
    }
    if (seen.has(hostName)) reportError(unit, token, `there are two kernels '${hostName}'`);
    seen.add(hostName);
    entries.push(writeEntry(unit, instantiation, definition, index));
  });
  return entries;
}

function writeEntry(
  unit: Unit,
  instantiation: Instantiation,
  definition: KernelDefinition,
  index: number,
): Entry {
  const context = createArgumentContext(unit, instantiation, definition);
  const list = definition.parameters.map((parameter, position) =>
    kernelArgument(context, parameter, `__msl_parameter<${position}, __msl_function_${index}>`),
  );
  const limit = maxThreads(unit, instantiation, definition);
  if (limit !== undefined && (limit < 1 || limit > 1024)) {
    const name = `max_total_threads_per_threadgroup(${definition.maxThreads ?? ''})`;
    const problem = `${name} is ${limit}; a threadgroup has 1 to 1024 threads`;
    refuseKernel(unit, instantiation.hostName, definition.token, problem);
  } else if (limit !== undefined) {
    warnOfNarrowLimit(unit, instantiation.token, instantiation.hostName, limit);
  }
  const kernel: KernelInfo = {
    name: instantiation.hostName,
    symbol: unit.target === 'host' ? `__msl_entry_${index}` : instantiation.hostName.replace(/\W/gu, '_'),
    parameters: list.map(({ parameter }) => ({ ...parameter, isStruct: isStruct(unit, parameter.text) })),
    ...(limit === undefined ? {} : { maxTotalThreadsPerThreadgroup: limit }),
    ...(unit.target === 'host' && runsInRows(unit, instantiation) ? { rowSymbol: `__msl_row_${index}` } : {}),
  };
  if (unit.only && !unit.only.has(kernel.name)) return { kernel, text: undefined };
  const { functionType, namespaces } = instantiation;
  const expression = qualified(unit, instantiation);
  const name = `__msl_function_${index}`;
  const type =
    functionType === undefined ? `decltype(${expression}) ${name}` : `void (${name})${functionType}`;
  const callee = functionType === undefined ? expression : `static_cast<${name}&>(${expression})`;
  const entry = unit.namesElements
    ? elementTypes(kernel, index)
    : unit.target === 'host'
      ? hostEntry(kernel, callee, list)
      : ptxEntry(kernel, callee, list);
  // Where the program instantiated it, names mean what they meant there.
  const open = namespaces.map((namespace) => `namespace ${namespace} { `).join('');
  const close = ' }'.repeat(namespaces.length);
  return { kernel, text: `\n# 1 "<entry:${index}>"\n${open}typedef ${type}; ${entry}${close}\n` };
}

/** The name that the type of an argument's elements gets where layouts are asked for. */
export const ELEMENT_NAME = '__msl_element_';

function elementTypes({ parameters }: KernelInfo, index: number): string {
  const types = parameters.map(({ kind }, position) => {
    if (kind === 'builtin') return '';
    const name = `${ELEMENT_NAME}${index}_${position}`;
    const trait = kind === 'buffer' ? '__msl_bufarg' : '__msl_tgarg';
    const type = `typename __msl_parameter<${position}, __msl_function_${index}>::type`;
    return `typedef typename ${trait}<${type}>::element ${name}; enum : ulong { ${name}_size = __msl_size<${name}>::value };`;
  });
  return types.join(' ');
}

function isStruct(unit: Unit, type: string): boolean {
  return (type.match(/[A-Za-z_]\w*/gu) ?? []).some((word) => unit.classes.has(word));
}

/** The kernel where its namespace has it: a name that Metal's library has too would be ambiguous. */
function qualified(unit: Unit, { expression, definition, namespaces }: Instantiation): string {
  const path = [...namespaces, definition].join('::');
  return unit.kernels.has(path) && expression.startsWith(definition) && !namespaces.includes('')
    ? `::${path}${expression.slice(definition.length)}`
    : expression;
}

function hostEntry(kernel: KernelInfo, callee: string, list: readonly KernelArgument[]): string {
  const values = list.map((argument) => argument.host).join(', ');
  const call = `${callee}(${values});`;
  const row = kernel.rowSymbol === undefined ? '' : ` __MSL_ROW_ENTRY(${kernel.rowSymbol}, ${call})`;
  return `__MSL_ENTRY void ${kernel.symbol}(const __msl_self* s) { ${call} }${row}`;
}

/** Parameters: `ulong b0 ... bN` for every buffer index up to the largest, then `uint tN` per threadgroup argument. */
function ptxEntry(kernel: KernelInfo, callee: string, list: readonly KernelArgument[]): string {
  const buffers = kernel.parameters.filter((parameter) => parameter.kind === 'buffer');
  const count = Math.max(-1, ...buffers.map((parameter) => parameter.index)) + 1;
  const threadgroup = kernel.parameters.filter((parameter) => parameter.kind === 'threadgroup');
  const signature = [
    ...Array.from({ length: count }, (_, index) => `ulong b${index}`),
    ...threadgroup.map((parameter) => `uint t${parameter.index}`),
  ].join(', ');
  const values = list.map((argument) => argument.ptx).join(', ');
  const self = '__msl_self self; __msl_fill_self(self); const __msl_self* s = &self;';
  return `__MSL_ENTRY void ${kernel.symbol}(${signature}) { ${self} ${callee}(${values}); }`;
}
