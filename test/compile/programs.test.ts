// Small programs, each the kernel of what a public file needs, and programs that Metal's compiler refuses.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';

import { checkHost } from '../../generator/compile/host.js';
import { errorsOf, testCache } from './support.js';

const FOLDER = new URL('programs/', import.meta.url);

/** Files that are not accepted as a whole: which kernels can be used all the same, and what is said of the others. */
const REFUSED: Readonly<
  Record<string, { readonly usable: readonly string[]; readonly errors: readonly [number, string][] }>
> = {
  tg_over_32k_one_kernel: { usable: ['good'], errors: [[6, 'more than 32768 bytes']] },
  tg_over_32k_in_a_template: {
    usable: ['sums_half', 'sums_short'],
    errors: [
      [6, 'more than 32768 bytes'],
      [7, 'more than 32768 bytes'],
    ],
  },
  tg_over_32k_with_an_unrolled_loop: { usable: ['good'], errors: [[6, 'more than 32768 bytes']] },
  unused_sampler_refuses_file: {
    usable: ['k'],
    errors: [
      [5, 'not supported: texture1d'],
      [5, 'not supported: texture'],
    ],
  },
  arrays_of_buffers: { usable: [], errors: [[4, 'not supported: arrays of buffers']] },
  undefined_function: { usable: [], errors: [[5, "undefined function 'nobody'"]] },
  'illegal-component_counts_differ_5_2_3_6': { usable: [], errors: [[3, 'another number of components']] },
  'illegal-dot_of_int4': { usable: [], errors: [[5, "no matching function for call to 'dot'"]] },
  'illegal-explicit_instantiation_with_other_type': {
    usable: [],
    errors: [[4, "the explicit instantiation of 'k' does not match"]],
  },
  'illegal-function_constant_with_initialiser': { usable: [], errors: [[3, 'cannot have an initialiser']] },
  m02c_mpp_coop_swapped: { usable: [], errors: [[14, 'Input types must match']] },
  m03_mpp_8x8: { usable: [], errors: [[13, 'must be a multiple of 16']] },
  m06_matrix_struct: { usable: [], errors: [[7, 'a matrix has elements of type half']] },
  'illegal-narrowing_in_braces_float_to_int_cubecl_1163': { usable: [], errors: [[5, 'cannot be narrowed']] },
  'illegal-template_auto_in_C_14': { usable: [], errors: [[3, 'need Metal 4.0']] },
  'illegal-thread_execution_width_with_threads_per_simdgroup': { usable: [], errors: [[3, 'is the same']] },
};

const NAMES = readdirSync(FOLDER).map((file) => file.replace('.metal', ''));

async function compile(name: string) {
  const text = readFileSync(new URL(`${name}.metal`, FOLDER), 'utf8');
  return checkHost({ path: `${name}.metal`, text }, { cacheDir: testCache });
}

describe('accepted', () => {
  test.each(NAMES.filter((name) => !(name in REFUSED)))('%s', async (name) => {
    const outcome = await compile(name);
    expect(errorsOf(outcome)).toEqual([]);
    expect(outcome.ok).toBe(true);
    expect(outcome.reports?.every(({ ok }) => ok)).toBe(true);
  });
});

describe('refused, at their line', () => {
  test.each(Object.entries(REFUSED))('%s', async (name, { usable, errors }) => {
    const outcome = await compile(name);
    expect(outcome.ok).toBe(false);
    const found = errorsOf(outcome);
    expect(found.map(({ line }) => line)).toEqual(errors.map(([line]) => line));
    found.forEach(({ message }, index) => {
      expect(message).toContain(errors[index]?.[1]);
    });
    expect(outcome.reports?.filter(({ ok }) => ok).map((report) => report.name)).toEqual(usable);
  });
});
