// What reaches past Metal: attributes, builtin functions and pragmas of the compiler that make a library do something when
// it is loaded, or call functions of the machine it runs on.

import { at } from './navigate.js';
import { reportError, type Unit } from './unit.js';

const ATTRIBUTES = new Set(
  (
    'always_inline noinline aligned packed unused used convergent const pure ext_vector_type vector_size may_alias ' +
    'overloadable flatten hot cold noduplicate annotate deprecated unavailable nodebug optnone minsize warn_unused_result ' +
    'enable_if diagnose_if nothrow noreturn leaf malloc returns_nonnull nonnull visibility internal_linkage availability ' +
    'opencl_unroll_hint loop fallthrough unlikely likely maybe_unused nodiscard lto_visibility_public trivial_abi ' +
    'no_sanitize reqd_work_group_size work_group_size_hint vec_type_hint swift_name enum_extensibility flag_enum ' +
    'uninitialized unroll_hint no_unique_address preferred_name require_constant_initialization lifetimebound mode ' +
    'transparent_union address_space assume assume_aligned alloc_size noescape objc_boxable ns_returns_retained'
  ).split(' '),
);
const HOST_BUILTINS =
  /^__builtin_(?:v?[fs]?n?printf|v?snprintf|puts|putchar|f?puts(?:_unlocked)?|fputc|fwrite|malloc|calloc|realloc|free|alloca\w*|setjmp|longjmp|frame_address|return_address|eh_\w+|operator_\w+|exit|_exit|_Exit|abort|exec\w+|fork|unwind_init|dwarf_\w+|init_dwarf\w*|apply\w*)$/u;
const PRAGMAS =
  /^[ \t]*#[ \t]*pragma[ \t]+(clang[ \t]+section|section|weak|redefine_extname|comment|init_seg|alloc_text)\b/mu;

export function findHostWords(unit: Unit): void {
  unit.tokens.forEach((token, index) => {
    const pragma = token.before.includes('#') ? PRAGMAS.exec(token.before)?.[1] : undefined;
    if (pragma !== undefined) reportError(unit, token, `not supported: #pragma ${pragma}`);
    if (token.kind !== 'identifier') return;
    if (HOST_BUILTINS.test(token.source))
      reportError(unit, token, `'${token.source}' is not supported in Metal`);
    if (/^__attribute(?:__)?$/u.test(token.source)) checkAttribute(unit, index + 1);
    if (token.source === '__declspec') reportError(unit, token, `'__declspec' is not supported in Metal`);
  });
  for (const [index, list] of unit.attributes) {
    for (const { name } of list) {
      const word = /^(?:gnu|clang)::(\w+)$/u.exec(name)?.[1];
      if (word !== undefined) check(unit, index, word);
    }
  }
}

/** `((a, b(1)))` */
function checkAttribute(unit: Unit, open: number): void {
  const { match } = at(unit, open);
  let depth = 0;
  for (let position = open; position < match; position += 1) {
    const { source, kind } = at(unit, position);
    if (source === '(') depth += 1;
    else if (source === ')') depth -= 1;
    else if (kind === 'identifier' && depth === 2) check(unit, position, source);
  }
}

function check(unit: Unit, position: number, word: string): void {
  const name = word.replace(/^__(\w+)__$/u, '$1');
  if (!ATTRIBUTES.has(name) && !name.startsWith('opencl_'))
    reportError(unit, at(unit, position), `not supported: __attribute__((${name}))`);
}
