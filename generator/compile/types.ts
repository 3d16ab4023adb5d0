// What compiling Metal takes and gives, whatever the target.

export type MslVersion = '3.0' | '3.1' | '3.2' | '4.0';

/** Subnormal floats and bfloats: `flush` takes them for zeros, as Apple's GPUs do. */
export const SUBNORMALS = ['flush', 'keep'] as const;
export type Subnormals = (typeof SUBNORMALS)[number];

/** Metal source: a file on disk, or a text that pretends to be `path` in diagnostics and for relative includes. */
export interface MslSource {
  readonly path: string;
  readonly text?: string;
}

export interface MslOptions {
  readonly includeDirs?: readonly string[];
  /** Preprocessor definitions; an empty string defines the name as 1. */
  readonly defines?: Readonly<Record<string, string>>;
  /**
   * Defaults to the `// language: metalX.Y` line of the source, else 3.2; stock clang takes 4.0 where the program
   * includes a header that only Metal 4 has.
   */
  readonly mslVersion?: MslVersion;
}

export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning' | 'note';
  readonly message: string;
}

export interface KernelParameter {
  readonly kind: 'buffer' | 'threadgroup' | 'builtin';
  /** Index of the buffer or threadgroup argument; 0 for builtins. */
  readonly index: number;
  readonly name: string;
  /** The parameter as written, for messages. */
  readonly text: string;
  /** `read` for `const` and `constant` pointers and references. */
  readonly access: 'read' | 'read_write';
  /** Its type is made of structs of the program. */
  readonly isStruct: boolean;
  /** It exists only where a function constant says so: it may stay unbound. */
  readonly isConditional: boolean;
}

/** A scalar, or the components of a vector. */
export type ConstantValue = number | boolean | readonly (number | boolean)[];

export interface FunctionConstantInfo {
  readonly index: number;
  readonly name: string;
  /** Metal scalar or vector type, as written; names that the program gives to such types are looked up. */
  readonly type: string;
  /** Symbol of its storage in a host library: the value, aligned to 16 bytes, then a byte that says "defined". */
  readonly symbol: string;
}

export interface KernelInfo {
  /** The name a Metal program looks up: the function's, or its `host_name`. */
  readonly name: string;
  /** Symbol of the entry in the compiled library. */
  readonly symbol: string;
  /**
   * Host libraries that are not instrumented: symbol of an entry that runs a row of threads, where the kernel's threads
   * never wait for each other.
   */
  readonly rowSymbol?: string;
  readonly parameters: readonly KernelParameter[];
  /** Indices of the function constants that it may use; none where it has no such list. */
  readonly constants?: readonly number[];
  readonly maxTotalThreadsPerThreadgroup?: number;
}

/** A shared library that the engine can run. */
export interface HostLibrary {
  readonly path: string;
  readonly kernels: readonly KernelInfo[];
  readonly constants: readonly FunctionConstantInfo[];
  /** Compiled with memory-access callbacks: needed for checks and counters. */
  readonly instrumented: boolean;
}

/** One kernel of a program: whether it can be used, and what it takes. */
export interface KernelReport {
  readonly name: string;
  readonly ok: boolean;
  readonly diagnostics: readonly Diagnostic[];
  readonly info: KernelInfo;
  /** The function constants that it may use. */
  readonly constants: readonly FunctionConstantInfo[];
}

export interface CompileOutcome<Library> {
  /** All kernels that were asked for can be used. */
  readonly ok: boolean;
  /** Each kernel by itself, where the program could be read. */
  readonly reports?: readonly KernelReport[];
  /** Names of the kernels found, even where the compiler then failed. */
  readonly kernels: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
  /** Holds the kernels that can be used. */
  readonly library?: Library;
}
