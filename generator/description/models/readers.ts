// The leaves of the model table: what a row writes where a value comes out of the configuration. A reader turns a
// configuration, as one layer sees it, into a value; a template is a value in which readers may stand for any part.

import type { Activation } from '../block.js';
import {
  findValue,
  invalidValue,
  optionalValue,
  requireValue,
  valueAt,
  type Keys,
  type LayerConfig,
} from './config.js';

export type Reader<T> = (config: LayerConfig) => T;

export type Template<T> =
  | ((config: LayerConfig) => Template<T>)
  | (T extends object ? { readonly [K in keyof T]: Template<T[K]> } : T);

/** Calls every reader in a template. */
export function resolveTemplate(template: unknown, config: LayerConfig): unknown {
  if (typeof template === 'function') {
    return resolveTemplate((template as Reader<unknown>)(config), config);
  }
  if (Array.isArray(template)) return template.map((part) => resolveTemplate(part, config));
  if (typeof template !== 'object' || template === null) return template;
  const entries = Object.entries(template).map(
    ([key, part]) => [key, resolveTemplate(part, config)] as const,
  );
  return Object.fromEntries(entries);
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 1;
const isNatural = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isReal = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isFlag = (value: unknown): value is boolean => typeof value === 'boolean';
const isText = (value: unknown): value is string => typeof value === 'string';
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value);

/** A size: there is no default for it. */
export function count(keys: Keys): Reader<number> {
  return (config) => requireValue(config, keys, 'a whole number of at least 1', isCount);
}

/** A size, or a list with one for each layer. */
export function countPerLayer(keys: Keys): Reader<number> {
  return (config) => {
    const found = findValue(config, keys);
    if (found === null || !isList(found.value)) return count(keys)(config);
    const entry = found.value[config.layer];
    const key = `${found.key}[${config.layer}]`;
    if (!isCount(entry)) throw invalidValue(config, key, 'a whole number of at least 1', entry);
    return entry;
  };
}

/** The one of a list with one for each pool of experts; or the value itself. */
export function ofPool<T>(key: string, reader: (keys: Keys) => Reader<T>): Reader<T> {
  return (config) => {
    const found = findValue(config, key);
    return reader(found !== null && isList(found.value) ? `${key}.${config.pool}` : key)(config);
  };
}

/** That of the first pool, whatever the pool. */
export function ofFirstPool<T>(reader: Reader<T>): Reader<T> {
  return (config) => reader({ ...config, pool: 0 });
}

/** A number, or a list with one for each layer. */
export function naturalPerLayer(keys: Keys, ifAbsent: number): Reader<number> {
  return (config) => {
    const found = findValue(config, keys);
    if (found === null || !isList(found.value)) return natural(keys, ifAbsent)(config);
    const entry = found.value[config.layer];
    if (!isNatural(entry))
      throw invalidValue(config, `${found.key}[${config.layer}]`, 'a whole number', entry);
    return entry;
  };
}

/** The value of the first reader whose key the file has. */
export function firstOf<T>(key: string, reader: (keys: Keys) => Reader<T>, otherwise: Reader<T>): Reader<T> {
  return (config) => (findValue(config, key) === null ? otherwise : reader(key))(config);
}

/** Refuses a value of the key that is not one of those that the block can be described with. */
export function only<T>(reader: Reader<T>, key: string, allowed: T): Reader<T> {
  return (config) => {
    const value = reader(config);
    if (value !== allowed) throw invalidValue(config, key, JSON.stringify(allowed), value);
    return value;
  };
}

/** How many there are, perhaps none. */
export function natural(keys: Keys, ifAbsent: number): Reader<number> {
  return (config) => optionalValue(config, keys, 'a whole number', isNatural) ?? ifAbsent;
}

export function real(keys: Keys, ifAbsent: number): Reader<number> {
  return (config) => optionalValue(config, keys, 'a number', isReal) ?? ifAbsent;
}

export function flag(keys: Keys, ifAbsent: boolean): Reader<boolean> {
  return (config) => optionalValue(config, keys, 'true or false', isFlag) ?? ifAbsent;
}

/** The file has the key, and null under it. */
export function isNull(key: string): Reader<boolean> {
  return (config) => valueAt(config.values, key) === null;
}

export function when<A, B>(condition: Reader<boolean>, then: A, otherwise: B): Reader<A | B> {
  return (config) => (condition(config) ? then : otherwise);
}

/** The part of the template that the text under the key stands for. */
export function choice<const T>(keys: Keys, table: Readonly<Record<string, T>>, ifAbsent: string): Reader<T> {
  return (config) => {
    const names = Object.keys(table);
    const isName = (value: unknown): value is string => isText(value) && names.includes(value);
    const expected = `one of ${names.map((name) => `"${name}"`).join(', ')}`;
    const name = optionalValue(config, keys, expected, isName) ?? ifAbsent;
    return table[name] as T;
  };
}

/** The names that transformers gives to activation functions. */
const ACTIVATION_NAMES: Readonly<Record<string, Activation>> = {
  silu: 'silu',
  swish: 'silu',
  gelu: 'gelu',
  gelu_python: 'gelu',
  gelu_new: 'gelu_tanh',
  gelu_fast: 'gelu_tanh',
  gelu_accurate: 'gelu_tanh',
  gelu_pytorch_tanh: 'gelu_tanh',
  gelu_python_tanh: 'gelu_tanh',
  gelu_tanh: 'gelu_tanh',
  relu: 'relu',
  relu2: 'relu2',
};

export function activation(keys: Keys, ifAbsent: Activation): Reader<Activation> {
  return choice(keys, ACTIVATION_NAMES, ifAbsent);
}

/** The layer's entry of a list, or null where the list, or a limit in it, is absent or 0. */
export function layerLimit(key: string): Reader<number | null> {
  return (config) => {
    const list = optionalValue(config, key, 'a list with one limit for each layer', isList);
    if (list === null) return null;
    const limit = list[config.layer];
    if (limit === null || limit === 0) return null;
    if (!isReal(limit) || limit < 0) {
      throw invalidValue(config, `${key}[${config.layer}]`, 'a positive number, 0 or null', limit);
    }
    return limit;
  };
}

export function textList(keys: Keys, values: readonly string[]): Reader<readonly string[] | null> {
  const expected = `a list of ${values.map((value) => `"${value}"`).join(', ')}`;
  const isTextList = (value: unknown): value is readonly string[] =>
    isList(value) && value.every((entry) => isText(entry) && values.includes(entry));
  return (config) => optionalValue(config, keys, expected, isTextList);
}

export function naturalList(keys: Keys): Reader<readonly number[] | null> {
  const isNaturalList = (value: unknown): value is readonly number[] =>
    isList(value) && value.every(isNatural);
  return (config) => optionalValue(config, keys, 'a list of whole numbers', isNaturalList);
}

export function text(keys: Keys): Reader<string | null> {
  return (config) => optionalValue(config, keys, 'a text', isText);
}
