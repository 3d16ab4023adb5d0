// Finds command-line tools on a given PATH, and runs them in a given environment.

import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

import { runProcess } from '../process.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ToolResult {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** The file that a shell would run, or nothing. */
export async function findTool(name: string, env: Environment): Promise<string | undefined> {
  // Windows spells the variable `Path`, and a copied environment is case-sensitive.
  const searchPath = env['PATH'] ?? env['Path'] ?? '';
  for (const folder of searchPath.split(delimiter)) {
    if (folder === '') continue;
    const file = join(folder, name);
    try {
      await access(file, constants.X_OK);
      return file;
    } catch {
      // Not in this folder.
    }
  }
  return undefined;
}

export async function runTool(file: string, args: readonly string[], env: Environment): Promise<ToolResult> {
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { code, stdout, stderr } = await runProcess([file, ...args], {
    environment: Object.fromEntries(given),
  });
  return { ok: code === 0, stdout, stderr };
}
