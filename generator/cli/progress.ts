// Shows a person that long work goes on: a spinner with a count on a terminal, nothing anywhere else.

import type { Io } from './io.js';

export interface Progress {
  /** One more of `total` is done. */
  readonly step: () => void;
  /** Takes the spinner away. */
  readonly stop: () => void;
}

export async function startProgress(io: Io, label: string, total: number): Promise<Progress> {
  if (!io.isTerminal || total === 0) return { step: () => undefined, stop: () => undefined };
  const { default: ora } = await import('ora');
  const spinner = ora({ text: `${label} 0/${total}`, discardStdin: false }).start();
  let done = 0;
  return {
    step: () => {
      done += 1;
      spinner.text = `${label} ${done}/${total}`;
    },
    stop: () => {
      spinner.stop();
    },
  };
}
