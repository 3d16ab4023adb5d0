// Jobs that show a mistake which a public program once had: what the checks say of them.

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterAll, expect, it } from 'vitest';

import { runJob } from '../../generator/jobs/run.js';
import { device } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'moegen-jobs-'));
cpSync(fileURLToPath(new URL('jobs', import.meta.url)), folder, { recursive: true });
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['m12_reduce_race', 'races', 16],
  ['m19_mpp_k_tail', 'bounds', 14],
])('%s: %s', async (name, check, line) => {
  const { reports } = await runJob(device, join(folder, `${name}.json`));
  expect(reports).toContainEqual(expect.objectContaining({ check, line }));
});
