import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { MoegenError } from '../../generator/errors.js';
import { parseManifest } from '../../generator/manifest/schema.js';
import { sha256 } from '../../generator/manifest/digest.js';
import { compareSet } from '../../generator/output/compare.js';
import { abandoned, deleteFiles, listFiles, replaceFiles } from '../../generator/output/files.js';
import { resolveInside } from '../../generator/output/paths.js';
import { recordXcrun, writeSet } from '../../generator/output/write.js';
import { SAMPLE_TEMPLATE } from '../support/sample-plan.js';
import { freshFolder, put, samplePackage, sampleKernel, sampleSet } from '../support/output-folder.js';

const read = (folder: string, file: string) => readFileSync(path.join(folder, file), 'utf8');
const manifestOf = (folder: string) => parseManifest(read(folder, 'manifest.json'), 'manifest.json');

async function written(dtypes: readonly string[] = ['bf16', 'f32']): Promise<string> {
  const folder = freshFolder();
  await writeSet(sampleSet(dtypes), folder);
  return folder;
}

describe('writeSet', () => {
  it('writes kernels and a manifest that agrees with them', async () => {
    const folder = await written();
    expect(listFiles(folder)).toEqual([
      'bf16/moe_sample_bf16.metal',
      'f32/moe_sample_f32.metal',
      'manifest.json',
    ]);
    for (const kernel of manifestOf(folder).kernels) {
      expect(kernel.sha256).toBe(sha256(read(folder, kernel.file)));
      expect(kernel.xcrun).toBe('not compiled with xcrun');
    }
    expect(manifestOf(folder).kernels[0]?.bindings[0]).toMatchObject({ element: 'bf16', type: 'ushort' });
  });

  it('gives the same bytes in one go and dtype by dtype', async () => {
    const whole = await written(['bf16', 'f32']);
    const parts = freshFolder();
    for (const dtype of ['f32', 'bf16']) {
      await writeSet(sampleSet([dtype], { covers: (kernel) => kernel.axes['activation'] === dtype }), parts);
    }
    expect(listFiles(parts)).toEqual(listFiles(whole));
    for (const file of listFiles(whole)) expect(read(parts, file)).toBe(read(whole, file));
  });

  it('touches nothing when there is nothing to do', async () => {
    const folder = await written();
    const times = () => listFiles(folder).map((file) => statSync(path.join(folder, file)).mtimeMs);
    const before = times();
    expect(await writeSet(sampleSet(['bf16', 'f32']), folder)).toMatchObject({
      written: [],
      deleted: [],
      unchanged: 2,
    });
    expect(times()).toEqual(before);
  });

  it('repairs one changed file and leaves the others', async () => {
    const folder = await written();
    const text = read(folder, 'bf16/moe_sample_bf16.metal');
    put(folder, 'bf16/moe_sample_bf16.metal', text.replace('0.0f', '1.0f'));
    const result = await writeSet(sampleSet(['bf16', 'f32']), folder);
    expect(result.written).toEqual(['bf16/moe_sample_bf16.metal']);
    expect(read(folder, 'bf16/moe_sample_bf16.metal')).toBe(text);
  });

  it('notices a changed template', async () => {
    const folder = await written(['f32']);
    const packageDir = samplePackage(
      SAMPLE_TEMPLATE.replace('float sum', 'float total = 1.0f;\n  float sum'),
    );
    const result = await writeSet(sampleSet(['f32'], { packageDir }), folder);
    expect(result.written).toEqual(['f32/moe_sample_f32.metal']);
  });

  it('deletes what it made and no longer makes, and keeps everything else', async () => {
    const folder = await written(['bf16', 'f32']);
    put(folder, 'f32/mine.metal', 'kernel void mine() {}\n');
    put(folder, 'notes.txt', 'mine');
    const result = await writeSet(sampleSet(['bf16']), folder);
    expect(result.deleted).toEqual(['f32/moe_sample_f32.metal']);
    expect(listFiles(folder)).toEqual([
      'bf16/moe_sample_bf16.metal',
      'f32/mine.metal',
      'manifest.json',
      'notes.txt',
    ]);
  });

  it('keeps kernels that were not asked for', async () => {
    const folder = await written(['bf16', 'f32']);
    await writeSet(sampleSet(['bf16'], { covers: (kernel) => kernel.axes['activation'] === 'bf16' }), folder);
    expect(manifestOf(folder).kernels.map((kernel) => kernel.name)).toEqual([
      'moe_sample_bf16',
      'moe_sample_f32',
    ]);
  });

  it('refuses to replace a file that it did not make, and writes nothing', async () => {
    const folder = freshFolder();
    put(folder, 'f32/moe_sample_f32.metal', 'kernel void by_hand() {}\n');
    await expect(writeSet(sampleSet(['bf16', 'f32']), folder)).rejects.toMatchObject({
      code: 'output/foreign-file',
    });
    expect(listFiles(folder)).toEqual(['f32/moe_sample_f32.metal']);
  });

  it('leaves the old state where one file cannot be written', async () => {
    const folder = await written(['bf16']);
    const before = listFiles(folder).map((file) => read(folder, file));
    writeFileSync(path.join(folder, 'f32'), 'a file where a folder belongs');
    const packageDir = samplePackage(SAMPLE_TEMPLATE.replace('0.0f', '2.0f'));
    const attempt = writeSet(sampleSet(['bf16', 'f32'], { packageDir }), folder);
    await expect(attempt).rejects.toMatchObject({ code: 'output/file-failed', kind: 'usage' });
    rmSync(path.join(folder, 'f32'));
    expect(listFiles(folder).map((file) => read(folder, file))).toEqual(before);
  });

  it('writes an unreadable manifest anew, and says why', async () => {
    const folder = await written(['bf16']);
    const manifest = read(folder, 'manifest.json');
    put(folder, 'manifest.json', `<<<<<<< ours\n${manifest}`);
    const { fault } = await writeSet(sampleSet(['bf16']), folder);
    expect(fault?.code).toBe('manifest/unreadable');
    expect(read(folder, 'manifest.json')).toBe(manifest);
  });

  it('follows no manifest out of the folder', async () => {
    const parent = freshFolder();
    const folder = path.join(parent, 'generated');
    await writeSet(sampleSet(['bf16', 'f32']), folder);
    put(parent, 'precious.metal', '// Generated by moegen\n');
    const text = read(folder, 'manifest.json').replace('f32/moe_sample_f32.metal', '../precious.metal');
    put(folder, 'manifest.json', text);
    await expect(writeSet(sampleSet(['bf16']), folder)).rejects.toMatchObject({
      code: 'output/outside-folder',
    });
    expect(existsSync(path.join(parent, 'precious.metal'))).toBe(true);
  });

  it('keeps the word of a compiler for as long as the text is the same', async () => {
    const folder = await written(['bf16', 'f32']);
    await recordXcrun(folder, manifestOf(folder), new Map([['moe_sample_bf16', 'Apple metal 1.0']]));
    const words = () => manifestOf(folder).kernels.map((kernel) => kernel.xcrun);
    await writeSet(sampleSet(['bf16', 'f32']), folder);
    expect(words()).toEqual(['Apple metal 1.0', 'not compiled with xcrun']);
    const packageDir = samplePackage(SAMPLE_TEMPLATE.replace('0.0f', '2.0f'));
    await writeSet(sampleSet(['bf16', 'f32'], { packageDir }), folder);
    expect(words()).toEqual(['not compiled with xcrun', 'not compiled with xcrun']);
  });
});

describe('compareSet', () => {
  it('finds nothing in a folder that was just written', async () => {
    const folder = await written();
    expect(await compareSet(sampleSet(['bf16', 'f32']), folder)).toMatchObject({
      missing: [],
      changed: [],
      unexpected: [],
    });
  });

  it('names missing, changed and unexpected files, and writes nothing', async () => {
    const folder = await written();
    rmSync(path.join(folder, 'f32/moe_sample_f32.metal'));
    put(folder, 'bf16/extra.metal', 'x');
    const text = read(folder, 'bf16/moe_sample_bf16.metal');
    put(folder, 'bf16/moe_sample_bf16.metal', text.replace('sum = 0.0f', 'sum = 0.5f'));
    const before = listFiles(folder);
    const { missing, changed, unexpected } = await compareSet(sampleSet(['bf16', 'f32']), folder);
    expect(missing).toEqual(['f32/moe_sample_f32.metal']);
    expect(unexpected).toEqual(['bf16/extra.metal']);
    expect(changed.map(({ file }) => file)).toEqual(['bf16/moe_sample_bf16.metal']);
    expect(changed[0]?.diff).toContain('-  float sum = 0.5f;\n+  float sum = 0.0f;\n');
    expect(listFiles(folder)).toEqual(before);
  });

  it('finds a changed manifest, and cuts a long diff short', async () => {
    const folder = await written();
    put(folder, 'manifest.json', '{}\n');
    const { changed } = await compareSet(sampleSet(['bf16', 'f32']), folder);
    expect(changed.map(({ file }) => file)).toEqual(['manifest.json']);
    expect(changed[0]?.diff.split('\n').length).toBeLessThan(30);
    expect(changed[0]?.diff).toMatch(/\.\.\. \d+ more lines$/);
  });

  it('calls every file missing where there is no folder', async () => {
    const { missing } = await compareSet(sampleSet(['bf16']), path.join(freshFolder(), 'nothing'));
    expect(missing).toEqual(['bf16/moe_sample_bf16.metal', 'manifest.json']);
  });
});

describe('files', () => {
  it.each(['../x', '/etc/x', 'a/../../x', '.'])('refuses the path %s', (file) => {
    expect(() => resolveInside(freshFolder(), file)).toThrow(MoegenError);
  });

  it('refuses a link that leads outside', () => {
    const [folder, elsewhere] = [freshFolder(), freshFolder()];
    symlinkSync(elsewhere, path.join(folder, 'bf16'));
    expect(() => {
      replaceFiles(folder, [{ file: 'bf16/x.metal', text: 'x' }]);
    }).toThrow(/expected a file below the output folder/);
    expect(listFiles(elsewhere)).toEqual([]);
  });

  it('puts all files in place or none', () => {
    const folder = freshFolder();
    put(folder, 'a.metal', 'old');
    mkdirSync(path.join(folder, 'b.metal/inner'), { recursive: true });
    expect(() => {
      replaceFiles(folder, [
        { file: 'c/d.metal', text: 'new' },
        { file: 'b.metal/inner/../../../../x', text: 'new' },
      ]);
    }).toThrow(MoegenError);
    expect(listFiles(folder)).toEqual(['a.metal']);
  });

  it('sweeps what a stopped run left, and nothing of a run that goes on', () => {
    const folder = freshFolder();
    put(folder, 'a.metal.moegen-999999999.tmp', 'half');
    put(folder, `b.metal.moegen-${process.pid}.tmp`, 'half');
    put(folder, 'c.tmp', 'mine');
    deleteFiles(folder, abandoned(listFiles(folder)));
    expect(listFiles(folder)).toEqual([`b.metal.moegen-${process.pid}.tmp`, 'c.tmp']);
  });

  it('deletes folders that it leaves empty, but not the output folder', () => {
    const folder = freshFolder();
    put(folder, 'f32/a.metal', 'x');
    deleteFiles(folder, ['f32/a.metal', 'f32/gone.metal']);
    expect(existsSync(path.join(folder, 'f32'))).toBe(false);
    expect(existsSync(folder)).toBe(true);
  });
});

describe('a planned kernel', () => {
  it('has other inputs when anything that its text shows changes, and no others', () => {
    const inputs = (set: ReturnType<typeof sampleSet>) => set.kernels[0]?.inputs;
    const base = inputs(sampleSet(['bf16']));
    expect(inputs(sampleSet(['bf16']))).toBe(base);
    expect(inputs(sampleSet(['bf16'], { bf16Storage: 'bfloat' }))).not.toBe(base);
    expect(inputs(sampleSet(['bf16'], { packageDir: samplePackage(`${SAMPLE_TEMPLATE}\n`) }))).not.toBe(base);
    const changed = (plan: Parameters<typeof sampleKernel>[1]) =>
      inputs(sampleSet([], { plans: [sampleKernel('bf16', plan)] }));
    expect(changed({ summary: 'Another summary.' })).not.toBe(base);
    expect(changed({ threadgroupBytes: 4 })).toBe(base);
  });
});
