// The schema of a job: which kernels of which Metal files run, over which buffers. `moegen run` takes one job a file, `moegen test`
// jobs with what their outputs have to be.

import { z } from 'zod';
import { CHECKS, SUBNORMALS } from '../native/types.js';
import type { TypeText } from './layout.js';
import { SHORT_NAME_LIST } from './scalars.js';
import type { GivenValue } from './values.js';

const indexKey = z.string().regex(/^\d+$/, 'an index is a whole number');
const scalar = z.union([z.number(), z.boolean()]);
const extent = z.int().positive();
const size = z
  .union([extent, z.tuple([extent]), z.tuple([extent, extent]), z.tuple([extent, extent, extent])])
  .describe('One to three whole numbers: x, y, z.');

const type: z.ZodType<TypeText> = z.lazy(() =>
  z.union([z.string(), z.tuple([type, z.int().positive()]).readonly(), z.record(z.string(), type)]),
);
const value: z.ZodType<GivenValue> = z.lazy(() =>
  z.union([z.number(), z.boolean(), z.string(), z.array(value), z.record(z.string(), value)]),
);

/** Where a buffer's contents come from: at most one of these. */
const contents = {
  file: z
    .string()
    .optional()
    .describe('A file of the bytes as they lie in memory, or an array of NumPy (.npy), which is converted.'),
  fill: z.number().optional().describe('Every number of the buffer.'),
  hex: z
    .string()
    .regex(/^([0-9a-fA-F]{2}|\s)*$/, 'pairs of hexadecimal digits')
    .optional(),
  values: value
    .optional()
    .describe(
      'Numbers in lists, nested or not; of structs a record of fields, or a list of such. "nan", "inf", "-inf"; whole numbers beyond 2^53 in quotes.',
    ),
  random: z
    .strictObject({ seed: z.int().nonnegative().optional(), low: z.number(), high: z.number() })
    .optional()
    .describe('Numbers from low to high, whole ones with both ends, the same for the same seed; 1.'),
};
const SOURCES = Object.keys(contents) as (keyof typeof contents)[];

const hasOneSource = (given: Partial<Record<keyof typeof contents, unknown>>): boolean =>
  SOURCES.filter((source) => given[source] !== undefined).length <= 1;
const ONE_SOURCE = `at most one of ${SOURCES.join(', ')}`;

const bufferSchema = z
  .strictObject({
    name: z.string().optional().describe('What references and reports call it; else it goes by its key.'),
    dtype: z
      .string()
      .optional()
      .describe(
        `The type of an element: ${SHORT_NAME_LIST.join(', ')}, or as in Metal: float3, packed_half4, float4x4, uint[8].`,
      ),
    struct: z
      .record(z.string(), type)
      .optional()
      .describe(
        'In place of dtype: fields in order, each with its type, or [type, count]. They lie as in Metal.',
      ),
    shape: z
      .array(z.int().nonnegative())
      .optional()
      .describe('Elements in each dimension; what the contents have where it is not given.'),
    ...contents,
    unchecked: z
      .array(z.enum(['unwritten', 'order']))
      .optional()
      .describe('Checks that do not hold for its contents: gaps, or an order that depends on the threads.'),
  })
  .refine(hasOneSource, ONE_SOURCE)
  .refine(
    ({ dtype, struct }) => (dtype === undefined) !== (struct === undefined),
    'a buffer has either dtype or struct',
  );

const bufferName = z.union([z.string(), z.int().nonnegative()]);
const place = z.strictObject({ buffer: bufferName, offset: z.int().nonnegative().optional() });

const grid = {
  threadgroups: z
    .union([size, place])
    .optional()
    .describe('Threadgroups in the grid; or the buffer that holds three uint32 when the dispatch starts.'),
  threads: size
    .optional()
    .describe('In place of threadgroups: threads in the grid. Threadgroups at its edges are smaller.'),
  threads_per_threadgroup: size,
};

const use = {
  constants: z
    .record(indexKey, z.union([scalar, z.array(scalar).min(2).max(4)]))
    .optional()
    .describe('Function constants by index.'),
  threadgroup_memory: z
    .record(indexKey, z.int().nonnegative())
    .optional()
    .describe('Bytes of each [[threadgroup(n)]] argument: multiples of 16.'),
};

const program = {
  source: z.string().optional().describe('The Metal file.'),
  text: z.string().optional().describe('In place of source: the program itself.'),
  include: z.union([z.string(), z.array(z.string())]).optional(),
  defines: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).optional(),
  msl: z.enum(['3.0', '3.1', '3.2', '4.0']).optional().describe('The language version.'),
};

const isGrid = ({ threadgroups, threads }: { threadgroups?: unknown; threads?: unknown }): boolean =>
  (threadgroups === undefined) !== (threads === undefined);
const ONE_GRID = 'a dispatch has either threadgroups or threads';

const dispatch = z
  .strictObject({
    kernel: z.string(),
    source: program.source.describe("Its file, where it is not the job's."),
    ...use,
    buffers: z
      .record(indexKey, z.union([bufferName, place]))
      .describe(
        'Names of buffers by the index that the kernel gives them, or parts of them from an offset in bytes.',
      ),
    ...grid,
  })
  .refine(isGrid, ONE_GRID);

const jobShape = {
  $schema: z.string().optional(),
  ...program,
  kernel: z.string().optional(),
  ...use,
  buffers: z.record(z.string(), bufferSchema).describe('By index; in a job with dispatches by any names.'),
  aliases: z.record(indexKey, place).optional().describe('Further indices of buffers, or of parts of them.'),
  ...grid,
  threads_per_threadgroup: grid.threads_per_threadgroup.optional(),
  dispatches: z
    .array(dispatch)
    .min(1)
    .optional()
    .describe('Kernels one after the other over the same buffers, in place of kernel and its grid.'),
  outputs: z.record(z.string(), z.string()).optional().describe('Files to write, by buffer.'),
  counters: z.boolean().optional(),
  checks: z.union([z.enum(['none', 'all']), z.array(z.enum(CHECKS))]).optional(),
  allow: z
    .array(z.enum(CHECKS))
    .optional()
    .describe(
      'Checks that are left out of those, such as same-value: threads that write the same to one place.',
    ),
  seed: z.int().nonnegative().optional().describe('Another order of threads; 0 is the natural one.'),
  subnormals: z.enum(SUBNORMALS).optional(),
  timeout_seconds: z.number().positive().optional(),
};

const ONE_DISPATCH = ['kernel', 'constants', 'threadgroup_memory', 'threadgroups', 'threads'] as const;

/** What no key by itself can say. */
const complete = <Shape extends z.ZodType>(shape: Shape): Shape =>
  shape.superRefine((given, context) => {
    const job = given as z.infer<typeof plainJob>;
    const fault = (message: string, at: readonly string[] = []): void => {
      context.addIssue({ code: 'custom', message, path: [...at] });
    };
    if ((job.text === undefined) === (job.source === undefined)) {
      if (job.text !== undefined || job.dispatches?.some(({ source }) => source === undefined) !== false)
        fault('a job has either source or text');
    }
    if (job.dispatches !== undefined) {
      const given = ONE_DISPATCH.find((key) => job[key] !== undefined);
      if (given !== undefined) fault('a job with dispatches has this in each of them', [given]);
      return;
    }
    if (job.kernel === undefined) fault('a job has a kernel, or dispatches', ['kernel']);
    if (!isGrid(job)) fault(ONE_GRID);
    if (job.threads_per_threadgroup === undefined) fault('three whole numbers', ['threads_per_threadgroup']);
    for (const key of Object.keys(job.buffers))
      if (!/^\d+$/.test(key)) fault('an index is a whole number', ['buffers', key]);
  });

const plainJob = z.strictObject(jobShape);

export const jobSchema = complete(plainJob);
export type RunJob = z.infer<typeof plainJob>;
export type JobBuffer = z.infer<typeof bufferSchema>;
export type JobDispatch = z.infer<typeof dispatch>;
export type JobSize = z.infer<typeof size>;

const tolerances = {
  absolute: z.number().nonnegative().optional(),
  relative: z.number().nonnegative().optional(),
  ulp: z.number().nonnegative().optional().describe("Steps of the output's type between neighbours."),
  exact: z.literal(true).optional().describe('Not a bit may differ, but NaN is NaN.'),
};

const expectation = z
  .strictObject({ ...contents, ...tolerances })
  .refine(hasOneSource, ONE_SOURCE)
  .refine(
    ({ exact, absolute, relative, ulp }) =>
      exact === undefined || (absolute ?? relative ?? ulp) === undefined,
    'exact goes with no other tolerance',
  );
export type Expectation = z.infer<typeof expectation>;

const testKeys = {
  name: z.string().optional(),
  expect: z
    .record(z.string(), expectation)
    .optional()
    .describe(
      'What buffers hold in the end, by their keys, and within which tolerance; without contents the reference says it.',
    ),
  reference: z
    .string()
    .optional()
    .describe(
      'FILE:FUNCTION, of a .py, .js, .mjs, .ts or .mts file: gets the buffers by name, returns what those of expect hold.',
    ),
};

const plainTest = z.strictObject({ ...jobShape, ...testKeys });
export const testSchema = complete(plainTest);
export type JobTest = z.infer<typeof plainTest>;

/** A file of tests: one, or several with what they share. */
export const testFileSchema = z.strictObject({
  ...plainTest.partial().shape,
  tests: z
    .array(plainTest.partial())
    .min(1)
    .optional()
    .describe('Each has what stands here beside it, unless it says otherwise.'),
});

/** For editors and other programs. */
export function jobJsonSchema(): object {
  return z.toJSONSchema(testFileSchema.describe('A job of moegen run, or a file of tests of moegen test.'), {
    io: 'input',
  });
}
