// What the process says to the shell.

export const EXIT = {
  done: 0,
  /** It ran, and the answer is no: drift, mismatch, a kernel that does not compile. */
  answerIsNo: 1,
  /** Usage, spec or I/O. */
  usage: 2,
  bug: 70,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
