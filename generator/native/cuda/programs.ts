// Where the CUDA device has its programs from: the compiler, or a folder of programs that were compiled elsewhere.

import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';

import { contentKey } from '../../compile/cache.js';
import { listKernels } from '../../compile/front.js';
import { readSource } from '../../compile/preprocess.js';
import { compilePtx, type PtxAlignment, type PtxLibrary, type PtxMatrix } from '../../compile/ptx.js';
import type { ConstantValue } from '../../compile/types.js';
import { MoegenError } from '../../errors.js';
import { compileFailure } from '../host/failure.js';
import type { LoadRequest } from '../types.js';

/** One kernel with the values of its function constants. */
interface ProgramRequest {
  readonly load: LoadRequest;
  readonly kernel: string;
  readonly constants: Readonly<Record<number, ConstantValue>>;
}

/** How programs are compiled: generator/compile/ptx.ts says what it means. */
export interface ProgramOptions {
  readonly matrix: PtxMatrix;
  readonly alignment: PtxAlignment;
}

export interface Programs {
  /** Reads on after 'kernels': who compiled them. */
  readonly origin: string;
  kernelsOf(load: LoadRequest): Promise<readonly string[]>;
  compile(request: ProgramRequest): Promise<PtxLibrary>;
}

export interface CompilerOptions extends ProgramOptions {
  readonly cacheDir: string;
}

export function compiledPrograms({ cacheDir, matrix, alignment }: CompilerOptions): Programs {
  return {
    origin: matrix === 'ordered' ? 'compiled to PTX, matrix products in order' : 'compiled to PTX',
    kernelsOf: async ({ source, ...options }) =>
      (await listKernels(source, { ...options, cacheDir })).map(({ name }) => name),
    compile: async ({ load: { source, ...options }, kernel, constants }) => {
      const settings = { ...options, kernels: [kernel], constants, alignment, matrix, cacheDir };
      const outcome = await compilePtx(source, settings);
      if (!outcome.ok || !outcome.library) throw compileFailure(source.path, outcome.diagnostics);
      return outcome.library;
    },
  };
}

/** What a folder of programs holds, beside the PTX files: `programs.json`. */
interface ProgramIndex {
  readonly options: ProgramOptions;
  /** Names of kernels, by what was loaded. */
  readonly sources: Readonly<Record<string, readonly string[]>>;
  /** Programs, by what was asked for; `path` is the name of the file. */
  readonly programs: Readonly<Record<string, PtxLibrary>>;
}

export const INDEX_FILE = 'programs.json';

/** The folder is read when the device is opened. */
export function bundledPrograms(folder: string, options: ProgramOptions): Programs {
  const index = JSON.parse(readFileSync(join(folder, INDEX_FILE), 'utf8')) as ProgramIndex;
  if (index.options.matrix !== options.matrix || index.options.alignment !== options.alignment) {
    const { matrix, alignment } = index.options;
    throw new MoegenError(
      'native/not-bundled',
      `the bundle has programs with --matrix ${matrix} --alignment ${alignment} only`,
      {
        where: folder,
        help: 'Name these options when the bundle is made.',
      },
    );
  }
  const missing = (what: string, path: string): MoegenError =>
    new MoegenError('native/not-bundled', `the bundle has no ${what} of ${basename(path)}`, {
      where: folder,
      help: 'Name this command, with the same options, when the bundle is made.',
    });
  return {
    origin: 'from a bundle',
    kernelsOf: async (load) => {
      const kernels = index.sources[await loadKey(load)];
      if (kernels === undefined) throw missing('kernels', load.source.path);
      return kernels;
    },
    compile: async (request) => {
      const library = index.programs[await programKey(request)];
      if (library === undefined) {
        const values = JSON.stringify(request.constants);
        throw missing(
          `program for kernel '${request.kernel}' with constants ${values}`,
          request.load.source.path,
        );
      }
      return { ...library, path: join(folder, library.path) };
    },
  };
}

/** Programs that note what they were asked for. */
export interface Recorder extends Programs {
  /** Files of the programs, by the names that the index has for them. */
  readonly files: ReadonlyMap<string, string>;
  readonly index: ProgramIndex;
}

export function recordPrograms(programs: Programs, options: ProgramOptions): Recorder {
  const files = new Map<string, string>();
  const sources: Record<string, readonly string[]> = {};
  const recorded: Record<string, PtxLibrary> = {};
  return {
    origin: programs.origin,
    files,
    index: { options, sources, programs: recorded },
    kernelsOf: async (load) => {
      const kernels = await programs.kernelsOf(load);
      sources[await loadKey(load)] = kernels;
      return kernels;
    },
    compile: async (request) => {
      const library = await programs.compile(request);
      const name = basename(library.path);
      files.set(name, library.path);
      recorded[await programKey(request)] = { ...library, path: name };
      return library;
    },
  };
}

/** What is loaded, wherever the files lie. */
async function loadKey({ source, defines = {}, mslVersion }: LoadRequest): Promise<string> {
  const text = source.text ?? (await readSource(source.path));
  return contentKey([text, JSON.stringify(Object.entries(defines).sort()), mslVersion ?? '']);
}

async function programKey({ load, kernel, constants }: ProgramRequest): Promise<string> {
  return contentKey([await loadKey(load), kernel, JSON.stringify(constants)]);
}
