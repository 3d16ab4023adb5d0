// Builds a kernel's list of buffers: the position in the list is the buffer index.

import { ELEMENT_TYPES, type ElementType } from '../description/dtypes.js';
import type { Binding, Formula, StructLayout } from './types.js';

type Draft = Omit<Binding, 'index'>;

export function buffer(
  name: string,
  element: ElementType,
  shape: readonly Formula[],
  options: Pick<
    Partial<Draft>,
    'access' | 'note' | 'open' | 'condition' | 'asBits' | 'role' | 'plane' | 'matrix'
  > = {},
): Omit<Draft, 'struct'> {
  return { name, element, shape, access: 'read', note: '', ...options };
}

/** A single value that is given anew with every dispatch. */
export function argument(name: string, note = '', element: ElementType = 'u32'): Draft {
  return { name, element, shape: [], access: 'argument', note };
}

/** Several such values in one struct. */
export function structArgument(name: string, struct: StructLayout, note = ''): Draft {
  const widest = struct.fields.reduce((a, b) => (b.size > a.size ? b : a));
  return { name, element: widest.element, struct, shape: [], access: 'argument', note };
}

/** Lays out members one after the other, each aligned to its own size, as C and Metal do. */
export function structLayout(
  name: string,
  members: readonly (readonly [string, ElementType])[],
): StructLayout {
  let end = 0;
  const fields = members.map(([field, element]) => {
    const size = ELEMENT_TYPES[element].bytes;
    const offset = Math.ceil(end / size) * size;
    end = offset + size;
    return { name: field, element, offset, size };
  });
  const alignment = Math.max(...fields.map(({ size }) => size));
  return { name, fields, size: Math.ceil(end / alignment) * alignment };
}

/** In the place of null no buffer is bound: those behind it keep their index. */
export function bindings(...drafts: readonly (Draft | null)[]): Binding[] {
  return drafts.flatMap((draft, index) => (draft === null ? [] : [{ index, ...draft }]));
}
