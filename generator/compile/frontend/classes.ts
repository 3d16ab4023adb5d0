// Gives user classes what Metal gives them silently: copying out of the constant address space, methods of temporaries.

import { at } from './navigate.js';
import type { ClassBody } from './shape.js';
import type { Unit } from './unit.js';

/** The class being read; constructors and assignment are noted as they are met. */
export interface OwnClass extends ClassBody {
  constructed: boolean;
  assigned: boolean;
  /** Methods for temporaries. */
  readonly forwarders: Set<string>;
}

export function openClass(body: ClassBody): OwnClass {
  return { ...body, constructed: false, assigned: false, forwarders: new Set() };
}

/** Adds members in front of the closing brace at `end`. */
export function rewriteClassEnd(unit: Unit, end: number, own: OwnClass): void {
  const members = own.isUnion || own.name === '' ? [] : copyingMembers(own);
  if (own.name !== '') members.push(...own.forwarders);
  // An access section may be private here; what is added must not be.
  if (members.length > 0) at(unit, end).prefix = `public: ${members.join(' ')} `;
}

function copyingMembers({ name, constructed, assigned }: OwnClass): string[] {
  const template = `template <class U_, class = metal::enable_if_t<__is_same(U_, ${name})>>`;
  const members = [
    `${template} ${name}& operator=(const __constant U_& o_) { *this = __msl_from_constant(o_); return *this; }`,
  ];
  if (constructed) {
    const head = `${template} constexpr ${name}(const __constant U_& o_)`;
    members.push(`${head} : ${name}(__msl_from_constant(o_)) {}`);
    members.push(`${head} __constant : ${name}(__msl_from_constant(o_)) {}`);
  } else if (!assigned) members.push(`${name}& operator=(const ${name}&) = default;`);
  return members;
}
