// Values as JSON has them, into the bytes of a buffer and back.

import { MoegenError } from '../errors.js';
import type { Layout } from './layout.js';
import type { Scalar, ScalarValue } from './scalars.js';

/** A number, `"nan"`, `"inf"`, `"-inf"`, or a whole number in digits, which may be beyond 2^53. */
type GivenScalar = number | boolean | string;
export type GivenValue = GivenScalar | readonly GivenValue[] | { readonly [field: string]: GivenValue };

/** The bytes of elements one after the other; of structs each is a record of its fields. */
export function encodeValues(layout: Layout, given: GivenValue, where: string): Uint8Array<ArrayBuffer> {
  return layout.fields ? encodeRecords(layout, given, where) : encodeNumbers(layout, given, where);
}

function encodeRecords(layout: Layout, given: GivenValue, where: string): Uint8Array<ArrayBuffer> {
  const elements = isList(given) ? given : [given];
  const bytes = new Uint8Array(elements.length * layout.size);
  const view = new DataView(bytes.buffer);
  elements.forEach((element, index) => {
    writeElement(layout, element, view, index * layout.size, `${where}[${index}]`);
  });
  return bytes;
}

function encodeNumbers(layout: Layout, given: GivenValue, where: string): Uint8Array<ArrayBuffer> {
  const numbers = flatten(given);
  const perElement = layout.components.length;
  if (numbers.length % perElement !== 0) {
    throw wrongValue(
      `expected whole elements of ${perElement} numbers, got ${numbers.length} numbers`,
      where,
    );
  }
  const bytes = new Uint8Array((numbers.length / perElement) * layout.size);
  const view = new DataView(bytes.buffer);
  numbers.forEach((number, index) => {
    const component = layout.components[index % perElement];
    if (component === undefined) return;
    const offset = Math.floor(index / perElement) * layout.size + component.offset;
    writeScalar(component.scalar, number, view, offset, `${where}[${index}]`);
  });
  return bytes;
}

function writeElement(layout: Layout, given: GivenValue, view: DataView, at: number, where: string): void {
  if (layout.fields) {
    if (typeof given !== 'object' || isList(given)) {
      throw wrongValue(`expected the fields of a struct, got ${JSON.stringify(given)}`, where);
    }
    const names = layout.fields.map(({ name }) => name);
    const other = Object.keys(given).find((name) => !names.includes(name));
    if (other !== undefined) {
      throw wrongValue(`the struct has no field '${other}'; it has ${names.join(', ')}`, where);
    }
    for (const field of layout.fields) {
      const value = given[field.name];
      if (value === undefined) throw wrongValue(`the field '${field.name}' has no value`, where);
      writeElement(field.layout, value, view, at + field.offset, `${where}.${field.name}`);
    }
    return;
  }
  const numbers = flatten(given);
  const wanted = layout.components.length;
  // One number stands for all.
  if (numbers.length !== wanted && numbers.length !== 1) {
    throw wrongValue(`expected ${wanted} numbers, got ${numbers.length}`, where);
  }
  layout.components.forEach(({ scalar, offset }, index) => {
    const number = numbers[numbers.length === 1 ? 0 : index] ?? 0;
    writeScalar(scalar, number, view, at + offset, where);
  });
}

function writeScalar(scalar: Scalar, given: GivenScalar, view: DataView, at: number, where: string): void {
  const value = numberOf(given, where);
  if (scalar.range !== undefined) {
    const [least, most] = scalar.range;
    const isWhole = typeof value === 'bigint' || Number.isInteger(value);
    if (!isWhole || value < least || value > most) {
      throw wrongValue(`expected a whole number from ${least} to ${most}, got ${String(value)}`, where);
    }
  }
  scalar.write(view, at, value);
}

const WORDS: Readonly<Record<string, number>> = { nan: NaN, inf: Infinity, '-inf': -Infinity };

function numberOf(given: GivenScalar, where: string): ScalarValue {
  if (typeof given === 'number') return given;
  if (typeof given === 'boolean') return given ? 1 : 0;
  const word = given.trim().toLowerCase();
  const number = WORDS[word];
  if (number !== undefined) return number;
  if (/^-?\d{1,20}$/.test(word)) return BigInt(word);
  throw wrongValue(`expected a number, "nan", "inf", "-inf" or digits, got '${given}'`, where);
}

/** One element that every number of is the same. */
export function encodeFill(layout: Layout, fill: number, where: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(layout.size);
  const view = new DataView(bytes.buffer);
  for (const { scalar, offset } of layout.components) writeScalar(scalar, fill, view, offset, where);
  return bytes;
}

/** All numbers of a buffer's elements, without padding. */
export function decodeNumbers(layout: Layout, bytes: Uint8Array): ScalarValue[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = Math.floor(bytes.byteLength / layout.size);
  const numbers: ScalarValue[] = [];
  for (let element = 0; element < count; element += 1) {
    for (const { scalar, offset } of layout.components) {
      numbers.push(scalar.read(view, element * layout.size + offset));
    }
  }
  return numbers;
}

function flatten(given: GivenValue): GivenScalar[] {
  const numbers: GivenScalar[] = [];
  const pending: GivenValue[] = [given];
  // Nesting may be deep; the stack is not.
  while (pending.length > 0) {
    const value = pending.pop();
    if (value === undefined) break;
    if (isList(value)) for (let i = value.length - 1; i >= 0; i -= 1) pending.push(value[i] ?? 0);
    else if (typeof value === 'object') numbers.push(...Object.values(value).flatMap(flatten));
    else numbers.push(value);
  }
  return numbers;
}

function isList(value: GivenValue): value is readonly GivenValue[] {
  return Array.isArray(value);
}

function wrongValue(message: string, where: string): MoegenError {
  return new MoegenError('run/wrong-value', message, { where });
}
