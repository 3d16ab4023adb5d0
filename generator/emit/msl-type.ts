// The MSL types that buffers, arguments and members of structs are declared with.

import type { Binding } from '../plan/types.js';
import { ELEMENT_TYPES, type Bf16Storage, type ElementType } from '../description/dtypes.js';

export function mslType(element: ElementType, bf16Storage: Bf16Storage): string {
  return element === 'bf16' ? bf16Storage : ELEMENT_TYPES[element].msl;
}

/** A struct goes by its name, bits by the integer that holds them. */
export function bindingType({ element, struct, asBits }: Binding, bf16Storage: Bf16Storage): string {
  if (asBits === true) return ELEMENT_TYPES.u16.msl;
  return struct?.name ?? mslType(element, bf16Storage);
}
