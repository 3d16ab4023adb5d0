// Close calls: where rounding may decide which expert is selected, or which one counts, no particular answer is expected.

import type { RoutedBlock } from '../../reference/router.js';
import { FLOAT_ROUNDING } from '../tolerance.js';
import { choicesOf, type Choice, type LogitRow } from './router-trials-errors.js';

/** For each slot of a token, whether another id, or another weight, is right as well. */
export interface CloseCalls {
  readonly ids: readonly boolean[];
  readonly weights: readonly boolean[];
}

export function closeCalls(
  block: RoutedBlock,
  row: LogitRow,
  ids: readonly number[],
  selectionBias: ArrayLike<number> | null,
): CloseCalls {
  const { router } = block;
  if (router.selection.kind === 'token_table') return everySlot(ids, false);
  const choices = choicesOf(block, row, selectionBias);
  const open = router.groups === null ? choices : keptChoices(router.groups, choices);
  if (open === undefined) return everySlot(ids, true);
  const ranks = closeRanks(ranked(open));
  const close = ids.map((_, slot) => ranks[slot] ?? false);
  const isShared = router.normalize.kind !== 'none' || router.post === 'softmax';
  // The last slot's expert is part of what all weights are divided by.
  const weights = isShared && close.at(-1) === true ? ids.map(() => true) : close;
  if (router.scoring.kind !== 'sparsemixer') return { ids: close, weights };
  const margins = closeMargins(row, ids, router.scoring.epsilon);
  return { ids: close, weights: weights.map((isClose, slot) => isClose || margins[slot] === true) };
}

function everySlot(ids: readonly number[], isClose: boolean): CloseCalls {
  const slots = ids.map(() => isClose);
  return { ids: slots, weights: slots };
}

/** In the order of rank: highest first, of equal ones the lowest index. What is no number has no rank. */
function ranked(choices: readonly Choice[]): Choice[] {
  const present = choices.filter(({ value }) => !Number.isNaN(value));
  return present.sort((a, b) => b.value - a.value || a.index - b.index);
}

function mayTie(a: Choice, b: Choice): boolean {
  return Math.abs(a.value - b.value) <= a.error + b.error;
}

/** Which ranks rounding may exchange: runs of neighbours that it may make equal, unless all of a run are made of the same. */
function closeRanks(order: readonly Choice[]): boolean[] {
  const close: boolean[] = [];
  while (close.length < order.length) {
    const run = order.slice(close.length);
    const end = run.findIndex((choice, at) => at > 0 && !mayTie(run[at - 1] ?? choice, choice));
    const members = end < 0 ? run : run.slice(0, end);
    const isClose = members.some(({ origin }) => origin !== members[0]?.origin);
    close.push(...members.map(() => isClose));
  }
  return close;
}

/** The choices within the groups that are kept; nothing where rounding may decide which ones are. */
function keptChoices(
  { count, keep, score }: NonNullable<RoutedBlock['router']['groups']>,
  choices: readonly Choice[],
): readonly Choice[] | undefined {
  const size = choices.length / count;
  const ratings = Array.from({ length: count }, (_, group) =>
    rating(choices.slice(group * size, (group + 1) * size), group, score === 'max' ? 1 : 2),
  );
  const order = ranked(ratings);
  const [last, next] = [order[keep - 1], order[keep]];
  if (last !== undefined && next !== undefined && mayTie(last, next) && closeRanks(order)[keep] === true) {
    return undefined;
  }
  const kept = new Set(order.slice(0, keep).map(({ index }) => index));
  return choices.filter(({ index }) => kept.has(Math.floor(index / size)));
}

function rating(members: readonly Choice[], index: number, counted: number): Choice {
  const best = ranked(members).slice(0, counted);
  const value = best.reduce((sum, choice) => sum + choice.value, 0);
  // Rounding may also exchange one of the best for another.
  const largest = members.reduce((error, choice) => Math.max(error, choice.error || 0), 0);
  const error = 2 * largest + FLOAT_ROUNDING * Math.abs(value);
  return { index, value, error, origin: best.map(({ origin }) => origin).join() };
}

/** Slots where some expert not picked yet lies on the border of those that count. */
function closeMargins({ values, error }: LogitRow, ids: readonly number[], epsilon: number): boolean[] {
  return ids.map((id, slot) => {
    const highest = values[id] ?? NaN;
    const earlier = new Set(ids.slice(0, slot));
    return values.some((value, expert) => {
      if (earlier.has(expert) || value === highest) return false;
      const largest = Math.max(Math.abs(value), highest);
      const border = Math.abs(highest - value - 2 * epsilon * largest);
      return border <= (2 + 2 * epsilon) * error + 4 * FLOAT_ROUNDING * (Math.abs(highest) + largest);
    });
  });
}
