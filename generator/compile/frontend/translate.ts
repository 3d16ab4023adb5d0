// Preprocessed Metal in, a program in the dialect of stock clang out, with its kernels, function constants and findings.

import type { FunctionConstantInfo, KernelInfo } from '../types.js';
import { checkCasts } from './address-spaces.js';
import { extractAttributes } from './attributes.js';
import { protectComponents } from './components.js';
import { callDerivedConstants, constantStorage, constantSymbol } from './constants.js';
import { findBitFields, respellConversions } from './conversions.js';
import { rewriteScope } from './declarations.js';
import { writeEntries } from './entries.js';
import { checkAttributes } from './known-attributes.js';
import { tokenize } from './lexer.js';
import { findForbiddenWords } from './lints.js';
import { findCallsOfKernels, findRecursion } from './recursion.js';
import { respell } from './spelling.js';
import { wrapConditionals } from './ternary.js';
import { acceptTemporaries } from './temporaries.js';
import { refuseOtherSpaces } from './thread-references.js';
import { printTokens, type Token } from './tokens.js';
import { findUnsupported } from './unsupported.js';
import { createUnit, type Finding, type UnitOptions } from './unit.js';

export interface Translation {
  /** The program without entries. */
  readonly program: string;
  /** Storage of the function constants: belongs into one of the objects that make a library. */
  readonly storage: string;
  /** The entries of the wanted kernels. */
  readonly entries: readonly string[];
  /** All kernels of the program. */
  readonly kernels: readonly KernelInfo[];
  readonly constants: readonly FunctionConstantInfo[];
  readonly findings: readonly Finding[];
  readonly tokens: readonly Token[];
  /** The token that each kernel's entry is blamed on, by the entry's number. */
  readonly entryTokens: readonly Token[];
}

export function translate(preprocessed: string, options: UnitOptions): Translation {
  const tokens = tokenize(preprocessed);
  const unit = createUnit(tokens, options);
  extractAttributes(unit);
  findForbiddenWords(unit);
  findUnsupported(unit);
  findBitFields(unit);
  respell(unit);
  respellConversions(unit);
  rewriteScope(unit, 0, tokens.length - 1, { kind: 'namespace', namespaces: [], ownClass: undefined });
  checkCasts(unit);
  findRecursion(unit);
  findCallsOfKernels(unit);
  callDerivedConstants(unit);
  protectComponents(unit);
  wrapConditionals(unit);
  acceptTemporaries(unit);
  refuseOtherSpaces(unit);
  checkAttributes(unit);
  const entries = writeEntries(unit);
  return {
    program: printTokens(tokens),
    storage: options.target === 'host' ? `\n# 1 "<constants>"\n${constantStorage(unit.constants)}` : '',
    entries: entries.flatMap((entry) => entry.text ?? []),
    kernels: entries.map((entry) => entry.kernel),
    constants: unit.constants.map((constant) => ({ ...constant, symbol: constantSymbol(constant.index) })),
    findings: unit.findings,
    tokens,
    entryTokens: unit.instantiations.map((instantiation) => instantiation.token),
  };
}
