// A kernel set made of sample plans, and a fresh folder for it.

import { cpSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { prepareSet, type KernelSet, type SetRequest } from '../../generator/output/kernel-set.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { samplePlan, templatesDir } from './sample-plan.js';

export function freshFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'moegen-output-'));
}

/** A package folder with the sample template; `template` replaces it. */
export function samplePackage(template?: string): string {
  const folder = freshFolder();
  cpSync(
    templatesDir(template === undefined ? {} : { 'kernels/sample.metal.hbs': template }),
    path.join(folder, 'templates'),
    {
      recursive: true,
    },
  );
  const dependencies = { '@wasm-fmt/clang-format': '1.0.0', handlebars: '1.0.0' };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ version: '1.2.3', dependencies }));
  return folder;
}

export function sampleKernel(dtype: string, overrides: Partial<KernelPlan> = {}): KernelPlan {
  return samplePlan({
    name: `moe_sample_${dtype}`,
    folder: dtype,
    axes: { activation: dtype },
    ...overrides,
  });
}

export function sampleSet(dtypes: readonly string[], request: Partial<SetRequest> = {}): KernelSet {
  return prepareSet({
    plans: dtypes.map((dtype) => sampleKernel(dtype)),
    packageDir: SAMPLE_PACKAGE,
    covers: () => true,
    ...request,
  });
}

const SAMPLE_PACKAGE = samplePackage();

export function put(folder: string, file: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
  writeFileSync(path.join(folder, file), text);
}
