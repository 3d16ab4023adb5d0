// Walks through a function body: local declarations are rewritten where a statement starts, calls are noted.

import { openClass } from './classes.js';
import { rewriteScope } from './declarations.js';
import { checkLambda } from './lambdas.js';
import { checkCondition, rewriteLocal } from './locals.js';
import { at, isOpening } from './navigate.js';
import { ThreadgroupLayout } from './threadgroup.js';
import type { CallRecord, Unit } from './unit.js';

export interface Body {
  readonly isKernel: boolean;
  readonly layout: ThreadgroupLayout;
}

const CONDITIONS = new Set(['if', 'while', 'switch']);

/** Rewrites the body whose `{` stands at `open`. */
export function rewriteBody(
  unit: Unit,
  open: number,
  isKernel: boolean,
  calls: CallRecord | undefined,
): void {
  const end = at(unit, open).match;
  const body: Body = { isKernel, layout: new ThreadgroupLayout() };
  let starts = true;
  for (let position = open + 1; position < end; position += 1) {
    const token = at(unit, position);
    if (token.removed) {
      if (token.source === ';') starts = true;
      continue;
    }
    if (starts) {
      const past = localClass(unit, position, end);
      if (past > position) {
        position = past - 1;
        starts = false;
        continue;
      }
      rewriteLocal(unit, position, end, body);
    }
    if (token.kind === 'identifier' && ['(', '<'].includes(at(unit, position + 1).source)) {
      if (!['.', '->', '::'].includes(at(unit, position - 1).source)) calls?.callees.add(token.source);
    }
    if (token.source === '[') checkLambda(unit, position);
    if (token.source === '(' && CONDITIONS.has(at(unit, position - 1).source)) {
      checkCondition(unit, position + 1, token.match);
    }
    if (token.source === '{') body.layout.enterBlock();
    else if (token.source === '}') body.layout.leaveBlock();
    starts = startsStatement(unit, position);
  }
}

/** Whether a statement or a declaration starts after this token. */
function startsStatement(unit: Unit, position: number): boolean {
  const token = at(unit, position);
  switch (token.source) {
    case '{':
    case '}':
    case ';':
      return true;
    case ':':
      return endsLabel(unit, position);
    case '(':
      return at(unit, position - 1).source === 'for';
    default:
      return false;
  }
}

/** Whether the `:` ends `case x` or `default`, rather than standing in a conditional expression. */
function endsLabel(unit: Unit, colon: number): boolean {
  let begin = colon;
  while (![';', '{', '}', ':', '?', ''].includes(at(unit, begin - 1).source)) begin -= 1;
  return ['case', 'default'].includes(at(unit, begin).source);
}

/** Position after the body of a class declared in a function; `index` itself if there is none. */
function localClass(unit: Unit, index: number, end: number): number {
  if (!['struct', 'class', 'union'].includes(at(unit, index).source)) return index;
  let open = index;
  while (open < end && !['{', ';', '(', '='].includes(at(unit, open).source)) open += 1;
  const brace = at(unit, open);
  if (brace.source !== '{' || !isOpening(brace) || brace.match < 0) return index;
  const ownClass = openClass({ open, name: '', isUnion: false });
  rewriteScope(unit, open + 1, brace.match, { kind: 'class', namespaces: [], ownClass });
  return brace.match + 1;
}
