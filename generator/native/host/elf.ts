// Finds the sections of a 64-bit ELF file that hold the line table.

import { ByteReader } from './byte-reader.js';

export interface Sections {
  readonly line: Uint8Array;
  readonly lineText: Uint8Array;
  readonly text: Uint8Array;
}

const MAGIC = 0x464c457f;
const SECTION_TABLE = 0x28;
const SECTION_COUNT = 0x3c;

/** Undefined where the file is no ELF file, or has no line table. */
export function readSections(file: Uint8Array): Sections | undefined {
  const reader = new ByteReader(file);
  if (file.byteLength < 64 || reader.u32() !== MAGIC) return undefined;
  reader.offset = SECTION_TABLE;
  const table = reader.u64();
  reader.offset = SECTION_COUNT;
  const count = reader.u16();
  const namesIndex = reader.u16();
  const headers = Array.from({ length: count }, (_, index) => readSectionHeader(reader, table + index * 64));
  const names = headers[namesIndex];
  if (!names) return undefined;
  const section = (wanted: string): Uint8Array => {
    const header = headers.find((candidate) => {
      reader.offset = names.offset + candidate.name;
      return reader.text() === wanted;
    });
    return header ? file.subarray(header.offset, header.offset + header.size) : new Uint8Array();
  };
  const line = section('.debug_line');
  if (line.byteLength === 0) return undefined;
  return { line, lineText: section('.debug_line_str'), text: section('.debug_str') };
}

function readSectionHeader(
  reader: ByteReader,
  offset: number,
): { readonly name: number; readonly offset: number; readonly size: number } {
  reader.offset = offset;
  const name = reader.u32();
  reader.offset = offset + 24;
  return { name, offset: reader.u64(), size: reader.u64() };
}
