// `--watch`: runs a command anew whenever one of its files changes, until it is interrupted.

import { existsSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MoegenError } from '../errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Io } from './io.js';
import { reportError } from './report.js';

/** Editors write a file in several steps: what changes within this many milliseconds is one change. */
const SETTLE_MS = 100;

/** What is included lies anywhere in these folders. */
const SOURCES = /\.(metal|metalh|h|hpp|inc)$/;

export interface Watched {
  readonly files: readonly string[];
  /** In these, every source. */
  readonly folders?: readonly string[];
}

/** Interrupted between two runs, this ends with 0; within one, the process ends by the signal, as without `--watch`. */
export async function runWatching(watched: Watched, io: Io, run: () => Promise<ExitCode>): Promise<ExitCode> {
  if (watched.files.length === 0) throw nothingToWatch();
  const changes = watchChanges(watched, io.cwd);
  try {
    do {
      await run().catch((error: unknown) => reportError(error, io));
      io.err(`watching ${watched.files.join(', ')}; interrupt to end\n`);
    } while (await interruptible(changes));
  } finally {
    changes.close();
  }
  return EXIT.done;
}

/** Signals are taken while nothing runs, and only then: what runs has its own way to end. */
async function interruptible({ next, end }: Changes): Promise<boolean> {
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.on(signal, end);
  try {
    return await next();
  } finally {
    for (const signal of signals) process.off(signal, end);
  }
}

function nothingToWatch(): MoegenError {
  return new MoegenError('cli/nothing-to-watch', 'expected files to watch, got none', {
    where: '--watch',
    help: 'name Metal files, or a model with --config or --spec',
  });
}

interface Changes {
  /** Waits until files changed and rest again; false when it is to end. */
  readonly next: () => Promise<boolean>;
  readonly end: () => void;
  readonly close: () => void;
}

/** A file that is replaced is another one: its folder is watched instead. */
function watchChanges({ files, folders = [] }: Watched, cwd: string): Changes {
  const named = new Set(files.map((file) => path.resolve(cwd, file)));
  const anywhere = folders.map((folder) => path.resolve(cwd, folder));
  let [seen, handled] = [0, 0];
  let isEnded = false;
  let wake = (): void => undefined;
  const isWatched = (file: string): boolean =>
    named.has(file) || (SOURCES.test(file) && anywhere.includes(path.dirname(file)));
  const watchers = [...new Set([...[...named].map((file) => path.dirname(file)), ...anywhere])]
    .filter((folder) => existsSync(folder))
    .map((folder): FSWatcher =>
      watch(folder, (_, name) => {
        if (name !== null && !isWatched(path.join(folder, name))) return;
        seen += 1;
        wake();
      }),
    );
  const next = async (): Promise<boolean> => {
    while (!isEnded) {
      if (seen > handled) {
        handled = seen;
        await sleep(SETTLE_MS);
        // Nothing more came meanwhile.
        if (seen === handled) return !isEnded;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
    return false;
  };
  const end = (): void => {
    isEnded = true;
    wake();
  };
  return {
    next,
    end,
    close: () => {
      for (const watcher of watchers) watcher.close();
    },
  };
}
