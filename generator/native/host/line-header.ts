// The header of a DWARF 5 line table: the encoding of its program, and the names of the files.

import { isAbsolute, join } from 'node:path';

import { ByteReader } from './byte-reader.js';
import type { Sections } from './elf.js';

export interface LineHeader {
  readonly minimumInstruction: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operands of each standard opcode, from 1 on. */
  readonly operandCounts: readonly number[];
  readonly files: readonly string[];
  /** Where the table ends. */
  readonly end: number;
}

const VERSION = 5;

/** Undefined for a table of another version. The reader is left at the program. */
export function readHeader(reader: ByteReader, sections: Sections): LineHeader | undefined {
  const length = reader.u32();
  const end = reader.offset + length;
  if (reader.u16() !== VERSION) return undefined;
  reader.offset += 2;
  const headerLength = reader.u32();
  const program = reader.offset + headerLength;
  const minimumInstruction = reader.u8();
  reader.offset += 2;
  const lineBase = reader.i8();
  const lineRange = reader.u8();
  const opcodeBase = reader.u8();
  const operandCounts = Array.from({ length: opcodeBase - 1 }, () => reader.u8());
  const folders = readEntries(reader, sections);
  const files = readEntries(reader, sections).map(({ path, folder }) =>
    isAbsolute(path) ? path : join(folders[folder]?.path ?? '', path),
  );
  reader.offset = program;
  return { minimumInstruction, lineBase, lineRange, opcodeBase, operandCounts, files, end };
}

interface Entry {
  path: string;
  folder: number;
}

const CONTENT_PATH = 1;
const CONTENT_FOLDER = 2;

function readEntries(reader: ByteReader, sections: Sections): Entry[] {
  const formats = Array.from({ length: reader.u8() }, () => ({
    content: reader.uleb(),
    form: reader.uleb(),
  }));
  return Array.from({ length: reader.uleb() }, () => {
    const entry: Entry = { path: '', folder: 0 };
    for (const { content, form } of formats) {
      const value = readForm(reader, sections, form);
      if (content === CONTENT_PATH) entry.path = String(value);
      if (content === CONTENT_FOLDER) entry.folder = Number(value);
    }
    return entry;
  });
}

function readForm(reader: ByteReader, sections: Sections, form: number): string | number {
  switch (form) {
    case 0x05:
      return reader.u16();
    case 0x08:
      return reader.text();
    case 0x0b:
      return reader.u8();
    case 0x0e:
      return textAt(sections.text, reader.u32());
    case 0x0f:
      return reader.uleb();
    case 0x1e:
      // A checksum.
      reader.offset += 16;
      return 0;
    case 0x1f:
      return textAt(sections.lineText, reader.u32());
    default:
      throw new RangeError(`unknown form ${form} in a line table`);
  }
}

function textAt(section: Uint8Array, offset: number): string {
  const reader = new ByteReader(section);
  reader.offset = offset;
  return reader.text();
}
