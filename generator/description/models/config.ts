// The values of a model's config.json, looked up by key: every look-up states what it expects, and says so when the file has
// something else. A key may have aliases, and lie in a section (`ffn_config.moe_top_k`). null counts as absent.

import { MoegenError } from '../../errors.js';
import { misspelt } from './spelling.js';

export type ConfigValues = Readonly<Record<string, unknown>>;

/** A configuration as one layer sees it. */
export interface LayerConfig {
  readonly modelType: string;
  readonly values: ConfigValues;
  /** The configurations that wrap it. */
  readonly outer: readonly ConfigValues[];
  readonly layer: number;
  /** Which of the model's pools of experts. */
  readonly pool: number;
  /** The file, for messages. */
  readonly where: string;
  /** Collects the keys that are looked up, first parts of paths alone. */
  readonly asked: Set<string>;
}

/** A key with its aliases. */
export type Keys = string | readonly [string, ...string[]];

interface Found {
  readonly key: string;
  readonly value: unknown;
}

/** The value of the first of the keys that the file has; where it has several, they must agree. */
export function findValue(config: LayerConfig, keys: Keys): Found | null {
  for (const key of spellings(keys)) config.asked.add(key.split('.', 1)[0] ?? key);
  const found = spellings(keys)
    .map((key) => ({ key, value: valueAt(config.values, key) }))
    .filter(({ value }) => value !== undefined && value !== null);
  const [first, ...others] = found;
  const rival = others.find(({ value }) => JSON.stringify(value) !== JSON.stringify(first?.value));
  if (first !== undefined && rival !== undefined) {
    const values = `${JSON.stringify(first.value)} and ${JSON.stringify(rival.value)}`;
    throw new MoegenError(
      'spec/ambiguous-config',
      `${first.key} and ${rival.key} are two names of one value, got ${values}`,
      { where: `${config.where}: ${rival.key}`, help: 'remove one of the two keys' },
    );
  }
  return first ?? null;
}

/** The value must be there and pass the test. */
export function requireValue<T>(
  config: LayerConfig,
  keys: Keys,
  expected: string,
  test: (value: unknown) => value is T,
): T {
  const found = findValue(config, keys);
  if (found === null) {
    const [key, ...aliases] = spellings(keys);
    const names = aliases.length === 0 ? key : `${key} (or ${aliases.join(', ')})`;
    const slip = Object.keys(config.values).find((given) => misspelt(given, [key, ...aliases]) !== null);
    throw new MoegenError('spec/missing-config-key', `${names} must be ${expected}, got nothing`, {
      where: `${config.where}: ${key}`,
      help:
        slip === undefined
          ? `add the key: a model of type ${config.modelType} needs it`
          : `"${slip}" looks like it: correct the key`,
    });
  }
  return checkValue(config, found, expected, test);
}

/** The value must pass the test if it is there. */
export function optionalValue<T>(
  config: LayerConfig,
  keys: Keys,
  expected: string,
  test: (value: unknown) => value is T,
): T | null {
  const found = findValue(config, keys);
  return found === null ? null : checkValue(config, found, expected, test);
}

export function invalidValue(
  config: LayerConfig,
  key: string,
  expected: string,
  given: unknown,
): MoegenError {
  return new MoegenError(
    'spec/invalid-config-value',
    `${key} must be ${expected}, got ${given === undefined ? 'nothing' : JSON.stringify(given)}`,
    { where: `${config.where}: ${key}`, help: 'correct the value' },
  );
}

function checkValue<T>(
  config: LayerConfig,
  { key, value }: Found,
  expected: string,
  test: (value: unknown) => value is T,
): T {
  if (!test(value)) throw invalidValue(config, key, expected, value);
  return value;
}

function spellings(keys: Keys): readonly [string, ...string[]] {
  return typeof keys === 'string' ? [keys] : keys;
}

export function valueAt(values: ConfigValues, path: string): unknown {
  return path.split('.').reduce<unknown>((inner, key) => {
    if (Array.isArray(inner)) return (inner as unknown[])[Number(key)];
    return isRecord(inner) ? inner[key] : undefined;
  }, values);
}

export function isRecord(value: unknown): value is ConfigValues {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
