// `moegen run`: one kernel of any Metal file, as a JSON job says; the answer is JSON too.

import path from 'node:path';
import type { DeviceName } from '../../native/types.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';

export interface RunOptions {
  readonly device: DeviceName | 'auto';
}

export async function run(file: string, options: RunOptions, io: Io): Promise<ExitCode> {
  const { runJob } = await import('../../validate/run-job.js');
  const result = await runJob(await openDevice(options.device, io), path.resolve(io.cwd, file));
  printJson(io, result);
  return result.reports.length === 0 ? EXIT.done : EXIT.answerIsNo;
}
