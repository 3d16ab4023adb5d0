// How the elements of a kernel's arguments lie in memory: asks the compiler, which knows all templates and constants.

import { compilerLog } from './compiler-log.js';
import { hasErrors, metalWords } from './diagnostics.js';
import { compileFlags } from './flags.js';
import { ELEMENT_NAME } from './frontend/entries.js';
import { compileStock, type StockOptions } from './front.js';
import { hostProcessor } from './host.js';
import { precompiledHeader } from './pch.js';
import { runProcess } from './process.js';
import type { CompileOutcome, MslSource } from './types.js';

/** A field of a struct; offsets in bytes. */
export interface StructField {
  readonly name: string;
  /** As Metal calls it: `float3`, `packed_half4`, `uchar[32]`. */
  readonly type: string;
  /** From the start of the struct that it is a field of. */
  readonly offset: number;
  /** Of bit fields: the first and the last bit from the offset on. */
  readonly bits?: readonly [number, number];
  /** Of structs. */
  readonly fields?: readonly StructField[];
}

export interface ElementLayout {
  readonly type: string;
  /** 0 where the type has none, as `void`. */
  readonly size: number;
  /** Of structs and unions. */
  readonly alignment?: number;
  readonly fields?: readonly StructField[];
}

/** By kernel, then by the place of the parameter in its list. */
export type ArgumentLayouts = Readonly<Record<string, Readonly<Record<number, ElementLayout>>>>;

interface LayoutLibrary {
  readonly path: string;
  readonly layouts: ArgumentLayouts;
}

/** What the compiler says of all kernels that it accepts; nothing is built. */
export async function compileLayouts(
  source: MslSource,
  options: StockOptions = {},
): Promise<CompileOutcome<LayoutLibrary>> {
  const processor = hostProcessor();
  const dumps = ['-Xclang', '-ast-dump', '-Xclang', `-ast-dump-filter=${ELEMENT_NAME}`];
  const flags = [...compileFlags('host', processor), '-fsyntax-only', ...dumps];
  const records = ['-Xclang', '-fdump-record-layouts-complete'];
  return compileStock<LayoutLibrary>(source, options, {
    target: 'host',
    compileTarget: 'host',
    processor,
    flags,
    namesElements: true,
    build: async ({ clang, cacheDir, translation }) => {
      const header = await precompiledHeader(clang, 'host', processor, cacheDir);
      const reader = new LayoutReader();
      const { code, stderr } = await runProcess(
        [...clang.command, ...flags, ...records, '-include-pch', header, '-'],
        {
          input: translation.program + translation.storage + translation.entries.join(''),
          onRow: (row) => {
            reader.read(row);
          },
        },
      );
      if (code !== 0 || hasErrors(stderr)) return compilerLog(clang, code, stderr);
      return { library: { path: header, layouts: reader.layouts(translation.entryNames) } };
    },
  });
}

interface RecordLayout {
  readonly size: number;
  readonly alignment: number;
  readonly fields: readonly StructField[];
}

interface DraftField {
  readonly depth: number;
  readonly name: string;
  readonly type: string;
  readonly offset: number;
  readonly bits?: readonly [number, number];
}

/** `  16 |   half4 factors`, `80:0-4 |   uint low`. */
const FIELD = /^ *(\d+)(?::(\d+)-(\d+))? \| ( *)(.*)$/u;
const SIZES = /^ *\| \[sizeof=(\d+), .*?\balign=(\d+),/u;
const ELEMENT = new RegExp(`${ELEMENT_NAME}(\\d+)_(\\d+)(_size)?`, 'u');

class LayoutReader {
  private readonly records = new Map<string, RecordLayout>();
  private readonly types = new Map<string, string>();
  private readonly sizes = new Map<string, number>();
  private record: { name: string; fields: DraftField[] } | undefined;
  private sized: string | undefined;

  read(row: string): void {
    const field = FIELD.exec(row);
    if (field) this.readField(field);
    else if (row.startsWith('TypedefDecl')) this.readType(row);
    else if (row.startsWith('EnumConstantDecl')) this.sized = ELEMENT.exec(row)?.[0];
    else if (this.sized !== undefined) this.readSize(row);
    const end = SIZES.exec(row);
    if (end && this.record) {
      const [, size, alignment] = end;
      this.records.set(this.record.name, {
        ...{ size: Number(size), alignment: Number(alignment) },
        fields: nested(this.record.fields, 1),
      });
      this.record = undefined;
    }
  }

  private readField([, offset, first, last, indent = '', text = '']: RegExpExecArray): void {
    const depth = indent.length / 2;
    if (depth === 0) {
      this.record = { name: plainType(text.replace(/ \(empty\)$/u, '')), fields: [] };
      return;
    }
    const [, type = text, name = ''] = /^(.*?) ?(\w*)$/u.exec(text) ?? [];
    const bits = first === undefined ? {} : { bits: [Number(first), Number(last)] as const };
    this.record?.fields.push({ depth, name, type: plainType(type), offset: Number(offset), ...bits });
  }

  private readType(row: string): void {
    const name = ELEMENT.exec(row)?.[0];
    const type = /:'([^']*)'$/u.exec(row)?.[1];
    if (name !== undefined && type !== undefined) this.types.set(name, plainType(type));
  }

  private readSize(row: string): void {
    const value = /value: Int (\d+)/u.exec(row)?.[1];
    if (value === undefined || this.sized === undefined) return;
    this.sizes.set(this.sized, Number(value));
    this.sized = undefined;
  }

  layouts(kernels: readonly string[]): ArgumentLayouts {
    const result: Record<string, Record<number, ElementLayout>> = {};
    for (const [name, type] of this.types) {
      const [, index, position] = ELEMENT.exec(name) ?? [];
      const kernel = kernels[Number(index)];
      if (kernel === undefined) continue;
      const record = isLibrary(type) ? undefined : this.records.get(type);
      (result[kernel] ??= {})[Number(position)] = {
        type,
        size: this.sizes.get(`${name}_size`) ?? 0,
        ...(record && { alignment: record.alignment, fields: this.fieldsOf(record.fields) }),
      };
    }
    return result;
  }

  /** Fields of structs that stand in arrays are looked up by the array's type. */
  private fieldsOf(fields: readonly StructField[]): StructField[] {
    return fields.map(({ fields: own, ...field }) => {
      const inner = own ?? this.fieldsOfArray(field.type);
      if (isLibrary(field.type) || inner === undefined) return field;
      return { ...field, fields: this.fieldsOf(inner) };
    });
  }

  /** Elements of arrays go by the name that the program gives them there. */
  private fieldsOfArray(type: string): readonly StructField[] | undefined {
    const [, name] = /^([^[\]]+)(?:\[\d+\])+$/u.exec(type) ?? [];
    if (name === undefined) return undefined;
    const found = [...this.records].filter(([full]) => full === name || full.endsWith(`::${name}`));
    return found.length === 1 ? found[0]?.[1].fields : undefined;
  }
}

/** The deeper fields that follow one are its own. */
function nested(drafts: readonly DraftField[], depth: number): StructField[] {
  const fields: StructField[] = [];
  drafts.forEach(({ depth: at, ...field }, index) => {
    if (at !== depth) return;
    const rest = drafts.slice(index + 1);
    const end = rest.findIndex((other) => other.depth <= depth);
    const own = end < 0 ? rest : rest.slice(0, end);
    const inner = nested(
      own.map((each) => ({ ...each, offset: each.offset - field.offset })),
      depth + 1,
    );
    fields.push(inner.length === 0 ? field : { ...field, fields: inner });
  });
  return fields;
}

/** Metal's own types are no structs of the program. */
function isLibrary(type: string): boolean {
  return /^(?:(?:packed_)?(?:bool|u?char|u?short|u?int|u?long|half|bfloat|float)[234]?(?:x[234])?|atomic_\w+|metal::.*)(?:\[\d+\])*$/u.test(
    type,
  );
}

function plainType(type: string): string {
  return metalWords(type)
    .replace(/\b(?:struct|union|class|enum) /gu, '')
    .replace(/\b_Bool\b/gu, 'bool')
    .replace(/\b__fp16\b/gu, 'half')
    .replace(/\b(?:metal::)?vec<(\w+), ([234])>/gu, '$1$2')
    .replace(/\b(?:metal::)?packed_vec<(\w+), ([234])>/gu, 'packed_$1$2')
    .replace(/\b(?:metal::)?matrix<(\w+), ([234]), ([234])>/gu, '$1$2x$3')
    .replace(/\b(?:metal::)?atomic<(\w+)>/gu, 'atomic_$1')
    .replace(/\b(?:metal::)?array<(\w+), (\d+)>/gu, '$1[$2]')
    .replace(/\(?(?:anonymous|unnamed)[^()]* at [^()]*\)?/gu, '(unnamed)')
    .trim();
}
