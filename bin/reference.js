// Calls a function of a JavaScript or TypeScript file for `moegen test`: node reference.js REQUEST.json. Arrays come as typed
// arrays, flat, under the names of the buffers; the answer goes beside the request.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const ARRAYS = {
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f32: Float32Array,
  bool: Uint8Array,
};

const requestFile = process.argv[2] ?? '';
const folder = path.dirname(requestFile);
const request = JSON.parse(readFileSync(requestFile, 'utf8'));

/** Node runs TypeScript from version 22.18 on; before, the compiler is taken from where the file lies. */
async function load(file) {
  if (!/\.m?ts$/.test(file) || process.features.typescript) return import(pathToFileURL(file).href);
  let typescript;
  try {
    typescript = createRequire(file)('typescript');
  } catch {
    throw new Error(
      `Node ${process.versions.node} runs no TypeScript: use 22.18 or newer, or install typescript beside ${file}`,
    );
  }
  const { ModuleKind, ScriptTarget } = typescript;
  const compilerOptions = { module: ModuleKind.ESNext, target: ScriptTarget.ES2022 };
  const { outputText } = typescript.transpileModule(readFileSync(file, 'utf8'), { compilerOptions });
  const compiled = path.join(folder, 'reference.mjs');
  writeFileSync(compiled, outputText);
  return import(pathToFileURL(compiled).href);
}

function received({ file, dtype, value }) {
  if (file === undefined) return value;
  const bytes = Uint8Array.from(readFileSync(path.join(folder, file)));
  return new ARRAYS[dtype](bytes.buffer);
}

/** Numbers of lists and arrays, one after the other. */
function flat(value) {
  if (ArrayBuffer.isView(value)) return Array.from(value);
  return Array.isArray(value) ? value.flatMap(flat) : [value];
}

const KINDS = { float: Float64Array, signed: BigInt64Array, unsigned: BigUint64Array };

/** As 64-bit numbers: whole ones where all of them are bigint, else floats. */
function sent(name, value) {
  const numbers = flat(value);
  const isWhole = numbers.length > 0 && numbers.every((each) => typeof each === 'bigint');
  const kind = !isWhole ? 'float' : numbers.some((each) => each >= 2n ** 63n) ? 'unsigned' : 'signed';
  const array = KINDS[kind].from(isWhole ? numbers : numbers.map(Number));
  const file = `${name}.out`;
  writeFileSync(path.join(folder, file), new Uint8Array(array.buffer));
  return { file, kind };
}

const module = await load(request.file);
const reference = module[request.function] ?? module.default?.[request.function];
if (typeof reference !== 'function')
  throw new Error(`${request.file} exports no function '${request.function}'`);
const buffers = Object.fromEntries(request.buffers.map((buffer) => [buffer.name, received(buffer)]));
const shapes = Object.fromEntries(request.buffers.map(({ name, shape }) => [name, shape]));
const result = await reference(buffers, { shapes, constants: request.constants });
const isRecord =
  typeof result === 'object' && result !== null && !Array.isArray(result) && !ArrayBuffer.isView(result);
const named = isRecord ? result : { [request.outputs[0] ?? '']: result };
const outputs = Object.fromEntries(
  request.outputs.filter((name) => named[name] !== undefined).map((name) => [name, sent(name, named[name])]),
);
writeFileSync(path.join(folder, 'response.json'), JSON.stringify({ outputs }));
process.exit(0);
