// The weights of a block as its kernels' formats hold them: planes for the kernels, and the values in them for the reference.

import type { MoeBlock, TensorRole } from '../description/block.js';
import { expertsInRole } from '../description/tensors.js';
import { kernelFormats } from '../description/weights.js';
import type { KernelPlan } from '../plan/types.js';
import type { BlockWeights } from '../reference/weights.js';
import { encodeMatrices } from './encode-matrices.js';
import type { Inputs } from './job.js';

export interface PackedWeights {
  /** Planes by the names of their bindings; nothing for dense weights. */
  readonly inputs: Inputs;
  /** What the kernels multiply with. */
  readonly weights: BlockWeights;
}

/** By the quantiser that each format's reference names. */
export function packWeights(
  plans: readonly KernelPlan[],
  block: MoeBlock,
  weights: BlockWeights,
): PackedWeights {
  const inputs: Record<string, Uint8Array> = {};
  const decoded = new Map<TensorRole, Float64Array>();
  for (const plan of plans) {
    const [format] = kernelFormats([plan.axes['weight'] ?? '']);
    if (format?.element !== null) continue;
    for (const { name, role, matrix, shape } of plan.bindings) {
      if (role === undefined || matrix === undefined || decoded.has(role)) continue;
      const terms = block.tensors[role]?.shape.at(-1) ?? 0;
      const values = weights.tensor(role);
      const isPerExpert = shape[0]?.startsWith('num_experts') === true && shape.length === 3;
      const matrices = isPerExpert ? expertsInRole(role, block) : 1;
      const columns = values.length / terms / matrices;
      const encoded = encodeMatrices(format.name, values, matrices, columns, terms);
      for (const [suffix, bytes] of Object.entries(encoded.planes)) {
        inputs[name.replace(/weight$/, suffix)] = bytes;
      }
      decoded.set(role, encoded.values);
    }
  }
  return { inputs, weights: withDecoded(weights, decoded, block) };
}

function withDecoded(
  weights: BlockWeights,
  decoded: ReadonlyMap<TensorRole, Float64Array>,
  block: MoeBlock,
): BlockWeights {
  return {
    tensor: (role) => decoded.get(role) ?? weights.tensor(role),
    expert: (role, expert) => {
      const all = decoded.get(role);
      if (all === undefined) return weights.expert(role, expert);
      const size = all.length / expertsInRole(role, block);
      return all.subarray(expert * size, (expert + 1) * size);
    },
  };
}
