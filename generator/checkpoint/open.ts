// A checkpoint, in one file or in shards, in safetensors or GGUF: its tensors by name, none of which is loaded.

import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { MoegenError } from '../errors.js';
import { corrupt, openFile, type ByteSource } from './byte-source.js';
import { describeValue, readGgufHeader, type GgufHead, type GgufValue } from './gguf.js';
import { readSafetensorsHeader } from './safetensors.js';
import type { Tensor } from './tensor.js';

export interface Checkpoint {
  readonly kind: 'safetensors' | 'gguf';
  /** The files that were opened. */
  readonly files: readonly string[];
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Of GGUF, the first file's; of safetensors, that of all files. */
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** Of the first file of GGUF. */
  readonly head: GgufHead | null;
  close(): Promise<void>;
}

const INDEX = 'model.safetensors.index.json';

/**
 * `location` is a .safetensors or .gguf file, one of several .gguf shards, an index of shards, or a folder that holds one of these.
 * Throws `checkpoint/not-found`, `checkpoint/corrupt`, `checkpoint/truncated`, `checkpoint/shards` or `checkpoint/unreadable`.
 */
export async function openCheckpoint(location: string): Promise<Checkpoint> {
  const file = await fileAt(location);
  const sources: ByteSource[] = [];
  const opened = async (name: string) => {
    const source = await openFile(name);
    sources.push(source);
    return source;
  };
  const close = async () => {
    await Promise.all(sources.map((source) => source.close()));
  };
  try {
    const content = file.endsWith('.gguf')
      ? await openGguf(file, opened)
      : await openSafetensors(file, opened);
    return { ...content, files: sources.map(({ where }) => where), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Open = (file: string) => Promise<ByteSource>;
type Content = Pick<Checkpoint, 'kind' | 'tensors' | 'metadata' | 'head'>;

/** The file, or what of a folder to open. */
async function fileAt(location: string): Promise<string> {
  const entry = await stat(location).catch(() => null);
  if (entry === null) throw notFound(location, 'nothing is there');
  if (!entry.isDirectory()) {
    if (/\.(safetensors|gguf|safetensors\.index\.json)$/.test(location)) return location;
    throw notFound(location, 'the ending of its name is none of theirs');
  }
  const names = (await readdir(location)).sort();
  const candidates = [
    names.filter((name) => name === INDEX),
    names.filter((name) => name.endsWith('.safetensors')),
    names.filter((name) => name.endsWith('.gguf') && (shardOf(name)?.number ?? 1) === 1),
  ].find((each) => each.length > 0);
  if (candidates === undefined) throw notFound(location, 'the folder holds none');
  const [first = '', ...others] = candidates;
  if (others.length === 0) return path.join(location, first);
  throw notFound(location, `the folder holds ${candidates.join(', ')} and no ${INDEX}`);
}

function notFound(where: string, reason: string): MoegenError {
  return new MoegenError(
    'checkpoint/not-found',
    `expected a checkpoint in safetensors or GGUF, but ${reason}`,
    {
      where,
      help: 'name the file, the index or the folder of a checkpoint',
    },
  );
}

function wrongShards(where: string, reason: string): MoegenError {
  return new MoegenError('checkpoint/shards', `expected all shards of one checkpoint, but ${reason}`, {
    where,
    help: 'fetch the missing files, or all of them again',
  });
}

const indexSchema = z.object({ weight_map: z.record(z.string(), z.string()) });

async function openSafetensors(file: string, open: Open): Promise<Content> {
  const weightMap = file.endsWith('.json') ? await readIndex(file) : null;
  const files = weightMap === null ? [file] : [...new Set(weightMap.values())];
  const tensors = new Map<string, Tensor>();
  const metadata = new Map<string, string>();
  for (const shard of files) {
    const content = await readSafetensorsHeader(await open(shard));
    for (const [key, value] of Object.entries(content.metadata)) metadata.set(key, value);
    for (const tensor of content.tensors) {
      // The index decides where several shards hold a tensor.
      if (weightMap === null || weightMap.get(tensor.name) === shard) tensors.set(tensor.name, tensor);
    }
  }
  for (const [name, shard] of weightMap ?? []) {
    if (!tensors.has(name)) throw wrongShards(file, `${path.basename(shard)} does not hold tensor "${name}"`);
  }
  return { kind: 'safetensors', tensors, metadata, head: null };
}

/** The path of the file of each tensor. */
async function readIndex(file: string): Promise<ReadonlyMap<string, string>> {
  let index: unknown;
  try {
    index = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw corrupt('JSON index', cause instanceof Error ? cause.message : String(cause), file, cause);
  }
  const parsed = indexSchema.safeParse(index);
  if (!parsed.success) throw corrupt('JSON index', z.prettifyError(parsed.error), file);
  const folder = path.dirname(file);
  const entries = Object.entries(parsed.data.weight_map).map(([name, shard]) => {
    // Whoever wrote the index does not choose files outside its folder.
    if (shard !== path.basename(shard) || !shard.endsWith('.safetensors')) {
      throw wrongShards(file, `tensor "${name}" is said to lie in "${shard}"`);
    }
    return [name, path.join(folder, shard)] as const;
  });
  const present = new Set(await readdir(folder));
  const missing = [...new Set(Object.values(parsed.data.weight_map))].filter((shard) => !present.has(shard));
  if (missing.length > 0) throw wrongShards(file, `${missing.join(', ')} is missing`);
  return new Map(entries);
}

interface Shard {
  readonly stem: string;
  readonly number: number;
  readonly count: number;
}

/** Of a name such as model-00001-of-00003.gguf. */
function shardOf(name: string): Shard | null {
  const match = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/.exec(name);
  return match === null ? null : { stem: match[1] ?? '', number: Number(match[2]), count: Number(match[3]) };
}

async function openGguf(file: string, open: Open): Promise<Content> {
  const shard = shardOf(path.basename(file));
  const files = shard === null ? [file] : await shardFiles(file, shard);
  const tensors = new Map<string, Tensor>();
  let metadata: ReadonlyMap<string, GgufValue> = new Map();
  let head: GgufHead | null = null;
  for (const [index, name] of files.entries()) {
    const content = await readGgufHeader(await open(name));
    const claimed = content.metadata.get('split.count') ?? 1;
    if (claimed !== files.length) {
      throw wrongShards(
        name,
        `it says that there are ${describeValue(claimed)} and its name stands for ${files.length}`,
      );
    }
    const number = content.metadata.get('split.no') ?? 0;
    if (number !== index)
      throw wrongShards(name, `it is number ${describeValue(number)} of them instead of ${index}`);
    if (index === 0) ({ metadata, head } = content);
    for (const tensor of content.tensors) {
      if (tensors.has(tensor.name))
        throw wrongShards(name, `tensor "${tensor.name}" is in an earlier one too`);
      tensors.set(tensor.name, tensor);
    }
  }
  return { kind: 'gguf', tensors, metadata, head };
}

async function shardFiles(file: string, { stem, count }: Shard): Promise<string[]> {
  const folder = path.dirname(file);
  const present = (await readdir(folder)).filter((name) => {
    const shard = shardOf(name);
    return shard?.stem === stem && shard.count === count;
  });
  const numbers = new Set(present.map((name) => shardOf(name)?.number));
  const missing = Array.from({ length: Math.min(count, present.length + 1) }, (_, index) => index + 1).find(
    (number) => !numbers.has(number),
  );
  if (missing !== undefined) throw wrongShards(file, `number ${missing} of ${count} is missing`);
  return present.sort().map((name) => path.join(folder, name));
}
