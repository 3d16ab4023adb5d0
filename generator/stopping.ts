// What is done when the process is told to stop: temporary files go, and compilers that still run. A signal is listened for only
// while there is something to do, for a listener waits for JavaScript to pause, which a process without one need not.

import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const actions = new Set<() => void>();
let isOwner = false;
let isListening = false;

/** From here on signals are this module's business. For programs, not for a library within one. */
export function takeSignals(): void {
  isOwner = true;
}

/** Does something when the process is stopped, unless the function that comes back was called before. */
export function whenStopped(action: () => void): () => void {
  // One and the same function may be held twice.
  const own = () => {
    action();
  };
  actions.add(own);
  listen();
  return () => {
    actions.delete(own);
    // What was signalled meanwhile is delivered before an immediate.
    setImmediate(listen);
  };
}

/** Removes a file or folder, and all beside it whose name goes on after its own, when the process is stopped. */
export function removeWhenStopped(place: string): () => void {
  return whenStopped(() => {
    const folder = path.dirname(place);
    const names = readdirSync(folder).filter((name) => name.startsWith(path.basename(place)));
    for (const name of names) rmSync(path.join(folder, name), { recursive: true, force: true });
  });
}

function listen(): void {
  const isNeeded = isOwner && actions.size > 0;
  if (isNeeded === isListening) return;
  isListening = isNeeded;
  for (const signal of SIGNALS) process[isNeeded ? 'on' : 'off'](signal, stop);
}

/** The process ends as the signal alone would have ended it, so that a shell sees what happened. */
function stop(signal: NodeJS.Signals): void {
  for (const action of actions) {
    try {
      action();
    } catch {
      // What cannot be removed is left; the others still go.
    }
  }
  actions.clear();
  listen();
  process.kill(process.pid, signal);
}
