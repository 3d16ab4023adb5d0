// `moegen probe`: one Swift file that tries kernels on a Mac which has nothing installed.

import path from 'node:path';
import type { ActivationDtype, Bf16Storage } from '../../description/dtypes.js';
import { GENERAL_FORMAT_NAMES } from '../../description/weights.js';
import { replaceFiles } from '../../output/files.js';
import { probeScript } from '../../probe/script.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { PACKAGE_DIR, printJson, type Io } from '../io.js';
import { packageVersion } from '../package-version.js';
import { selectFiles, selectPlans } from '../select.js';
import { textsOf } from '../texts.js';

export interface ProbeOptions {
  readonly output: string;
  readonly dtype: readonly ActivationDtype[];
  readonly weights?: readonly string[] | undefined;
  readonly bf16Storage?: Bf16Storage | undefined;
  readonly seed: number;
  readonly json: boolean;
}

export async function probe(glob = '*', options: ProbeOptions, io: Io): Promise<ExitCode> {
  const { output, dtype, weights = GENERAL_FORMAT_NAMES, bf16Storage, seed, json } = options;
  const selection = { dtype, weights, kernel: glob, bf16Storage };
  const plans = selectPlans(selection);
  const texts = await textsOf(plans, bf16Storage, selectFiles(selection));
  const script = probeScript(texts, { version: packageVersion(), seed, packageDir: PACKAGE_DIR });
  const target = path.resolve(io.cwd, output);
  replaceFiles(path.dirname(target), [{ file: path.basename(target), text: script }]);
  if (json) printJson(io, { output, kernels: plans.length, bytes: Buffer.byteLength(script) });
  else io.out(`${output}: ${plans.length} kernels; on a Mac: swift ${path.basename(output)}\n`);
  return EXIT.done;
}
