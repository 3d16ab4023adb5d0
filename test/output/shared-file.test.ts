import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../generator/manifest/schema.js';
import { sha256 } from '../../generator/manifest/digest.js';
import { compareSet } from '../../generator/output/compare.js';
import { listFiles } from '../../generator/output/files.js';
import { writeSet } from '../../generator/output/write.js';
import { freshFolder, put, sampleKernel, sampleSet } from '../support/output-folder.js';

const FILE = 'bf16/moe_shared.metal';

const kernel = (name: string, summary = `says ${name}`) =>
  sampleKernel('bf16', { name, summary, file: 'moe_shared' });
const setOf = (...plans: readonly ReturnType<typeof kernel>[]) => sampleSet([], { plans });
const read = (folder: string) => readFileSync(path.join(folder, FILE), 'utf8');
const kernelsIn = (folder: string) =>
  [...read(folder).matchAll(/kernel void (\w+)/g)].map((match) => match[1]);
const manifestOf = (folder: string) =>
  parseManifest(readFileSync(path.join(folder, 'manifest.json'), 'utf8'), 'manifest.json').kernels;

async function written(...plans: readonly ReturnType<typeof kernel>[]): Promise<string> {
  const folder = freshFolder();
  await writeSet(setOf(...plans), folder);
  return folder;
}

describe('a file of several kernels', () => {
  it('is written once, with its hash in the entry of each kernel', async () => {
    const folder = await written(kernel('moe_a'), kernel('moe_b'));
    expect(listFiles(folder)).toEqual([FILE, 'manifest.json']);
    expect(kernelsIn(folder)).toEqual(['moe_a', 'moe_b']);
    expect(read(folder).match(/#include/g)).toHaveLength(1);
    expect(manifestOf(folder).map(({ name, file, sha256: hash }) => [name, file, hash])).toEqual([
      ['moe_a', FILE, sha256(read(folder))],
      ['moe_b', FILE, sha256(read(folder))],
    ]);
  });

  it('is left alone when nothing changed, and made whole when one kernel did', async () => {
    const folder = await written(kernel('moe_a'), kernel('moe_b'));
    expect(await writeSet(setOf(kernel('moe_a'), kernel('moe_b')), folder)).toMatchObject({
      written: [],
      unchanged: 1,
    });
    const { written: again } = await writeSet(setOf(kernel('moe_a'), kernel('moe_b', 'says more')), folder);
    expect(again).toEqual([FILE]);
    expect(kernelsIn(folder)).toEqual(['moe_a', 'moe_b']);
    expect(read(folder)).toContain('// says more');
  });

  it('loses a kernel that is planned no more, and gains a new one', async () => {
    const folder = await written(kernel('moe_a'), kernel('moe_b'));
    await writeSet(setOf(kernel('moe_b')), folder);
    expect(kernelsIn(folder)).toEqual(['moe_b']);
    expect(manifestOf(folder).map(({ name }) => name)).toEqual(['moe_b']);
    await writeSet(setOf(kernel('moe_b'), kernel('moe_c')), folder);
    expect(kernelsIn(folder)).toEqual(['moe_b', 'moe_c']);
  });

  it('drops a lost kernel from the manifest even where nobody asked for it', async () => {
    const folder = await written(kernel('moe_a'), kernel('moe_b'));
    await writeSet(sampleSet([], { plans: [kernel('moe_b')], covers: () => false }), folder);
    expect(manifestOf(folder).map(({ name }) => name)).toEqual(['moe_b']);
  });

  it('is compared as a whole', async () => {
    const folder = await written(kernel('moe_a'), kernel('moe_b'));
    const set = setOf(kernel('moe_a'), kernel('moe_b'));
    expect(await compareSet(set, folder)).toMatchObject({
      missing: [],
      changed: [],
      unexpected: [],
      compared: 2,
    });
    put(folder, FILE, read(folder).replace('sum = 0.0f', 'sum = 0.5f'));
    expect((await compareSet(set, folder)).changed.map(({ file }) => file)).toEqual([FILE]);
  });
});
