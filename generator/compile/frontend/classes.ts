// Gives user classes what Metal gives them silently: copying out of the constant address space.

import { at } from './navigate.js';
import type { ClassBody } from './shape.js';
import type { Unit } from './unit.js';

/** The class being read; constructors and assignment are noted as they are met. */
export interface OwnClass extends ClassBody {
  constructed: boolean;
  assigned: boolean;
}

/** Adds members in front of the closing brace at `end`. */
export function rewriteClassEnd(unit: Unit, end: number, own: OwnClass): void {
  const name = own.name;
  if (name === '' || own.isUnion) return;
  const template = `template <class U_, class = metal::enable_if_t<__is_same(U_, ${name})>>`;
  const members = [
    `${template} ${name}& operator=(const __constant U_& o_) { *this = __msl_from_constant(o_); return *this; }`,
  ];
  if (own.constructed) {
    members.push(
      `${template} constexpr ${name}(const __constant U_& o_) : ${name}(__msl_from_constant(o_)) {}`,
    );
  } else if (!own.assigned) members.push(`${name}& operator=(const ${name}&) = default;`);
  // An access section may be private here; what is added must not be.
  at(unit, end).prefix = `public: ${members.join(' ')} `;
}
