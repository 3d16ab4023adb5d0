// Calls a reference, a function of Python or JavaScript beside the test, in a process of its own. Arrays go there and back as
// files: bin/reference.js and python/moegen/reference.py are the other side.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { MoegenError } from '../../errors.js';
import type { JobBufferContents } from '../contents.js';
import type { Layout } from '../layout.js';
import type { ScalarValue } from '../scalars.js';
import type { RunJob } from '../schema.js';
import { decodeNumbers } from '../values.js';

export interface ReferenceRequest {
  /** `FILE:FUNCTION`; the file is relative to `folder`. */
  readonly reference: string;
  readonly folder: string;
  readonly job: RunJob;
  readonly contents: ReadonlyMap<string, JobBufferContents>;
  /** Keys of the buffers that the reference is to give. */
  readonly outputs: readonly string[];
  /** For errors. */
  readonly where: string;
}

export interface ReferenceTools {
  /** The package's folder. */
  readonly packageDir: string;
  readonly python: string;
  readonly timeoutSeconds?: number;
}

const PYTHON = '.py';
const SCRIPTS = ['.js', '.mjs', '.ts', '.mts'];
const DEFAULT_TIMEOUT_SECONDS = 60;

/** All numbers of each wanted buffer, as exact as the reference gives them. */
export async function callReference(
  request: ReferenceRequest,
  tools: ReferenceTools,
): Promise<ReadonlyMap<string, readonly ScalarValue[]>> {
  const [, file = '', name = ''] = /^(.+):(\w+)$/.exec(request.reference) ?? [];
  const extension = path.extname(file);
  if (extension !== PYTHON && !SCRIPTS.includes(extension)) {
    throw new MoegenError('test/bad-reference', `expected FILE:FUNCTION, got '${request.reference}'`, {
      where: request.where,
      help: `files end with ${[PYTHON, ...SCRIPTS].join(', ')}`,
    });
  }
  const folder = await mkdtemp(path.join(tmpdir(), 'moegen-reference-'));
  try {
    const requestFile = path.join(folder, 'request.json');
    await writeFile(
      requestFile,
      JSON.stringify({
        file: path.resolve(request.folder, file),
        function: name,
        buffers: await writeBuffers(request, folder),
        constants: request.job.constants ?? {},
        outputs: request.outputs.map((key) => nameOf(key, request.job)),
      }),
    );
    const command =
      extension === PYTHON
        ? [tools.python, path.join(tools.packageDir, 'python/moegen/reference.py')]
        : [process.execPath, path.join(tools.packageDir, 'bin/reference.js')];
    await execute([...command, requestFile], request, tools);
    return await readOutputs(request, folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What a function can name: the buffer's name, or its index behind a word. */
function nameOf(key: string, job: RunJob): string {
  const name = job.buffers[key]?.name ?? key;
  return /^[A-Za-z_]\w*$/.test(name) ? name : `buffer_${name}`;
}

interface SentBuffer {
  readonly name: string;
  readonly file?: string;
  readonly dtype?: string;
  readonly shape?: readonly number[];
  readonly value?: unknown;
}

/** Structs go as records, everything else as arrays; half and bfloat as float. */
async function writeBuffers({ job, contents }: ReferenceRequest, folder: string): Promise<SentBuffer[]> {
  const given = [...contents].filter(([, { data }]) => data !== undefined);
  return Promise.all(
    given.map(async ([key, { layout, shape, data = new Uint8Array() }]): Promise<SentBuffer> => {
      const name = nameOf(key, job);
      if (layout.fields !== undefined) return { name, value: records(layout, data) };
      const short = layout.components[0]?.scalar.short ?? 'u8';
      const dtype = short === 'f16' || short === 'bf16' ? 'f32' : short;
      const file = `${name}.bin`;
      const perElement = layout.components.length;
      await writeFile(path.join(folder, file), arrayOf(dtype, decodeNumbers(layout, data)));
      return { name, file, dtype, shape: perElement === 1 ? shape : [...shape, perElement] };
    }),
  );
}

function arrayOf(dtype: string, numbers: readonly ScalarValue[]): Uint8Array {
  const small = numbers as readonly number[];
  const large = numbers as readonly bigint[];
  switch (dtype) {
    case 'i64':
    case 'u64':
      return bytesOf(BigInt64Array.from(large.map((each) => BigInt.asIntN(64, each))));
    case 'i32':
      return bytesOf(Int32Array.from(small));
    case 'u32':
      return bytesOf(Uint32Array.from(small));
    case 'i16':
      return bytesOf(Int16Array.from(small));
    case 'u16':
      return bytesOf(Uint16Array.from(small));
    case 'i8':
      return bytesOf(Int8Array.from(small));
    case 'u8':
    case 'bool':
      return Uint8Array.from(small);
    default:
      return bytesOf(Float32Array.from(small));
  }
}

function bytesOf(array: ArrayBufferView): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** One record for one element, a list for several. */
function records(layout: Layout, data: Uint8Array): unknown {
  const count = data.byteLength / layout.size;
  const all = Array.from({ length: count }, (_, index) =>
    record(layout, data.subarray(index * layout.size, (index + 1) * layout.size)),
  );
  return count === 1 ? all[0] : all;
}

function record(layout: Layout, data: Uint8Array): unknown {
  if (layout.fields === undefined) {
    const numbers = decodeNumbers(layout, data).map(Number);
    return numbers.length === 1 ? numbers[0] : numbers;
  }
  return Object.fromEntries(
    layout.fields.map(({ name, offset, layout: own }) => [
      name,
      record(own, data.subarray(offset, offset + own.size)),
    ]),
  );
}

function execute(
  [program = '', ...parameters]: readonly string[],
  { where, reference, folder }: ReferenceRequest,
  { timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }: ReferenceTools,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    const log: Buffer[] = [];
    const fail = (message: string, cause?: unknown): void => {
      reject(
        new MoegenError('test/reference-failed', message, {
          ...{ where, kind: 'answer', cause },
          ...(log.length > 0 && { log: Buffer.concat(log).toString('utf8').slice(-LARGEST_LOG) }),
        }),
      );
    };
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
    }, timeoutSeconds * 1000);
    child.stdout.on('data', (chunk: Buffer) => log.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => log.push(chunk));
    child.on('error', (cause) => {
      clearTimeout(timer);
      fail(`the reference '${reference}' needs '${program}', which cannot be run`, cause);
    });
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (code === 0) resolve();
      else if (signal === 'SIGKILL')
        fail(`the reference '${reference}' took more than ${timeoutSeconds} seconds`);
      else fail(`the reference '${reference}' failed`);
    });
  });
}

/** Of what a reference printed, the end. */
const LARGEST_LOG = 10_000;

const READERS: Readonly<Record<'float' | 'signed' | 'unsigned', (bytes: ArrayBuffer) => ScalarValue[]>> = {
  float: (bytes) => [...new Float64Array(bytes)],
  signed: (bytes) => [...new BigInt64Array(bytes)],
  unsigned: (bytes) => [...new BigUint64Array(bytes)],
};

async function readOutputs(
  { outputs, job, contents, reference, where }: ReferenceRequest,
  folder: string,
): Promise<Map<string, readonly ScalarValue[]>> {
  const answer = JSON.parse(await readFile(path.join(folder, 'response.json'), 'utf8')) as {
    readonly outputs: Readonly<
      Record<string, { readonly file: string; readonly kind: keyof typeof READERS }>
    >;
  };
  const entries = outputs.map(async (key): Promise<[string, readonly ScalarValue[]]> => {
    const name = nameOf(key, job);
    const given = answer.outputs[name];
    const fault = (message: string): MoegenError =>
      new MoegenError('test/reference-failed', `the reference '${reference}' ${message}`, {
        where,
        kind: 'answer',
      });
    if (given === undefined) throw fault(`gives no '${name}'`);
    const bytes = Uint8Array.from(await readFile(path.join(folder, given.file)));
    const numbers = READERS[given.kind](bytes.buffer);
    const { layout, byteLength } = contents.get(key) ?? {};
    const wanted = layout === undefined ? 0 : ((byteLength ?? 0) / layout.size) * layout.components.length;
    if (numbers.length !== wanted)
      throw fault(`gives ${numbers.length} numbers for '${name}', which has ${wanted}`);
    return [key, numbers];
  });
  return new Map(await Promise.all(entries));
}
