// Decides where a kernel parameter's value comes from: a buffer, threadgroup memory, or the thread's place in the grid.

import type { KernelParameter } from '../types.js';
import type { Attribute } from './attributes.js';
import { evaluateInteger } from './integers.js';
import { UNSUPPORTED_ATTRIBUTES } from './unsupported.js';
import {
  refuseKernel,
  type DeclaredParameter,
  type Instantiation,
  type KernelDefinition,
  type Unit,
} from './unit.js';

export interface KernelArgument {
  readonly parameter: Omit<KernelParameter, 'isStruct'>;
  /** Expression for the argument, given the thread's `s`. */
  readonly host: string;
  readonly ptx: string;
}

/** The kernel whose arguments are being read. */
export interface ArgumentContext {
  readonly unit: Unit;
  readonly instantiation: Instantiation;
  readonly templateParameters: ReadonlySet<string>;
  readonly used: { readonly buffer: Map<number, string>; readonly threadgroup: Map<number, string> };
  /** Indices that some parameter names; automatic indices avoid them. */
  readonly named: Readonly<Record<Memory, ReadonlySet<number>>>;
}

type Memory = 'buffer' | 'threadgroup';

const MAX_BUFFERS = 31;

/** Attributes with three components and the field of the thread's identity that has them. */
const POSITIONS: Readonly<Record<string, string>> = {
  thread_position_in_grid: 'tpig',
  thread_position_in_threadgroup: 'tpitg',
  threadgroup_position_in_grid: 'tgpig',
  threads_per_threadgroup: 'tptg',
  dispatch_threads_per_threadgroup: 'dtptg',
  threadgroups_per_grid: 'tgpg',
  threads_per_grid: 'tpg',
  grid_size: 'tpg',
};

const SCALARS: Readonly<Record<string, string>> = {
  thread_index_in_threadgroup: 's->titg',
  thread_index_in_simdgroup: 's->lane',
  simdgroup_index_in_threadgroup: 's->sg',
  simdgroups_per_threadgroup: 's->nsg',
  dispatch_simdgroups_per_threadgroup: 's->dnsg',
  dispatch_quadgroups_per_threadgroup: '(s->dtptg[0] * s->dtptg[1] * s->dtptg[2] + 3u) / 4u',
  threads_per_simdgroup: '32u',
  thread_execution_width: '32u',
  thread_index_in_quadgroup: 's->lane & 3u',
  quadgroup_index_in_threadgroup: 's->titg >> 2',
  quadgroup_index_in_simdgroup: 's->lane >> 2',
  quadgroups_per_threadgroup: '(s->tptg[0] * s->tptg[1] * s->tptg[2] + 3u) / 4u',
};

/** Helpers that kernels call may repeat the attributes of the kernels' parameters. */
export const PARAMETER_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...Object.keys(POSITIONS),
  ...Object.keys(SCALARS),
  'grid_origin',
]);

/** Other names for the same. */
const SAME_AS: Readonly<Record<string, string>> = {
  thread_execution_width: 'threads_per_simdgroup',
  grid_size: 'threads_per_grid',
};

const WITHOUT_MEANING = new Set(['function_constant', 'maybe_unused', 'user']);

export function createArgumentContext(
  unit: Unit,
  instantiation: Instantiation,
  { parameters, templateParameters }: KernelDefinition,
): ArgumentContext {
  const named = { buffer: new Set<number>(), threadgroup: new Set<number>() };
  for (const { name, argument } of parameters.flatMap(({ attributes }) => attributes)) {
    const index = evaluateInteger(argument, (other) => unit.integers.get(other));
    if (index !== undefined && (name === 'buffer' || name === 'threadgroup')) named[name].add(index);
  }
  checkPositions(unit, instantiation, parameters);
  return {
    unit,
    instantiation,
    templateParameters: new Set(templateParameters.map(({ name }) => name)),
    used: { buffer: new Map(), threadgroup: new Map() },
    named,
  };
}

/** Positions and sizes have as many components as each other, and no two parameters are the same. */
function checkPositions(
  unit: Unit,
  { hostName }: Instantiation,
  parameters: readonly DeclaredParameter[],
): void {
  const given = new Map<string, string>();
  let first: { readonly text: string; readonly count: number } | undefined;
  for (const { attributes, token, text, name: own } of parameters) {
    const { name = '' } = attributes.find((each) => PARAMETER_ATTRIBUTES.has(each.name)) ?? {};
    if (name === '') continue;
    const place = `kernel '${hostName}', parameter '${text}'`;
    const meant = SAME_AS[name] ?? name;
    const other = given.get(meant);
    if (other !== undefined) refuseKernel(unit, hostName, token, `${place}: '${other}' is the same`);
    given.set(meant, text);
    const count = name in POSITIONS ? components(unit, text, own) : undefined;
    if (count === undefined) continue;
    if (first && first.count !== count)
      refuseKernel(unit, hostName, token, `${place}: '${first.text}' has another number of components`);
    first ??= { text, count };
  }
}

/** Of a type that is named here; undefined for those that only the compiler knows. */
function components(unit: Unit, text: string, name: string): number | undefined {
  const words = (text.match(/[A-Za-z_]\w*/gu) ?? []).filter((word) => word !== 'const' && word !== name);
  const [word = ''] = words;
  if (words.length !== 1 && !['metal', 'simd'].includes(word)) return undefined;
  const last = words.at(-1) ?? '';
  const type = unit.aliases.get(last) ?? last;
  const digits = /^(?:ushort|uint)([234]?)$/u.exec(type)?.[1];
  return digits === undefined ? undefined : Number(digits || 1);
}

/** The argument for one parameter; `nth` names the parameter's type. */
export function kernelArgument(
  context: ArgumentContext,
  parameter: DeclaredParameter,
  nth: string,
): KernelArgument {
  const type = `typename ${nth}::type`;
  const sources = parameter.attributes.filter(({ name }) => !WITHOUT_MEANING.has(name));
  const refused = sources.find(({ name }) => UNSUPPORTED_ATTRIBUTES.has(name));
  if (refused) fail(context, parameter, `not supported: ${refused.name}`);
  else if (/[*&].*\[/u.test(parameter.text) && !parameter.text.includes('('))
    fail(context, parameter, 'not supported: arrays of buffers');
  else if (sources.length > 1)
    fail(
      context,
      parameter,
      `'${sources[0]?.name ?? ''}' and '${sources[1]?.name ?? ''}' exclude each other`,
    );
  for (const { name, argument } of parameter.attributes) {
    if (name === 'function_constant') checkCondition(context, parameter, argument);
  }
  for (const attribute of parameter.attributes) {
    const argument = attributeArgument(context, parameter, type, attribute);
    if (argument) return argument;
  }
  if (parameter.indirect) {
    const memory = parameter.isThreadgroup ? 'threadgroup' : 'buffer';
    let index = 0;
    while (context.named[memory].has(index) || context.used[memory].has(index)) index += 1;
    const argument = parameter.isThreadgroup ? threadgroupArgument : bufferArgument;
    return argument(context, parameter, type, index);
  }
  if (parameter.attributes.length === 0) fail(context, parameter, 'no attribute says where it comes from');
  return builtinArgument(parameter, `${type}()`);
}

function attributeArgument(
  context: ArgumentContext,
  parameter: DeclaredParameter,
  type: string,
  { name, argument }: Attribute,
): KernelArgument | undefined {
  if (name === 'buffer')
    return bufferArgument(context, parameter, type, indexOf(context, parameter, argument));
  if (name === 'threadgroup') {
    return threadgroupArgument(context, parameter, type, indexOf(context, parameter, argument));
  }
  const field = POSITIONS[name];
  if (field !== undefined) {
    return builtinArgument(
      parameter,
      `__msl_id<${type}>::get(s->${field}[0], s->${field}[1], s->${field}[2])`,
    );
  }
  const scalar = SCALARS[name];
  if (scalar !== undefined) return builtinArgument(parameter, `__msl_index<${type}>::get(${scalar})`);
  if (name === 'grid_origin') return builtinArgument(parameter, `__msl_id<${type}>::get(0, 0, 0)`);
  if (!UNSUPPORTED_ATTRIBUTES.has(name) && !WITHOUT_MEANING.has(name))
    fail(context, parameter, `unknown attribute '${name}'`);
  return undefined;
}

/** A parameter that depends on a function constant is there if that is true. */
function checkCondition(context: ArgumentContext, parameter: DeclaredParameter, argument: string): void {
  const name = argument.split(' ').at(-1) ?? '';
  const { unit, templateParameters } = context;
  const constant = unit.constants.find((other) => other.name === name);
  const isKnown = unit.derivedConstants.has(name) || unit.variables.has(name) || templateParameters.has(name);
  if (constant ? constant.type === 'bool' : isKnown || !/^[A-Za-z_]\w*$/u.test(argument)) return;
  const problem = constant ? `is '${constant.type}', not 'bool'` : 'is no function constant';
  if (constant || context.unit.target === 'host')
    fail(context, parameter, `function_constant(${argument}) ${problem}`);
}

function bufferArgument(
  context: ArgumentContext,
  parameter: DeclaredParameter,
  type: string,
  index: number,
): KernelArgument {
  claim(context, parameter, 'buffer', index);
  const get = `__msl_bufarg<${type}>::get`;
  return {
    parameter: describe(parameter, 'buffer', index),
    host: `${get}(s->buf[${index}])`,
    ptx: `${get}(b${index})`,
  };
}

function threadgroupArgument(
  context: ArgumentContext,
  parameter: DeclaredParameter,
  type: string,
  index: number,
): KernelArgument {
  claim(context, parameter, 'threadgroup', index);
  const get = `__msl_tgarg<${type}>::get`;
  return {
    parameter: describe(parameter, 'threadgroup', index),
    host: `${get}(s->tgbuf[${index}])`,
    ptx: `${get}((ulong)(__msl_smem_base() + t${index}))`,
  };
}

function builtinArgument(parameter: DeclaredParameter, expression: string): KernelArgument {
  return { parameter: describe(parameter, 'builtin', 0), host: expression, ptx: expression };
}

function describe(
  parameter: DeclaredParameter,
  kind: KernelParameter['kind'],
  index: number,
): KernelArgument['parameter'] {
  const { name, text, readOnly } = parameter;
  const access = readOnly ? 'read' : 'read_write';
  return { kind, index, name, text, access, isConditional: isConditional(parameter) };
}

function isConditional({ attributes }: DeclaredParameter): boolean {
  return attributes.some((attribute) => attribute.name === 'function_constant');
}

function indexOf(context: ArgumentContext, parameter: DeclaredParameter, argument: string): number {
  const index = evaluateInteger(argument, (name) => context.unit.integers.get(name));
  if (index !== undefined && index >= 0) return index;
  fail(context, parameter, `'${argument}' is no constant index`);
  return 0;
}

function claim(
  context: ArgumentContext,
  parameter: DeclaredParameter,
  kind: 'buffer' | 'threadgroup',
  index: number,
): void {
  if (index >= MAX_BUFFERS) fail(context, parameter, `${kind} index ${index} is above ${MAX_BUFFERS - 1}`);
  // Parameters that depend on a function constant may share an index: at most one of them is there.
  if (isConditional(parameter)) return;
  const other = context.used[kind].get(index);
  if (other !== undefined) fail(context, parameter, `${kind} index ${index} is taken by '${other}'`);
  context.used[kind].set(index, parameter.text);
}

function fail({ unit, instantiation }: ArgumentContext, parameter: DeclaredParameter, problem: string): void {
  const place = `kernel '${instantiation.hostName}', parameter '${parameter.text}'`;
  refuseKernel(unit, instantiation.hostName, parameter.token, `${place}: ${problem}`);
}
