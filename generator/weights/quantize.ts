// A checkpoint into one whose experts are in another format, as MLX stores it: one matrix after the other is decoded, encoded by the rule
// that the format's reference names, and written where it belongs. Matrices that are in the format already are copied, so that
// quantising again changes nothing. All other tensors are copied.

import { locateLayer, type LocatedMatrix } from '../checkpoint/bind.js';
import { moeLayers, type MoeLayer } from '../checkpoint/formats/layers.js';
import { modulesOf } from '../checkpoint/formats/modules.js';
import { openUnbound, type UnboundModel } from '../checkpoint/model.js';
import type { Tensor } from '../checkpoint/tensor.js';
import { MoegenError } from '../errors.js';
import type { MoeBlock, TensorRole } from '../description/block.js';
import { formatReference } from '../reference/formats/index.js';
import { decodeMatrix, matrixPlanes } from './decode.js';
import { mlxFormat, mlxModules, type MlxFormat, type MlxModule } from './mlx-form.js';
import { writeCheckpoint, type OutputMatrix, type OutputTensor } from './write.js';

export interface QuantizeChoice {
  /** Of experts and shared experts. */
  readonly format: string;
  /** Of routers; without it they stay as they are. */
  readonly router?: string | undefined;
  readonly onLayer?: ((done: number, all: number) => void) | undefined;
}

export interface QuantizeResult {
  readonly layers: readonly number[];
  readonly matrices: number;
  readonly bytes: number;
}

/** Throws `quantize/unsupported`, `quantize/partial-group`, `quantize/same-place`, and what reading and encoding throw. */
export async function quantize(
  location: string,
  out: string,
  choice: QuantizeChoice,
): Promise<QuantizeResult> {
  const model = await openUnbound(location);
  try {
    return await convert(model, out, choice);
  } finally {
    await model.checkpoint.close();
  }
}

async function convert(
  model: UnboundModel,
  out: string,
  { format, router, onLayer }: QuantizeChoice,
): Promise<QuantizeResult> {
  const { checkpoint, quantization, blocks, where } = model;
  if (checkpoint.kind === 'gguf')
    throw unsupported('a GGUF file', 'its tensors cannot be named as MLX names them', where);
  const formats = { experts: mlxFormat(format), router: router === undefined ? null : mlxFormat(router) };
  const found = new Map(moeLayers(checkpoint.tensors, quantization).map((layer) => [layer.index, layer]));
  const layers = blocks.blocks
    .flatMap(({ block, layers }) => layers.map((index) => ({ block, index })))
    .sort((a, b) => a.index - b.index);
  const moduleOf = mlxModules(model.config, where);
  const matrices: OutputMatrix[] = [];
  const taken = new Set<string>();
  const vectors: OutputTensor[] = [];
  const routers: Record<string, MlxFormat> = {};
  for (const { block, index } of layers) {
    const layer = found.get(index);
    if (layer === undefined) {
      throw new MoegenError('checkpoint/missing-tensor', `expected experts in layer ${index}, found none`, {
        where,
        help: 'check that all files of the checkpoint are there',
      });
    }
    const own = layerOutputs(block, layer, formats, moduleOf, where);
    matrices.push(...own.matrices);
    vectors.push(...own.vectors);
    for (const name of own.taken) taken.add(name);
    const [module] = layer.matrices.get('router') ?? [];
    if (formats.router !== null && module !== undefined) routers[module.module] = formats.router;
  }
  const { others, overrides } = otherTensors(model, taken);
  const bytes = await writeCheckpoint(out, {
    model,
    matrices,
    tensors: [...others, ...vectors],
    whole: formats.experts,
    overrides: { ...overrides, ...routers },
    onMatrix: (done) => onLayer?.(done, matrices.length),
  });
  return { layers: layers.map(({ index }) => index), matrices: matrices.length, bytes };
}

function unsupported(what: string, reason: string, where: string): MoegenError {
  return new MoegenError('quantize/unsupported', `${what} cannot be quantised: ${reason}`, {
    where,
    help: 'give the checkpoint in safetensors, with what lies beside the experts not quantised',
  });
}

interface Formats {
  readonly experts: MlxFormat;
  readonly router: MlxFormat | null;
}

interface LayerOutputs {
  readonly matrices: readonly OutputMatrix[];
  readonly vectors: readonly OutputTensor[];
  /** Names of tensors that these replace. */
  readonly taken: readonly string[];
}

function layerOutputs(
  block: MoeBlock,
  layer: MoeLayer,
  formats: Formats,
  moduleOf: MlxModule,
  where: string,
): LayerOutputs {
  const { traits, matrices: located } = locateLayer(block, layer, where);
  const isChosen = (role: TensorRole) =>
    /^(?:expert|shared)_(?:gate_up|gate|up|down)$/.test(role) ||
    (role === 'router' && formats.router !== null);
  const chosen = located.filter(({ role }) => isChosen(role));
  const matrices = chosen.flatMap((matrix) => {
    const format = matrix.role === 'router' && formats.router !== null ? formats.router : formats.experts;
    return partsOf(matrix, traits).map((part) =>
      outputMatrix(matrix, part, traits, moduleOf(layer.prefix, part.role), format),
    );
  });
  const biases = [...layer.vectors].filter(([role]) => /^expert_\w+_bias$/.test(role));
  const vectors = biases.flatMap(([role, tensors]) =>
    biasOutputs(role, tensors, traits, (part) => moduleOf(layer.prefix, part) ?? layer.prefix),
  );
  const modules = chosen.flatMap(({ stored }) => stored.flatMap(({ planes }) => Object.values(planes)));
  return {
    matrices,
    vectors,
    taken: [...modules, ...biases.flatMap(([, own]) => own)].map(({ name }) => name),
  };
}

/** Rows of a matrix that become one of their own. */
interface RowPart {
  readonly role: TensorRole;
  readonly first: number;
  readonly step: number;
  readonly rows: number;
}

/** MLX has gate and up apart. */
function splitRows(role: TensorRole, rows: number, { experts }: MoeBlock): RowPart[] {
  if (role !== 'expert_gate_up') return [{ role, first: 0, step: 1, rows }];
  const half = rows / 2;
  const isInterleaved = experts.gateUp === 'interleaved';
  const [step, second] = isInterleaved ? [2, 1] : [1, half];
  return [
    { role: 'expert_gate', first: 0, step, rows: half },
    { role: 'expert_up', first: second, step, rows: half },
  ];
}

function partsOf(matrix: LocatedMatrix, block: MoeBlock): RowPart[] {
  const { isTransposed } = orientation(matrix, block);
  return splitRows(matrix.role, isTransposed ? matrix.terms : matrix.columns, block);
}

function orientation({ role }: LocatedMatrix, { experts }: MoeBlock): { readonly isTransposed: boolean } {
  if (!role.startsWith('expert_')) return { isTransposed: false };
  const order = role === 'expert_down' ? experts.downOrder : experts.gateUpOrder;
  return { isTransposed: order === 'in_out' };
}

function outputMatrix(
  matrix: LocatedMatrix,
  part: RowPart,
  block: MoeBlock,
  module: string | null,
  format: MlxFormat,
): OutputMatrix {
  const { isTransposed } = orientation(matrix, block);
  const terms = isTransposed ? matrix.columns : matrix.terms;
  const { rows } = part;
  const reference = formatReference(format.name);
  const name = module ?? matrix.stored[0]?.module ?? '';
  if (terms % format.group !== 0) {
    throw new MoegenError(
      'quantize/partial-group',
      `expected rows of whole groups of ${format.group} terms, got ${terms} terms in ${name}`,
      { where: '--weights', help: 'use a format with smaller groups' },
    );
  }
  const isSame = matrix.stored.every((stored) => stored.format === format.name);
  return {
    module: name,
    format,
    count: part.role.startsWith('expert_') ? matrix.count : null,
    rows,
    terms,
    encode: (at) => {
      if (isSame && !isTransposed) {
        const planes = matrixPlanes(matrix, at);
        return Object.fromEntries(
          Object.entries(planes).map(([plane, bytes]) => [plane, rowsOf(bytes, matrix.columns, part)]),
        );
      }
      const values = decodeMatrix(matrix, at);
      const upright = isTransposed ? transposed(values, matrix.columns, matrix.terms) : values;
      return reference.encode(pick(upright, terms, part), rows, terms);
    },
  };
}

/** Whole rows of bytes. */
function rowsOf(bytes: Uint8Array, allRows: number, { first, step, rows }: RowPart): Uint8Array {
  const width = bytes.byteLength / allRows;
  if (rows === allRows) return bytes;
  const out = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row += 1) {
    const from = (first + row * step) * width;
    out.set(bytes.subarray(from, from + width), row * width);
  }
  return out;
}

function pick(values: Float64Array, terms: number, { first, step, rows }: RowPart): Float64Array {
  const out = new Float64Array(rows * terms);
  for (let row = 0; row < rows; row += 1) {
    const from = (first + row * step) * terms;
    out.set(values.subarray(from, from + terms), row * terms);
  }
  return out;
}

function transposed(values: Float64Array, rows: number, width: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let row = 0; row < rows; row += 1) {
    for (let at = 0; at < width; at += 1) out[at * rows + row] = values[row * width + at] ?? NaN;
  }
  return out;
}

/** The biases of the experts, one expert after the other, in the module of their matrix. */
function biasOutputs(
  role: TensorRole,
  tensors: readonly Tensor[],
  block: MoeBlock,
  moduleOf: (role: TensorRole) => string,
): OutputTensor[] {
  const owner = role.replace(/_bias$/, '') as TensorRole;
  const [first] = tensors;
  if (first === undefined) return [];
  const rows = first.shape.at(-1) ?? 0;
  return splitRows(owner, rows, block).map((part) => ({
    name: `${moduleOf(part.role)}.bias`,
    type: first.type,
    shape: [block.numExperts, part.rows],
    read: async () => {
      const all = await Promise.all(tensors.map(async (tensor) => tensor.read()));
      const bytes = Buffer.concat(all);
      const size = bytes.byteLength / block.numExperts;
      return Buffer.concat(
        Array.from({ length: block.numExperts }, (_, expert) =>
          rowsOf(bytes.subarray(expert * size, (expert + 1) * size), rows, part),
        ),
      );
    },
  }));
}

/** What is copied, with the sizes of modules that MLX has quantised. */
function otherTensors(
  { checkpoint, quantization, where }: UnboundModel,
  taken: ReadonlySet<string>,
): { readonly others: OutputTensor[]; readonly overrides: Record<string, MlxFormat> } {
  const overrides: Record<string, MlxFormat> = {};
  const others: OutputTensor[] = [];
  for (const [module, parts] of modulesOf(checkpoint.tensors)) {
    const own = [...parts.values()];
    const left = own.filter(({ name }) => !taken.has(name));
    // Scales of inputs and shapes go with the weights that they belong to.
    const isReplaced = left.length < own.length;
    const kept = isReplaced ? left.filter(({ name }) => name.endsWith('.bias')) : left;
    const isPacked =
      !isReplaced &&
      ['scales', 'weight_scale', 'weight_scale_inv', 'qweight', 'blocks', 'weight_packed'].some((part) =>
        parts.has(part),
      );
    if (isPacked && quantization.method !== 'mlx') {
      throw unsupported(
        module,
        `it is quantised too (${quantization.method}), and MLX has no such format`,
        where,
      );
    }
    const sizes = isPacked && quantization.method === 'mlx' ? quantization.sizesOf(module) : null;
    if (sizes !== null) overrides[module] = { ...sizes, name: '' };
    for (const tensor of kept) {
      others.push({ name: tensor.name, type: tensor.type, shape: tensor.shape, source: tensor });
    }
  }
  return { others, overrides };
}
