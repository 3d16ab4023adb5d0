// `moegen run --init`: a job for one kernel of a Metal file, from its signature.

import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { defaultCacheDir } from '../../compile/cache.js';
import type { MslVersion } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import type { Io } from '../io.js';
import { parseDefine } from '../values.js';

export interface InitOptions {
  readonly include: readonly string[];
  readonly define: readonly string[];
  readonly msl?: MslVersion | undefined;
  /** The job's file; without it the job is printed, for a file in the current folder. */
  readonly out?: string | undefined;
}

export async function init(
  file: string,
  kernel: string | undefined,
  { include, define, msl, out }: InitOptions,
  io: Io,
): Promise<ExitCode> {
  const { compileLayouts } = await import('../../compile/layouts.js');
  const { compileFailure } = await import('../../native/host/failure.js');
  const { skeletonJob } = await import('../../jobs/skeleton.js');
  const defines = Object.fromEntries(define.map(parseDefine));
  const folder = out === undefined ? io.cwd : path.dirname(path.resolve(io.cwd, out));
  const fromJob = (given: string): string => {
    const relative = path.relative(folder, path.resolve(io.cwd, given)) || '.';
    return relative.split(path.sep).join('/');
  };
  const source = { path: path.resolve(io.cwd, file) };
  const outcome = await compileLayouts(source, {
    ...{ defines, cacheDir: defaultCacheDir(io.env) },
    includeDirs: include.map((each) => path.resolve(io.cwd, each)),
    ...(msl !== undefined && { mslVersion: msl }),
  });
  const report = await chosenKernel(outcome.reports ?? [], kernel);
  if (outcome.library === undefined || !report?.ok) {
    if (report === undefined && outcome.library !== undefined) throw whichKernel(outcome.kernels, file);
    throw compileFailure(source.path, [...outcome.diagnostics, ...(report?.diagnostics ?? [])]);
  }
  const job = skeletonJob({
    source: fromJob(file),
    include: include.map(fromJob),
    ...{ defines, msl, report },
    layouts: outcome.library.layouts[report.name] ?? {},
  });
  const text = `${JSON.stringify(job, undefined, 2)}\n`;
  if (out === undefined) io.out(text);
  else await writeNew(path.resolve(io.cwd, out), text);
  return EXIT.done;
}

/** The one that is named, or the only one. */
async function chosenKernel<Report extends { readonly name: string }>(
  reports: readonly Report[],
  kernel: string | undefined,
): Promise<Report | undefined> {
  if (kernel === undefined) return reports.length === 1 ? reports[0] : undefined;
  const report = reports.find(({ name }) => name === kernel);
  if (report !== undefined || reports.length === 0) return report;
  const { unknownKernel } = await import('../../native/host/request.js');
  throw unknownKernel(
    kernel,
    reports.map(({ name }) => name),
  );
}

function whichKernel(kernels: readonly string[], file: string): MoegenError {
  const some = kernels.slice(0, 20).join(', ');
  return new MoegenError(
    'cli/which-kernel',
    `expected the name of a kernel, and the file has ${kernels.length}`,
    {
      where: file,
      help:
        kernels.length === 0
          ? 'name a file that has kernels'
          : `moegen run --init ${file} KERNEL; kernels: ${some}`,
    },
  );
}

/** What somebody has filled in is not overwritten. */
async function writeNew(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text, { flag: 'wx' });
  } catch (cause) {
    throw new MoegenError('cli/exists', 'expected a new file that can be written', { where: file, cause });
  }
}
