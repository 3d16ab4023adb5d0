// A job for a kernel from its signature: everything that the kernel takes, with sizes of one to be filled in.

import type { ElementLayout, StructField } from '../compile/layouts.js';
import type { FunctionConstantInfo, KernelParameter, KernelReport } from '../compile/types.js';
import { MoegenError } from '../errors.js';
import { layoutOf, type StructFields, type TypeText } from './layout.js';
import { findScalar } from './scalars.js';
import type { RunJob } from './schema.js';
import type { GivenValue } from './values.js';

export interface SkeletonRequest {
  /** As the job will name it. */
  readonly source: string;
  readonly include?: readonly string[];
  readonly defines?: Readonly<Record<string, string>>;
  readonly msl?: RunJob['msl'];
  readonly report: KernelReport;
  /** Of the kernel's parameters, by their places. */
  readonly layouts: Readonly<Record<number, ElementLayout>>;
}

/** A job that runs as it is, over one element of everything. */
export function skeletonJob(request: SkeletonRequest): RunJob {
  const { source, include = [], defines = {}, msl, report, layouts } = request;
  const { parameters } = report.info;
  const placed = parameters.map((parameter, place) => ({ parameter, element: layouts[place] }));
  const buffers = placed.filter(({ parameter }) => parameter.kind === 'buffer');
  const memory = placed.filter(({ parameter }) => parameter.kind === 'threadgroup');
  const written = buffers.filter(({ parameter }) => parameter.access === 'read_write');
  return {
    source,
    ...(include.length > 0 && { include: [...include] }),
    ...(Object.keys(defines).length > 0 && { defines: { ...defines } }),
    ...(msl !== undefined && { msl }),
    kernel: report.name,
    ...(report.constants.length > 0 && {
      constants: Object.fromEntries(report.constants.map((each) => [each.index, constantValue(each)])),
    }),
    buffers: Object.fromEntries(
      buffers.map(({ parameter, element }) => [parameter.index, bufferOf(parameter, element)]),
    ),
    ...(memory.length > 0 && {
      threadgroup_memory: Object.fromEntries(
        memory.map(({ parameter, element }) => [
          parameter.index,
          Math.ceil((element?.size ?? 1) / 16) * 16 || 16,
        ]),
      ),
    }),
    threads: [1, 1, 1],
    threads_per_threadgroup: [1, 1, 1],
    outputs: Object.fromEntries(
      written.map(({ parameter: { index, name } }) => [index, `${name === '' ? index : name}.bin`]),
    ),
    checks: 'all',
  };
}

function constantValue({ type }: FunctionConstantInfo): number | boolean | (number | boolean)[] {
  const value = type.includes('bool') ? false : 0;
  const count = /([234])(?: ?>)?$/.exec(type)?.[1];
  return count === undefined || /int\d/.test(type)
    ? value
    : new Array<number | boolean>(Number(count)).fill(value);
}

function bufferOf(
  { name, access }: KernelParameter,
  element: ElementLayout | undefined,
): RunJob['buffers'][string] {
  const named = name === '' ? {} : { name };
  const type = element === undefined ? 'u8' : typeOf(element);
  if (typeof type === 'string') {
    // What a kernel only writes stays open, so that reading it shows.
    return { ...named, dtype: type, shape: [1], ...(access === 'read' && { fill: 0 }) };
  }
  return { ...named, struct: type as StructFields, shape: [1], values: zeros(type) };
}

function zeros(type: TypeText): GivenValue {
  if (typeof type === 'string' || Array.isArray(type)) return 0;
  return Object.fromEntries(
    Object.entries(type as StructFields).map(([name, field]) => [name, zeros(field)]),
  );
}

/** In the words of jobs; bytes where these have none for it. */
function typeOf({ type, size, fields }: ElementLayout): TypeText {
  const bytes = size === 0 || size === 1 ? 'u8' : `u8[${size}]`;
  const given = fields === undefined ? plainType(type) : structType(fields);
  if (given === undefined) return size === 2 || size === 4 || size === 8 ? `u${size * 8}` : bytes;
  return sizeOf(given) === size ? given : bytes;
}

function plainType(type: string): string | undefined {
  const short = findScalar(type)?.short ?? type;
  return sizeOf(short) === undefined ? undefined : short;
}

/** Undefined where the fields do not lie one after the other as Metal's rules have it: in unions, with bit fields. */
function structType(fields: readonly StructField[]): StructFields | undefined {
  const types = fields.map(({ name, type, fields: inner }): readonly [string, TypeText | undefined] => {
    const count = /\[(\d+)\]$/.exec(type)?.[1];
    const own = inner === undefined ? (plainType(type) ?? 'u32') : structType(inner);
    return [
      name,
      own !== undefined && inner !== undefined && count !== undefined ? [own, Number(count)] : own,
    ];
  });
  if (types.some(([name, type]) => name === '' || type === undefined)) return undefined;
  const struct = Object.fromEntries(types) as StructFields;
  const lies = layoutOf(struct, '').fields ?? [];
  const isSame = fields.every(
    ({ offset, bits }, index) => bits === undefined && lies[index]?.offset === offset,
  );
  return isSame ? struct : undefined;
}

function sizeOf(type: TypeText): number | undefined {
  try {
    return layoutOf(type, '').size;
  } catch (error) {
    if (error instanceof MoegenError) return undefined;
    throw error;
  }
}
