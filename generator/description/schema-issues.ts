// What zod found wrong with a value into one sentence about one key: what was expected, what was given, and for an unknown
// key the nearest one that is known. Keys appear as they are written in files.

import { closest } from 'fastest-levenshtein';
import { z } from 'zod';
import { snakeCase } from './key-case.js';

export interface IssueText {
  /** Path of the key, such as `router.groups.keep`; empty for the whole value. */
  readonly key: string;
  readonly message: string;
  readonly help: string;
}

type Path = readonly PropertyKey[];

/** About the first issue, an unknown key before all others: it often explains what is missing. */
export function describeIssue(schema: z.ZodType, value: unknown, error: z.ZodError): IssueText {
  const unknown = error.issues.find((issue) => issue.code === 'unrecognized_keys');
  if (unknown !== undefined) return describeUnknownKey(schema, unknown.path, unknown.keys[0] ?? '');
  const [issue] = error.issues;
  if (issue === undefined) return { key: '', message: error.message, help: 'correct the value' };
  const key = pathText(issue.path);
  const given = valueText(valueAt(value, issue.path));
  return {
    key,
    message: `${key === '' ? 'the description' : key} must be ${expectation(issue)}, got ${given}`,
    help: 'correct the value',
  };
}

function describeUnknownKey(schema: z.ZodType, path: Path, field: string): IssueText {
  const name = snakeCase(field);
  const known = knownKeys(schema, path).map(snakeCase);
  return {
    key: pathText([...path, name]),
    message: `unknown key "${name}"; the nearest known one is "${closest(name, known)}"`,
    help: `known here: ${known.join(', ')}`,
  };
}

function knownKeys(schema: unknown, path: Path): readonly string[] {
  const [head, ...rest] = path;
  if (isWrapper(schema)) return knownKeys(schema.unwrap(), path);
  if (schema instanceof z.ZodDiscriminatedUnion) {
    return Array.from(new Set(schema.options.flatMap((option) => knownKeys(option, path))));
  }
  if (schema instanceof z.ZodObject) {
    return head === undefined ? Object.keys(schema.shape) : knownKeys(schema.shape[String(head)], rest);
  }
  if (schema instanceof z.ZodRecord) {
    if (head !== undefined) return knownKeys(schema.valueType, rest);
    return schema.keyType instanceof z.ZodEnum ? schema.keyType.options.map(String) : [];
  }
  return [];
}

function isWrapper(schema: unknown): schema is { unwrap(): unknown } {
  return (
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodOptional
  );
}

function expectation(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type')
    return issue.expected === 'int' ? 'a whole number' : `of type ${issue.expected}`;
  if (issue.code === 'invalid_value') return oneOf(issue.values);
  if (issue.code === 'invalid_union' && 'options' in issue) return oneOf(issue.options);
  if (issue.code === 'too_small') {
    return `${issue.inclusive === true ? 'at least' : 'greater than'} ${String(issue.minimum)}`;
  }
  if (issue.code === 'too_big') {
    return `${issue.inclusive === true ? 'at most' : 'less than'} ${String(issue.maximum)}`;
  }
  return `valid (${issue.message})`;
}

function oneOf(values: readonly unknown[]): string {
  const texts = values.map((value) => JSON.stringify(value));
  return texts.length === 1 ? texts.join() : `one of ${texts.join(', ')}`;
}

function pathText(path: Path): string {
  return path.map((part) => snakeCase(String(part))).join('.');
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (inner, part) =>
      typeof inner === 'object' && inner !== null ? (inner as Record<PropertyKey, unknown>)[part] : undefined,
    value,
  );
}

function valueText(value: unknown): string {
  return value === undefined ? 'nothing' : JSON.stringify(value);
}
