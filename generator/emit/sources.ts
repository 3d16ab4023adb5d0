// Reads the template folder, once and in a stable order. Everything that follows, parsing and digests alike, works on what was
// read here.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { MoegenError } from '../errors.js';

/** Texts by `templates/<folder>/<name>`, sorted. */
export type TemplateSources = ReadonlyMap<string, string>;

/** Folders of the kernels' templates. */
const KERNEL_FOLDERS = ['kernels', 'partials'] as const;

export function readTemplateSources(
  templatesDir: string,
  folders: readonly string[] = KERNEL_FOLDERS,
): TemplateSources {
  const sources = new Map<string, string>();
  for (const folder of folders) {
    for (const name of listTemplates(path.join(templatesDir, folder))) {
      sources.set(`templates/${folder}/${name}`, readFileSync(path.join(templatesDir, folder, name), 'utf8'));
    }
  }
  return sources;
}

function listTemplates(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .map((name) => name.split(path.sep).join('/'))
      .filter((name) => name.endsWith('.hbs'))
      .sort();
  } catch (cause) {
    throw new MoegenError('emit/templates-unreadable', 'expected a folder of templates', {
      where: directory,
      help: 'reinstall moegen: its templates are incomplete',
      cause,
    });
  }
}
