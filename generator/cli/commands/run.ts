// `moegen run`: one kernel of any Metal file, as a JSON job says; the answer is JSON too.

import path from 'node:path';
import type { PtxAlignment, PtxMatrix } from '../../compile/ptx.js';
import type { Check, DeviceName, Subnormals } from '../../native/types.js';
import { openDevice } from '../devices.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';

export interface RunOptions {
  readonly device: DeviceName | 'auto';
  readonly subnormals?: Subnormals | undefined;
  readonly allow?: readonly Check[];
  /** Of the device cuda. */
  readonly matrix?: PtxMatrix | undefined;
  readonly alignment?: PtxAlignment | undefined;
}

export async function run(file: string, options: RunOptions, io: Io): Promise<ExitCode> {
  const { runJob } = await import('../../jobs/run.js');
  // Programs of others may have their vectors wherever a Mac takes them.
  const { matrix, alignment = options.device === 'cuda' ? 'component' : undefined } = options;
  const device = await openDevice(options.device, io, { matrix, alignment });
  const result = await runJob(device, path.resolve(io.cwd, file), options);
  printJson(io, result);
  return result.reports.length === 0 ? EXIT.done : EXIT.answerIsNo;
}
