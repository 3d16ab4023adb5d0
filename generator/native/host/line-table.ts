// Finds the source line of an address in a compiled library: reads the DWARF line table (version 5) of an ELF file. Other
// formats have no table here; reports then do without lines.

import { readFileSync } from 'node:fs';

import { ByteReader } from './byte-reader.js';
import { readSections, type Sections } from './elf.js';
import { LIBRARY_FILE } from '../../compile/representation/lines.js';
import { readHeader, type LineHeader } from './line-header.js';

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

/** Columns are those of the text that the compiler got: they tell places of one line apart. */
export interface SourcePlace extends SourceLine {
  readonly column: number;
}

interface Row extends SourcePlace {
  readonly address: number;
  /** The first address after a stretch of code. */
  readonly isEnd: boolean;
}

/** The line of the program at an offset in the library; code of the Metal library counts as the line that uses it. */
export type LineFinder = (offset: number) => SourcePlace | undefined;

const finders = new Map<string, LineFinder>();

export function lineFinder(library: string): LineFinder {
  const known = finders.get(library);
  if (known) return known;
  const sections = readSections(readFileSync(library));
  const rows = sections ? readRows(sections) : [];
  const finder: LineFinder = (offset) => find(rows, offset);
  finders.set(library, finder);
  return finder;
}

/** The program's file in which a line has code, and how many lines its longest file has. */
export interface FileLines {
  readonly fileOf: (line: number) => string | undefined;
  readonly count: number;
}

export function fileLines(library: string): FileLines {
  const sections = readSections(readFileSync(library));
  const rows = (sections ? readRows(sections) : []).filter(({ file }) => !LIBRARY_FILE.test(file));
  return {
    fileOf: (line) => rows.find((row) => row.line === line)?.file,
    count: rows.reduce((most, { line }) => Math.max(most, line), 0),
  };
}

function find(rows: readonly Row[], offset: number): SourcePlace | undefined {
  let index = rows.findLastIndex((row) => row.address <= offset);
  while (index >= 0) {
    const row = rows[index];
    if (!row || row.isEnd) return undefined;
    const { file, line, column } = row;
    if (!LIBRARY_FILE.test(file) && line > 0) return { file, line, column };
    index -= 1;
  }
  return undefined;
}

function readRows(sections: Sections): Row[] {
  const rows: Row[] = [];
  const reader = new ByteReader(sections.line);
  while (reader.offset < sections.line.byteLength) {
    const header = readHeader(reader, sections);
    if (!header) break;
    runProgram(reader, header, rows);
    reader.offset = header.end;
  }
  return sortSequences(rows);
}

/** Sequences in the order of their addresses; rows within one are in order already. */
function sortSequences(rows: readonly Row[]): Row[] {
  const sequences: Row[][] = [];
  let current: Row[] = [];
  for (const row of rows) {
    current.push(row);
    if (!row.isEnd) continue;
    sequences.push(current);
    current = [];
  }
  return sequences.sort((a, b) => (a[0]?.address ?? 0) - (b[0]?.address ?? 0)).flat();
}

interface Registers {
  address: number;
  file: number;
  line: number;
  column: number;
}

/** Runs the line number program, which writes one row per change of line. */
function runProgram(reader: ByteReader, header: LineHeader, rows: Row[]): void {
  const registers: Registers = { address: 0, file: 1, line: 1, column: 0 };
  const emit = (isEnd: boolean): void => {
    const file = header.files[registers.file] ?? '';
    const { address, line, column } = registers;
    rows.push({ address, file, line, column, isEnd });
  };
  while (reader.offset < header.end) {
    const opcode = reader.u8();
    if (opcode >= header.opcodeBase) {
      const adjusted = opcode - header.opcodeBase;
      registers.address += Math.floor(adjusted / header.lineRange) * header.minimumInstruction;
      registers.line += header.lineBase + (adjusted % header.lineRange);
      emit(false);
    } else if (opcode === 0) {
      runExtended(reader, registers, emit);
    } else {
      runStandard(opcode, reader, header, registers, emit);
    }
  }
}

function runExtended(reader: ByteReader, registers: Registers, emit: (isEnd: boolean) => void): void {
  const length = reader.uleb();
  const end = reader.offset + length;
  const opcode = reader.u8();
  if (opcode === 1) {
    emit(true);
    Object.assign(registers, { address: 0, file: 1, line: 1, column: 0 });
  } else if (opcode === 2) {
    registers.address = reader.u64();
  }
  reader.offset = end;
}

function runStandard(
  opcode: number,
  reader: ByteReader,
  header: LineHeader,
  registers: Registers,
  emit: (isEnd: boolean) => void,
): void {
  switch (opcode) {
    case 1:
      emit(false);
      break;
    case 2:
      registers.address += reader.uleb() * header.minimumInstruction;
      break;
    case 3:
      registers.line += reader.sleb();
      break;
    case 4:
      registers.file = reader.uleb();
      break;
    case 5:
      registers.column = reader.uleb();
      break;
    case 8:
      registers.address +=
        Math.floor((255 - header.opcodeBase) / header.lineRange) * header.minimumInstruction;
      break;
    case 9:
      registers.address += reader.u16();
      break;
    default:
      // Flags and the like.
      for (let i = 0; i < (header.operandCounts[opcode - 1] ?? 0); i += 1) reader.uleb();
  }
}
