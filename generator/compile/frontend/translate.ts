// Preprocessed Metal in, a program in the dialect of stock clang out, with its kernels, function constants and findings.

import type { FunctionConstantInfo, KernelInfo } from '../types.js';
import { checkCasts } from './address-spaces.js';
import { extractAttributes } from './attributes.js';
import { protectComponents } from './components.js';
import { OF_CONSTANT } from './classes.js';
import { callDerivedConstants, constantStorage, constantSymbol } from './constants.js';
import { convertArrays, convertObjects } from './constant-data.js';
import { findBitFields, respellConversions } from './conversions.js';
import { rewriteScope } from './declarations.js';
import { writeEntries } from './entries.js';
import { checkAttributes } from './known-attributes.js';
import { tokenize } from './lexer.js';
import { findHostWords } from './host-words.js';
import { findForbiddenWords } from './lints.js';
import { findCallsOfKernels, findRecursion } from './recursion.js';
import { dropRefused, type RefusedKernels, type TopLevel } from './refusals.js';
import { constantsOf } from './rows.js';
import { respell } from './spelling.js';
import { wrapConditionals } from './ternary.js';
import { printTokens, type Token } from './tokens.js';
import { findUnsupported } from './unsupported.js';
import { respellWideVectors } from './wide-vectors.js';
import {
  createUnit,
  refuseKernel,
  reportRefusal,
  type Finding,
  type Refusal,
  type Unit,
  type UnitOptions,
} from './unit.js';
import { at } from './navigate.js';

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
  /** Kernels that cannot be used, and why. */
  readonly refused: RefusedKernels;
  /** Indices of the function constants that each kernel may use. */
  readonly usedConstants: ReadonlyMap<string, readonly number[]>;
  /** No kernel can be used. */
  readonly fails: boolean;
  /** Names of methods that the program has for constant objects: see `AddressCasts`. */
  readonly constantMethods: ReadonlyMap<string, 'same' | 'different'>;
  /** Whether the compiler may let something pass that only its syntax tree shows. */
  readonly needsTree: boolean;
  /** The language is that of C++14. */
  readonly isBefore17: boolean;
  readonly tokens: readonly Token[];
  /** The declarations in namespaces. */
  readonly topLevel: readonly TopLevel[];
  /** The token that each kernel's entry is blamed on, by the entry's number. */
  readonly entryTokens: readonly Token[];
  /** The kernel of each entry. */
  readonly entryNames: readonly string[];
}

export function translate(preprocessed: string, options: UnitOptions): Translation {
  const tokens = tokenize(preprocessed);
  const unit = createUnit(tokens, options);
  extractAttributes(unit);
  recordRefusals(unit, options.refusals ?? []);
  findForbiddenWords(unit);
  findUnsupported(unit);
  findHostWords(unit);
  findBitFields(unit);
  respell(unit);
  respellConversions(unit);
  respellWideVectors(unit);
  rewriteScope(unit, 0, tokens.length - 1, { kind: 'namespace', namespaces: [], ownClass: undefined });
  checkCasts(unit);
  findRecursion(unit);
  findCallsOfKernels(unit);
  callDerivedConstants(unit);
  convertArrays(unit);
  convertObjects(unit);
  protectComponents(unit);
  wrapConditionals(unit);
  checkAttributes(unit);
  for (const position of options.constantCalls ?? []) {
    const token = tokens[position];
    if (token) token.text = OF_CONSTANT + token.source;
  }
  const entries = writeEntries(unit);
  const refused = dropRefused(unit);
  const isUsable = entries.some(({ kernel }) => !refused.has(kernel.name));
  const findings = judge(unit.findings, refused, isUsable);
  return {
    program: printTokens(tokens),
    storage: options.target === 'host' ? `\n# 1 "<constants>"\n${constantStorage(unit.constants)}` : '',
    entries: entries.flatMap(({ kernel, text }) => (refused.has(kernel.name) ? [] : (text ?? []))),
    kernels: entries.map((entry) => entry.kernel),
    constants: unit.constants.map((constant) => ({ ...constant, symbol: constantSymbol(constant.index) })),
    findings,
    refused,
    usedConstants: new Map(unit.instantiations.map((each) => [each.hostName, constantsOf(unit, each)])),
    fails: findings.some(
      ({ severity, refuses, kernel }) =>
        severity === 'error' && !(isUsable && (refuses || kernel !== undefined)),
    ),
    constantMethods: unit.constantMethods,
    needsTree: needsTree(unit),
    isBefore17: unit.version !== '4.0',
    tokens,
    topLevel: unit.topLevel,
    entryNames: unit.instantiations.map((instantiation) => instantiation.hostName),
    entryTokens: unit.instantiations.map((instantiation) => instantiation.token),
  };
}

function recordRefusals(unit: Unit, refusals: readonly Refusal[]): void {
  for (const { position, kernel, message } of refusals) {
    const token = at(unit, position);
    if (kernel === undefined) reportRefusal(unit, token, message);
    else refuseKernel(unit, kernel, token, message);
  }
}

/** What costs no kernel is a warning, as long as there are kernels that can be used. */
function judge(findings: readonly Finding[], refused: RefusedKernels, isUsable: boolean): Finding[] {
  const costs = new Set([...refused.values()].flat());
  return findings.map((finding) =>
    isUsable && finding.refuses && !costs.has(finding) ? { ...finding, severity: 'warning' } : finding,
  );
}

/**
 * Thread memory is named by pointers, references and methods, constant memory by parameters and variables. A function that
 * is only declared may be defined nowhere.
 */
function needsTree(unit: Unit): boolean {
  return (
    unit.takeConstants.size > 0 ||
    unit.constantObjects.size > 0 ||
    unit.constantArrays.size > 0 ||
    unit.tokens.some((token) => token.source === 'thread') ||
    unit.hasMethods ||
    unit.hasDeclarations
  );
}
