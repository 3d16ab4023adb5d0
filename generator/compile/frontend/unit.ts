// The state of one translation: the tokens being rewritten and what the passes learn about the program.

import type { ConstantValue, MslVersion } from '../types.js';
import type { Attribute } from './attributes.js';
import type { TopLevel } from './refusals.js';
import type { Token } from './tokens.js';

export type Target = 'host' | 'ptx';

/** A finding of the front end itself, placed on a token. */
export interface Finding {
  readonly token: Token;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  /** It costs the declaration it stands in, rather than the program. */
  refuses: boolean;
  /** It costs this kernel alone. */
  readonly kernel?: string;
}

/** A parameter of a kernel as declared; its type is left to the compiler. */
export interface DeclaredParameter {
  readonly name: string;
  /** Where it starts. */
  readonly token: Token;
  readonly text: string;
  readonly attributes: readonly Attribute[];
  /** Declared with `*`, `&` or `[]`: an address rather than a value. */
  readonly indirect: boolean;
  readonly readOnly: boolean;
  /** It points to threadgroup memory. */
  readonly isThreadgroup: boolean;
}

export interface KernelDefinition {
  readonly name: string;
  readonly token: Token;
  readonly parameters: readonly DeclaredParameter[];
  /** Template parameters with their defaults, for the value of `max_total_threads_per_threadgroup`. */
  readonly templateParameters: readonly TemplateParameter[];
  readonly maxThreads: string | undefined;
}

export interface TemplateParameter {
  readonly name: string;
  readonly fallback: string | undefined;
  readonly isType: boolean;
}

/** One name that a Metal program can look up. */
export interface Instantiation {
  readonly hostName: string;
  /** The function, with its template arguments, as seen from within the namespaces. */
  readonly expression: string;
  /** The kernel's name, without template arguments. */
  readonly definition: string;
  readonly namespaces: readonly string[];
  readonly token: Token;
  /** Function type, where it selects the template's arguments. */
  readonly functionType: string | undefined;
}

export interface FunctionConstant {
  readonly index: number;
  readonly name: string;
  readonly type: string;
}

export interface Unit {
  readonly tokens: readonly Token[];
  readonly target: Target;
  readonly version: MslVersion;
  /** Kernels to keep; all of them when undefined. */
  readonly only: ReadonlySet<string> | undefined;
  /** Values baked in for function constants (PTX only). */
  readonly namesElements: boolean;
  readonly constantValues: Readonly<Record<number, ConstantValue>>;
  readonly attributes: Map<number, Attribute[]>;
  /** Positions of the attributes of kernels' parameters. */
  readonly parameterAttributes: Set<number>;
  readonly findings: Finding[];
  /** The declarations in namespaces. */
  readonly topLevel: TopLevel[];
  /** By names with their namespaces. */
  readonly kernels: Map<string, KernelDefinition[]>;
  readonly instantiations: Instantiation[];
  readonly constants: FunctionConstant[];
  /** Names of constants computed from function constants: they became functions; those of objects of the program's classes. */
  readonly derivedConstants: Map<string, 'value' | 'object'>;
  /** Names of constants of the program. */
  readonly variables: Set<string>;
  /** Values of integer constants and enumerators of the program. */
  readonly integers: Map<string, number>;
  readonly classes: Set<string>;
  /** Some class has a method that is not static. */
  hasMethods: boolean;
  /** Some function is declared without a body. */
  hasDeclarations: boolean;
  /** Arrays and other objects in the constant address space whose address the compiler takes for one in device memory. */
  readonly constantArrays: Set<string>;
  readonly constantObjects: Set<string>;
  /** Functions with parameters that are pointers or references to constant memory. */
  readonly takeConstants: Set<string>;
  /** Functions whose type parameters a parameter of their own deduces. */
  readonly deduced: Set<string>;
  /** Names of methods of constant objects, and whether those of other spaces that are called instead do the same. */
  readonly constantMethods: Map<string, 'same' | 'different'>;
  readonly bitFields: Set<string>;
  /** Names of the type parameters of templates. */
  readonly typeParameters: Set<string>;
  /** The program's own names for scalar and vector types. */
  readonly aliases: Map<string, string>;
  /** `class::name` of static member functions. */
  readonly staticMethods: Set<string>;
  /** For each overload of a function: which parameters are references that may write. */
  readonly references: Map<string, (readonly boolean[])[]>;
  /** For each function that is defined once: the names it calls. */
  readonly calls: Map<string, CallRecord>;
  /** By names of functions: every identifier in the bodies of functions that are called so. */
  readonly mentions: Map<string, Set<string>>;
  /** Number of threadgroup variables so far, for unique names. */
  threadgroupVariables: number;
}

export interface CallRecord {
  readonly token: Token;
  readonly callees: Set<string>;
  definitions: number;
}

/** What the compiler found that costs a declaration, by a position in it, or a kernel. */
export interface Refusal {
  readonly position: number;
  readonly kernel?: string;
  readonly message: string;
}

export interface UnitOptions {
  readonly refusals?: readonly Refusal[] | undefined;
  /** Positions of names of methods by which those for constant objects are meant. */
  readonly constantCalls?: ReadonlySet<number> | undefined;
  readonly target: Target;
  readonly version: MslVersion;
  readonly only?: readonly string[] | undefined;
  readonly constantValues?: Readonly<Record<number, ConstantValue>> | undefined;
  /** In place of entries, names for the types of the arguments' elements. */
  readonly namesElements?: boolean | undefined;
}

export function createUnit(tokens: readonly Token[], options: UnitOptions): Unit {
  return {
    tokens,
    target: options.target,
    version: options.version,
    only: options.only && new Set(options.only),
    constantValues: options.constantValues ?? {},
    namesElements: options.namesElements ?? false,
    attributes: new Map(),
    parameterAttributes: new Set(),
    findings: [],
    topLevel: [],
    kernels: new Map(),
    instantiations: [],
    constants: [],
    derivedConstants: new Map(),
    variables: new Set(),
    integers: new Map(),
    classes: new Set(),
    hasMethods: false,
    hasDeclarations: false,
    constantArrays: new Set(),
    constantObjects: new Set(),
    takeConstants: new Set(),
    deduced: new Set(),
    constantMethods: new Map(),
    bitFields: new Set(),
    typeParameters: new Set(),
    aliases: new Map(),
    staticMethods: new Set(),
    references: new Map(),
    calls: new Map(),
    mentions: new Map(),
    threadgroupVariables: 0,
  };
}

export function reportError(unit: Unit, token: Token, message: string): void {
  unit.findings.push({ token, severity: 'error', message, refuses: false });
}

/** An error that costs the declaration which the token stands in. */
export function reportRefusal(unit: Unit, token: Token, message: string): void {
  unit.findings.push({ token, severity: 'error', message, refuses: true });
}

/** An error that costs one kernel. */
export function refuseKernel(unit: Unit, kernel: string, token: Token, message: string): void {
  unit.findings.push({ token, severity: 'error', message, refuses: false, kernel });
}

export function reportWarning(unit: Unit, token: Token, message: string): void {
  unit.findings.push({ token, severity: 'warning', message, refuses: false });
}
