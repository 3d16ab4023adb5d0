// The files that a command line names, as they lie in a bundle: where they lay below the current folder.

import { existsSync, readFileSync, statSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../../errors.js';

/** Copies them, and what jobs name. */
export async function copyFiles(words: readonly string[], cwd: string, target: string): Promise<void> {
  const [command = '', ...rest] = words;
  const named = rest.map((word) => path.resolve(cwd, word)).filter(isFile);
  const files = command === 'run' ? named.flatMap((file) => [file, ...filesOfJob(file)]) : named;
  for (const file of new Set(files)) {
    const place = path.relative(cwd, file);
    if (place.startsWith('..') || path.isAbsolute(place)) {
      throw new MoegenError('cli/outside-of-bundle', 'expected files below the current folder', {
        where: file,
        help: 'call moegen in a folder that holds all that the command names',
      });
    }
    await cp(file, path.join(target, place), { recursive: true });
  }
}

function isFile(file: string): boolean {
  return existsSync(file) && statSync(file).isFile();
}

const jobFiles = z.looseObject({
  source: z.string(),
  include: z.union([z.string(), z.array(z.string())]).optional(),
  buffers: z.record(z.string(), z.looseObject({ file: z.string().optional() })).optional(),
});

/** Paths in a job start at its own folder. */
function filesOfJob(file: string): string[] {
  const job = jobFiles.parse(JSON.parse(readFileSync(file, 'utf8')));
  const buffers = Object.values(job.buffers ?? {}).flatMap((buffer) => buffer.file ?? []);
  return [job.source, ...[job.include ?? []].flat(), ...buffers].map((name) =>
    path.resolve(path.dirname(file), name),
  );
}
