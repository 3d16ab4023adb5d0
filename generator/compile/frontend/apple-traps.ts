// Warns of what Metal allows, compiles, and computes wrongly on Apple's GPUs.

import type { Declaration } from './declarations.js';
import { at, sources, splitList } from './navigate.js';
import type { Token } from './tokens.js';
import { reportWarning, type DeclaredParameter, type Unit } from './unit.js';

const SIMDGROUP = 32;

/** Reports a kernel whose threadgroups are limited to one simdgroup. */
export function warnOfNarrowLimit(unit: Unit, token: Token, kernel: string, limit: number): void {
  if (limit > SIMDGROUP) return;
  reportWarning(
    unit,
    token,
    `kernel '${kernel}' has max_total_threads_per_threadgroup(${limit}): with a limit of at most one simdgroup, barriers ` +
      `of threadgroup memory and matrix products go wrong on Apple GPUs; leave the limit out or make it at least ` +
      `${2 * SIMDGROUP}, however many threads are dispatched`,
  );
}

const DIFFERS_BY_LANE =
  /^(?:thread_index_in_(?:simdgroup|quadgroup|threadgroup)|thread_position_in_(?:grid|threadgroup))$/u;

/** Reports masks that mention an argument which differs from lane to lane, in the body of a kernel itself. */
export function warnOfLaneMasks(
  unit: Unit,
  { shape }: Declaration,
  parameters: readonly DeclaredParameter[],
): void {
  const lanes = parameters
    .filter(({ attributes }) => attributes.some(({ name }) => DIFFERS_BY_LANE.test(name)))
    .map(({ name }) => name);
  const end = at(unit, shape.stop).match;
  const isShadowed = (name: string): boolean => {
    for (let position = shape.stop; position < end; position += 1) {
      if (at(unit, position).source !== name || at(unit, position - 1).kind !== 'identifier') continue;
      if (['=', ';', ',', ':'].includes(at(unit, position + 1).source)) return true;
    }
    return false;
  };
  for (let position = shape.stop; position < end; position += 1) {
    const open = at(unit, position + 1);
    if (at(unit, position).source !== 'simd_shuffle_xor' || open.source !== '(') continue;
    const mask = splitList(unit, position + 2, open.match)[1];
    const words = mask === undefined ? [] : sources(unit, mask.begin, mask.end);
    const lane = lanes.find((name) => words.includes(name));
    if (lane === undefined || isShadowed(lane)) continue;
    reportWarning(
      unit,
      at(unit, position),
      `the mask of simd_shuffle_xor depends on '${lane}': Apple GPUs combine the masks of the four lanes of a quad; use a ` +
        `mask that all lanes share, or simd_shuffle`,
    );
  }
}
