// The recorded blocks of models that tests run.

import { readdirSync } from 'node:fs';
import path from 'node:path';
import { readFixture } from '../../generator/reference/fixture.js';
import type { MoeBlock } from '../../generator/description/block.js';
import { parseConfig, readBlock } from '../../generator/description/models/index.js';

const FIXTURES = path.resolve(import.meta.dirname, '../fixtures');

export const FIXTURE_NAMES: readonly string[] = readdirSync(FIXTURES)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => path.basename(file, '.safetensors'));

export function fixturePath(name: string): string {
  return path.join(FIXTURES, `${name}.safetensors`);
}

export async function fixtureBlock(name: string): Promise<MoeBlock> {
  const fixture = await readFixture(fixturePath(name));
  return readBlock(parseConfig(fixture.configText, name), fixture.layer, name);
}
