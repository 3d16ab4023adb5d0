// A cell of formats x dtypes x paths: rows of activations times packed matrices of experts, for one token (decode), a few (skinny) and many
// (prompt), against float64 with the decoded weights, and with the same bits for a row whatever runs beside it. All cells of a format are
// compiled together, each kernel in a namespace of its own: what compilers do once for a file is most of their work.

import { checkBlock } from '../../generator/description/check-block.js';
import { ACTIVATION_DTYPES, type ActivationDtype } from '../../generator/description/dtypes.js';
import { formatNamed, QUANTISED_FORMATS, WEIGHT_FORMATS } from '../../generator/description/weights.js';
import type { Device, LoadedLibrary } from '../../generator/native/types.js';
import { planKernels } from '../../generator/plan/plan.js';
import type { KernelPlan } from '../../generator/plan/types.js';
import { decodeElements, encodeElements, roundElements } from '../../generator/validate/elements.js';
import { encodeMatrices } from '../../generator/validate/encode-matrices.js';
import { buildJob } from '../../generator/validate/job.js';
import { tileMap, tileRows } from '../../generator/validate/kernels/index-trials.js';
import { createRandom } from '../../generator/validate/random.js';
import { withOpenConstants } from './format-blocks.js';
import { kernelTexts } from './host-kernels.js';

export const CELL_FORMATS: readonly string[] = [...WEIGHT_FORMATS, ...QUANTISED_FORMATS].map(
  ({ name }) => name,
);

const PATHS = { decode: 'decode_down', skinny: 'skinny_down', prompt: 'down' } as const;
type CellPath = keyof typeof PATHS;

/** Rows of each expert, in their order: more than a tile holds, none, and fewer than a tile. */
const COUNTS = Uint32Array.of(21, 0, 12);
const OFFSETS = Uint32Array.of(0, 21, 21);
const IDS = [...COUNTS].flatMap((count, expert) => Array.from({ length: count }, () => expert));
/** A column behind whole tiles and simdgroups. */
const COLUMNS = 69;

/** The batches that are compared, as rows: alone, a few, many. */
const BATCHES: Readonly<Record<CellPath, readonly (readonly [first: number, end: number])[]>> = {
  decode: [
    [0, 1],
    [20, 21],
    [21, 22],
    [32, 33],
    [18, 23],
  ],
  skinny: [
    [16, 25],
    [0, 33],
  ],
  prompt: [
    [20, 22],
    [0, 33],
  ],
};

export interface CellVerdict {
  readonly cell: string;
  /** Relative to the whole result. */
  readonly error: number;
  /** Batches in which a row has other bits than in the largest one of the prompt path. */
  readonly unlike: readonly string[];
}

/** Verdicts of the cells of a format, by dtype and path. */
export async function formatCells(device: Device, format: string): Promise<CellVerdict[]> {
  const terms = Math.ceil(330 / formatNamed(format).groupTerms) * formatNamed(format).groupTerms;
  const plans = ACTIVATION_DTYPES.flatMap((activation) => cellPlans(format, activation, terms));
  const library = await device.load({ source: await jointSource(format, plans) });
  const random = createRandom(11);
  const matrices = COUNTS.length;
  const own = random.spread(matrices * COLUMNS * terms, 1);
  const { planes, values } = encodeMatrices(format, own, matrices, COLUMNS, terms);
  const inputs = Object.fromEntries(
    Object.entries(planes).map(([suffix, bytes]) => [`down_${suffix}`, bytes] as const),
  );
  const states = random.spread(IDS.length * terms, 1);

  const verdicts: CellVerdict[] = [];
  for (const activation of ACTIVATION_DTYPES) {
    const x = encodeElements(activation, states);
    const want = products(roundElements(activation, states), values, terms);
    const run = (path: CellPath, batch: readonly [number, number]) => {
      const plan = plans.find(
        ({ family, axes }) => family === PATHS[path] && axes['activation'] === activation,
      );
      if (plan === undefined) throw new Error(`no kernel for ${path}`);
      return multiply(device, { plan, library, inputs, x, terms }, batch);
    };
    const largest = await run('prompt', [0, IDS.length]);
    for (const path of Object.keys(PATHS) as CellPath[]) {
      const unlike: string[] = [];
      let [wrong, size] = [0, 0];
      for (const [first, end] of BATCHES[path]) {
        const bytes = await run(path, [first, end]);
        const same = largest.subarray(4 * first * COLUMNS, 4 * end * COLUMNS);
        if (Buffer.compare(bytes, same) !== 0) unlike.push(`rows ${first} to ${end}`);
        decodeElements('f32', bytes).forEach((value, at) => {
          const right = want[first * COLUMNS + at] ?? NaN;
          wrong += (value - right) ** 2;
          size += right ** 2;
        });
      }
      verdicts.push({ cell: `${format} ${activation} ${path}`, error: Math.sqrt(wrong / size), unlike });
    }
  }
  return verdicts;
}

function cellPlans(format: string, activation: ActivationDtype, terms: number): KernelPlan[] {
  const sizes = { hiddenSize: terms, intermediateSize: terms, numExperts: COUNTS.length, topK: 1 };
  const block = checkBlock({ ...sizes, router: { scoring: { kind: 'softmax' } } }, format);
  const spec = {
    ...{ activations: [activation], weights: [format], block },
    ...({ bf16Storage: 'ushort', mslVersion: '3.0' } as const),
  };
  const families: readonly string[] = Object.values(PATHS);
  return planKernels(spec)
    .filter(({ family, axes }) => {
      const isOwn = families.includes(family) && axes['weight'] === format;
      return (
        isOwn && (axes['tile'] ?? 'low') === 'low' && (axes['intermediate'] ?? activation) === activation
      );
    })
    .map(withOpenConstants);
}

/** The texts as they are emitted, but for what stands before their first declaration, which is said once. */
async function jointSource(format: string, plans: readonly KernelPlan[]) {
  if (plans.length !== ACTIVATION_DTYPES.length * Object.keys(PATHS).length)
    throw new Error(`${plans.length} kernels of ${format}`);
  const texts = await kernelTexts(plans);
  const heads = new Set<string>();
  const parts = plans.map((plan) => {
    const [head = '', ...rest] = texts.textOf(plan).text.split(/(?<=^using namespace metal;\n)/m);
    heads.add(head.replaceAll(/^\/\/ Generated.*\n/gm, ''));
    return `namespace ${plan.name}_text {\n${rest.join('')}}\n`;
  });
  const [head, ...others] = heads;
  if (head === undefined || others.length > 0) throw new Error('texts that begin differently');
  return { path: `cells/${format}.metal`, text: [head, ...parts].join('\n') };
}

interface CellRun {
  readonly plan: KernelPlan;
  readonly library: LoadedLibrary;
  readonly inputs: Readonly<Record<string, Uint8Array>>;
  /** Of all rows. */
  readonly x: Uint8Array;
  readonly terms: number;
}

/** Results [rows, COLUMNS] of some neighbouring rows, in float. */
async function multiply(
  device: Device,
  { plan, library, inputs, x, terms }: CellRun,
  [first, end]: readonly [number, number],
): Promise<Uint8Array> {
  const rowBytes = x.byteLength / IDS.length;
  const ids = IDS.slice(first, end);
  const counts = COUNTS.map((_, expert) => ids.filter((id) => id === expert).length);
  const offsets = OFFSETS.map((offset) => Math.max(0, Math.min(offset, end) - first));
  const tiles = tileMap(counts, offsets, tileRows(plan));
  const sizes = { hidden_size: COLUMNS, intermediate_size: terms, num_experts: COUNTS.length, top_k: 1 };
  const values = { ...sizes, num_tokens: ids.length, num_tiles: tiles.length, block_m: tileRows(plan) };
  const job = buildJob(
    [{ plan, library, values }],
    {
      ...inputs,
      intermediate: x.subarray(first * rowBytes, end * rowBytes),
      topk_ids: encodeElements('u32', ids),
      tile_map: encodeElements('u32', tiles.flat()),
    },
    ['expert_output'],
    { timeoutSeconds: 60 },
  );
  const [bytes = new Uint8Array()] = (await device.run(job)).outputs;
  return bytes.subarray(0, 4 * ids.length * COLUMNS);
}

/** [rows, COLUMNS]: each row times the matrix of its expert, in double precision. */
function products(x: Float64Array, weights: Float64Array, terms: number): Float64Array {
  return Float64Array.from({ length: IDS.length * COLUMNS }, (_, at) => {
    const [row, column] = [Math.floor(at / COLUMNS), at % COLUMNS];
    const start = ((IDS[row] ?? NaN) * COLUMNS + column) * terms;
    let sum = 0;
    for (let term = 0; term < terms; term += 1) {
      sum += (x[row * terms + term] ?? NaN) * (weights[start + term] ?? NaN);
    }
    return sum;
  });
}
