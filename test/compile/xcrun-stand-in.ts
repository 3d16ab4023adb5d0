// Executables named xcrun, xcodebuild, metal.exe and metallib.exe, in a folder of their own for a test's PATH. They write
// down how they were called, and behave as a machine's `Behaviour` says.

import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Behaviour {
  /** The TOOLCHAINS with which xcrun finds the compiler; nothing where it finds it without. */
  readonly toolchain?: string;
  /** What xcrun says when it does not find the compiler. */
  readonly missing?: string;
  /** The compiler's messages; it fails when there are some. */
  readonly errors?: string;
  readonly linkErrors?: string;
  /** What `xcodebuild -showComponent MetalToolchain` says. */
  readonly component?: string;
  /** What `xcrun clang++` says; it fails when it says something. */
  readonly clangErrors?: string;
  /** The file that `xcrun clang++` gives out as built. */
  readonly built?: string;
  /** Base64 of the metallib that the linker writes. */
  readonly metallib?: string;
}

export interface Call {
  readonly tool: string;
  readonly args: readonly string[];
  readonly toolchains: string | null;
  /** The compiler's input. */
  readonly input: string | null;
}

export interface StandIn {
  readonly env: Record<string, string>;
  readonly folder: string;
  calls(): Call[];
}

const SCRIPT = `
const fs = require('node:fs');
const path = require('node:path');
const behaviour = JSON.parse(fs.readFileSync(path.join(__dirname, 'behaviour.json'), 'utf8'));
const tool = path.basename(__filename);
const args = process.argv.slice(2);
const valueOf = (flag) => args[args.indexOf(flag) + 1];
const inner = tool === 'xcrun' ? args[2] : tool.replace('.exe', '');
const input = args.includes('-c') ? fs.readFileSync(valueOf('-c'), 'utf8') : null;
const toolchains = process.env.TOOLCHAINS ?? null;
fs.appendFileSync(path.join(__dirname, 'calls.jsonl'), JSON.stringify({ tool, args, toolchains, input }) + '\\n');
const fail = (text) => { process.stderr.write(text); process.exit(1); };
if (tool === 'xcodebuild') {
  if (behaviour.component === undefined) fail('xcodebuild: error: unknown component\\n');
  process.stdout.write(behaviour.component);
} else if (inner === 'clang++') {
  if (args.includes('--version')) process.stdout.write('Apple clang version 21.0.0\\n');
  else if (behaviour.clangErrors !== undefined) fail(behaviour.clangErrors);
  else fs.copyFileSync(behaviour.built, valueOf('-o'));
} else if (behaviour.missing !== undefined && (behaviour.toolchain ?? '-') !== toolchains) {
  fail(behaviour.missing);
} else if (args.includes('--version')) {
  process.stdout.write('Apple metal version 32023.883 (metalfe-32023.883)\\nTarget: air64-apple-darwin25.4.0\\n');
} else if (args.includes('-f')) {
  process.stdout.write('/Library/Toolchains/Metal.xctoolchain/usr/bin/metal\\n');
} else if (inner === 'metal') {
  if (behaviour.errors !== undefined) fail(behaviour.errors);
  fs.writeFileSync(valueOf('-o'), 'AIR');
} else {
  if (behaviour.linkErrors !== undefined) fail(behaviour.linkErrors);
  fs.writeFileSync(valueOf('-o'), Buffer.from(behaviour.metallib ?? '', 'base64'));
}
`;

export function makeStandIn(folder: string, tools: readonly string[], behaviour: Behaviour): StandIn {
  mkdirSync(folder, { recursive: true });
  for (const tool of tools) {
    const file = join(folder, tool);
    writeFileSync(file, `#!${process.execPath}\n${SCRIPT}`);
    chmodSync(file, 0o755);
  }
  writeFileSync(join(folder, 'behaviour.json'), JSON.stringify(behaviour));
  const log = join(folder, 'calls.jsonl');
  return {
    env: { PATH: folder },
    folder,
    calls: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line) as Call)
        : [],
  };
}

/** A metallib with these functions, type 2 being a kernel. */
export function metallibOf(functions: readonly { readonly name: string; readonly type: number }[]): Buffer {
  const entries = functions.map(({ name, type }) => {
    const tags = Buffer.concat([
      tag('NAME', Buffer.from(`${name}\0`)),
      tag('TYPE', Buffer.from([type])),
      tag('HASH', Buffer.alloc(32)),
      tag('OFFT', Buffer.alloc(24)),
      Buffer.from('ENDT'),
    ]);
    return Buffer.concat([uint32(tags.length + 4), tags]);
  });
  const header = Buffer.alloc(88);
  header.write('MTLB', 0, 'latin1');
  header.writeUInt16LE(0x8001, 4);
  const list = Buffer.concat([uint32(entries.length), ...entries]);
  header.writeBigUInt64LE(BigInt(header.length + list.length), 16);
  header.writeBigUInt64LE(BigInt(header.length), 24);
  header.writeBigUInt64LE(BigInt(list.length), 32);
  return Buffer.concat([header, list]);
}

function tag(name: string, value: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16LE(value.length);
  return Buffer.concat([Buffer.from(name), length, value]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
