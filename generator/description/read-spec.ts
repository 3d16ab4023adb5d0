// A block described by hand, as the text of a JSON file with keys in snake_case, into a complete MoeBlock.

import { MoegenError } from '../errors.js';
import type { MoeBlock } from './block.js';
import { checkBlock } from './check-block.js';
import { camelCase, snakeCase } from './key-case.js';

/** `where` names the file. */
export function readBlockSpec(text: string, where: string): MoeBlock {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MoegenError('spec/invalid-json', `expected a JSON file: ${reason}`, {
      where,
      help: 'correct the JSON',
      cause,
    });
  }
  return checkBlock(withFieldNames(value, where), where);
}

/** The keys below `tensors` are names of roles, which are the same in files and in fields. */
function withFieldNames(value: unknown, where: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).map(([key, inner]) => {
    if (/[A-Z]/.test(key)) {
      throw new MoegenError(
        'spec/invalid-block',
        `unknown key "${key}"; the nearest known one is "${snakeCase(key)}"`,
        {
          where: `${where}: ${key}`,
          help: 'write keys in snake_case',
        },
      );
    }
    return [camelCase(key), key === 'tensors' ? inner : withFieldNames(inner, where)] as const;
  });
  return Object.fromEntries(fields);
}
