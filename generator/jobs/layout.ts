// Types of Metal as a job names them, and where their numbers lie in memory: scalars, vectors, packed vectors, matrices, atomics,
// arrays of these, and structs by fields.

import { MoegenError } from '../errors.js';
import { scalarSynonym } from '../native/host/constants.js';
import { findScalar, type Scalar } from './scalars.js';

/** Fields in order: their names and types. */
export interface StructFields {
  readonly [name: string]: TypeText;
}

/** `f32`, `float3`, `packed_half4`, `float4x4`, `uint[8]`, a struct by its fields, or so many of a type. */
export type TypeText = string | StructFields | readonly [TypeText, number];

/** One number of an element. */
interface Component {
  /** Bytes from the element's start. */
  readonly offset: number;
  readonly scalar: Scalar;
  /** How to get there: `.scale[2]`; empty for an element that is one number. */
  readonly path: string;
}

export interface Layout {
  readonly size: number;
  readonly alignment: number;
  readonly components: readonly Component[];
  /** Of structs, in order. */
  readonly fields?: readonly Field[];
}

interface Field {
  readonly name: string;
  readonly offset: number;
  readonly layout: Layout;
}

/** More than any struct that a kernel takes by value; what is larger is a mistake in a type. */
const MOST_COMPONENTS = 65_536;

/** Where the numbers of a type lie. `where` is the place in the job, for errors. */
export function layoutOf(type: TypeText, where: string): Layout {
  if (typeof type === 'string') return namedLayout(type, where);
  return isArray(type) ? arrayLayout(layoutOf(type[0], where), type[1], where) : structLayout(type, where);
}

function isArray(type: TypeText): type is readonly [TypeText, number] {
  return Array.isArray(type);
}

function namedLayout(text: string, where: string): Layout {
  const [, name = '', extents = ''] = /^([^[\]]*)((?:\[\d+\])*)$/.exec(text.trim()) ?? [];
  const sizes = [...extents.matchAll(/\d+/g)].map(([digits]) => Number(digits));
  const element = plainLayout(name.trim());
  if (element === undefined) throw unknownType(text, where);
  return sizes.reduceRight((inner, count) => arrayLayout(inner, count, where), element);
}

function plainLayout(name: string): Layout | undefined {
  const scalar = findScalar(scalarSynonym(name));
  if (scalar !== undefined) return scalarLayout(scalar);
  const [, atomic = ''] = /^(?:metal::)?atomic(?:_|<)(\w+?)>?$/.exec(name) ?? [];
  if (atomic !== '') return plainLayout(atomic);
  const [, packed, base = '', columns, rows] = /^(packed_)?([a-z]+)([234])(?:x([234]))?$/.exec(name) ?? [];
  const element = findScalar(base);
  if (element === undefined) return undefined;
  const vector = vectorLayout(element, Number(rows ?? columns), packed !== undefined);
  return rows === undefined ? vector : repeated(vector, Number(columns));
}

function scalarLayout(scalar: Scalar): Layout {
  return { size: scalar.bytes, alignment: scalar.bytes, components: [{ offset: 0, scalar, path: '' }] };
}

/** A vector of three has the size of four, unless it is packed. */
function vectorLayout(scalar: Scalar, count: number, isPacked: boolean): Layout {
  const size = scalar.bytes * (count === 3 && !isPacked ? 4 : count);
  const components = Array.from({ length: count }, (_, index) => {
    return { offset: index * scalar.bytes, scalar, path: `.${'xyzw'.charAt(index)}` };
  });
  return { size, alignment: isPacked ? scalar.bytes : size, components };
}

function arrayLayout(element: Layout, count: number, where: string): Layout {
  if (element.components.length * count <= MOST_COMPONENTS) return repeated(element, count);
  throw new MoegenError(
    'run/large-type',
    `expected an element of at most ${MOST_COMPONENTS} numbers, got ${element.components.length * count}`,
    { where, help: 'give the buffer more elements instead' },
  );
}

function repeated(element: Layout, count: number): Layout {
  const components = Array.from({ length: count }, (_, index) =>
    element.components.map(({ offset, scalar, path }) => {
      return { offset: index * element.size + offset, scalar, path: `[${index}]${path}` };
    }),
  ).flat();
  return { size: element.size * count, alignment: element.alignment, components };
}

function structLayout(type: StructFields, where: string): Layout {
  const fields: Field[] = [];
  let end = 0;
  let alignment = 1;
  for (const [name, fieldType] of Object.entries(type)) {
    const layout = layoutOf(fieldType, `${where}.${name}`);
    const offset = roundUp(end, layout.alignment);
    fields.push({ name, offset, layout });
    alignment = Math.max(alignment, layout.alignment);
    end = offset + layout.size;
  }
  const components = fields.flatMap((field) =>
    field.layout.components.map(({ offset, scalar, path }) => {
      return { offset: field.offset + offset, scalar, path: `.${field.name}${path}` };
    }),
  );
  if (fields.length > 0) return { size: roundUp(end, alignment), alignment, components, fields };
  throw new MoegenError('run/unknown-type', 'expected a struct with at least one field', { where });
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function unknownType(text: string, where: string): MoegenError {
  return new MoegenError('run/unknown-type', `expected a type of Metal, got '${text}'`, {
    where,
    help: 'types: i8, u8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, bool, or as in Metal: float, half4, packed_float3, float4x4, uint[8]; structs by their fields',
  });
}
