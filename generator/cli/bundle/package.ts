// Copies this package into a bundle: what runs of it, and the packages that it needs to run.

import { existsSync, readFileSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import { PACKAGE_DIR } from '../io.js';

const OWN = ['package.json', 'bin', 'dist', 'templates'] as const;
/** Headers: a bundle brings what they are for. It brings what compilers make too, and they are optional. */
const LEFT_OUT: readonly string[] = ['node-addon-api', 'node-api-headers'];
const UNUSED = /\.(?:d\.[cm]?ts|map|md|markdown)$/u;

interface PackageJson {
  readonly dependencies?: Readonly<Record<string, string>>;
}

export async function copyPackage(target: string): Promise<void> {
  const filter = (source: string): boolean => !UNUSED.test(source);
  for (const name of OWN) {
    await cp(path.join(PACKAGE_DIR, name), path.join(target, name), { recursive: true, filter });
  }
  for (const [name, folder] of packagesOf(PACKAGE_DIR)) {
    const nested = (source: string): boolean =>
      filter(source) && !path.relative(folder, source).split(path.sep).includes('node_modules');
    await cp(folder, path.join(target, 'node_modules', name), {
      recursive: true,
      dereference: true,
      filter: nested,
    });
  }
}

/** Folders of all packages that one needs, by the place below `node_modules` that they are found at. */
function packagesOf(start: string): Map<string, string> {
  const packages = new Map<string, string>();
  const add = (from: string, place: string): void => {
    const { dependencies = {} } = JSON.parse(
      readFileSync(path.join(from, 'package.json'), 'utf8'),
    ) as PackageJson;
    for (const name of Object.keys(dependencies)) {
      if (LEFT_OUT.includes(name)) continue;
      const own = path.join(from, 'node_modules', name);
      // A version of its own lies inside of the package that needs it.
      const isOwn = place !== '' && existsSync(own);
      const folder = isOwn ? own : findPackage(name, start);
      const at = isOwn ? path.join(place, 'node_modules', name) : name;
      if (folder === undefined || packages.has(at)) continue;
      packages.set(at, folder);
      add(folder, at);
    }
  };
  add(start, '');
  return packages;
}

/** Where Node looks for it too; missing where a package is meant for another platform. */
function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; ; folder = path.dirname(folder)) {
    const candidate = path.join(folder, 'node_modules', name);
    if (existsSync(path.join(candidate, 'package.json'))) return candidate;
    if (path.dirname(folder) === folder) return undefined;
  }
}
