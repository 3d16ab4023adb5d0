// The driver that stands in for a GPU's: built once, told what goes wrong, asked what was called.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { buildAddon } from '../metal/tools.js';

/** A folder with `libcuda.so.1`. */
export async function buildDriver(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'moegen-driver-'));
  mkdirSync(folder, { recursive: true });
  const source = fileURLToPath(new URL('stand_in_driver.cc', import.meta.url));
  await buildAddon([source], join(folder, 'libcuda.so.1'));
  return folder;
}

const LOG = join(tmpdir(), `moegen-driver-${process.pid}.log`);

/** What goes wrong from now on. */
export function setFault(fault: string | undefined): void {
  if (fault === undefined) delete process.env['STAND_IN_FAULT'];
  else process.env['STAND_IN_FAULT'] = fault;
}

export function startLog(): void {
  rmSync(LOG, { force: true });
  process.env['STAND_IN_LOG'] = LOG;
}

export function calls(): string[] {
  return existsSync(LOG) ? readFileSync(LOG, 'utf8').trim().split('\n') : [];
}
