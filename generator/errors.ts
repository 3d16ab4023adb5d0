// The one error class of moegen. Everything that a user can cause or repair is a MoegenError: it says what was expected
// and what was given, where, and the next step. Anything else that is thrown is a bug.

/** Decides the exit code: `usage` ends with 2, `answer` (drift, mismatch, does not compile) with 1. */
export type ErrorKind = 'usage' | 'answer';

export interface ErrorDetails {
  /** The place: a file with line and column, an option, a key of a spec. */
  readonly where?: string;
  /** The next step for the reader. */
  readonly help?: string;
  /** Output of a tool that failed. */
  readonly log?: string;
  readonly kind?: ErrorKind;
  readonly cause?: unknown;
}

export class MoegenError extends Error {
  /** `area/kebab-reason`, stable across releases. */
  readonly code: string;
  readonly kind: ErrorKind;
  readonly where: string | undefined;
  readonly help: string | undefined;
  readonly log: string | undefined;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'MoegenError';
    this.code = code;
    this.kind = details.kind ?? 'usage';
    this.where = details.where;
    this.help = details.help;
    this.log = details.log;
  }
}
