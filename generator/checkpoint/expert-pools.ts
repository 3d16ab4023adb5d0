// Checkpoints whose layers have several pools of experts, of text and of images: what the files hold of all of them, as the tensors of one. ERNIE
// 4.5 VL numbers the experts of all pools one after the other, has routers that lie as [in, out], and one row of a bias for each pool.

import type { ExpertPool } from '../description/models/index.js';
import type { Tensor } from './tensor.js';

type Tensors = ReadonlyMap<string, Tensor>;

const EXPERT = /(\.mlp\.experts\.)(\d+)(?=\.)/;
const ROUTER = /\.mlp\.gate\.weight(?:_(\d+))?$/;
const BIAS = '.mlp.moe_statics.e_score_correction_bias';

/** Under the names that they have where there is one pool; each keeps the name that it has in the file. */
export function tensorsOfPool(tensors: Tensors, pool: ExpertPool): Tensors {
  return new Map(
    [...tensors].flatMap(([name, tensor]): (readonly [string, Tensor])[] => {
      const expert = EXPERT.exec(name);
      if (expert !== null) {
        const at = Number(expert[2]) - pool.first;
        return at >= 0 && at < pool.count ? [[name.replace(EXPERT, `$1${at}`), tensor]] : [];
      }
      const router = ROUTER.exec(name);
      if (router === null) return [[name, name.endsWith(BIAS) ? rowOf(tensor, pool) : tensor]];
      const isOwn = Number(router[1] ?? 0) === pool.at;
      return isOwn ? [[name.replace(/_\d+$/, ''), transposed(tensor)]] : [];
    }),
  );
}

/** The same of tensors that are known from a configuration alone, named as if there were one pool. */
export function publishedInPool(tensors: Tensors, pool: ExpertPool): Tensors {
  return new Map(
    [...tensors].map(([name, tensor]): readonly [string, Tensor] => {
      if (ROUTER.test(name)) {
        const own = pool.at === 0 ? name : `${name}_${pool.at}`;
        return [name, { ...tensor, name: own, view: { kind: 'transposed' } }];
      }
      if (name.endsWith(BIAS)) return [name, { ...tensor, view: { kind: 'row', row: pool.at } }];
      const renamed = name.replace(
        EXPERT,
        (_, lead: string, at: string) => `${lead}${Number(at) + pool.first}`,
      );
      return [name, { ...tensor, name: renamed }];
    }),
  );
}

function rowOf(tensor: Tensor, { at }: ExpertPool): Tensor {
  const [rows = 1, ...rest] = tensor.shape;
  const bytes = tensor.bytes / rows;
  return {
    ...{ ...tensor, shape: rest, bytes, view: { kind: 'row', row: at } },
    read: async (start = 0, length = bytes - start) => tensor.read(at * bytes + start, length),
    readNow: (start, length) => tensor.readNow(at * bytes + start, length),
  };
}

function transposed(tensor: Tensor): Tensor {
  const [rows = 1, columns = 1] = tensor.shape;
  const size = tensor.bytes / (rows * columns);
  const turned = (bytes: Uint8Array): Uint8Array => {
    const out = new Uint8Array(bytes.byteLength);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const from = (row * columns + column) * size;
        out.set(bytes.subarray(from, from + size), (column * rows + row) * size);
      }
    }
    return out;
  };
  return {
    ...{ ...tensor, shape: [columns, rows], view: { kind: 'transposed' } },
    read: async (start = 0, length = tensor.bytes - start) =>
      turned(await tensor.read()).subarray(start, start + length),
    readNow: (start, length) => turned(tensor.readNow(0, tensor.bytes)).subarray(start, start + length),
  };
}
