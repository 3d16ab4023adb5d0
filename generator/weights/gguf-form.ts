// How llama.cpp names the tensors of MoE blocks, and the header of a GGUF file that holds them.

import { MoegenError } from '../errors.js';
import type { TensorRole } from '../description/block.js';
import { GGUF_TYPES } from '../checkpoint/gguf-types.js';

const NAMES: Readonly<Partial<Record<TensorRole, string>>> = {
  ...{ router: 'ffn_gate_inp.weight', router_bias: 'ffn_gate_inp.bias', selection_bias: 'exp_probs_b.bias' },
  ...{ expert_gate: 'ffn_gate_exps.weight', expert_gate_bias: 'ffn_gate_exps.bias' },
  ...{ expert_up: 'ffn_up_exps.weight', expert_up_bias: 'ffn_up_exps.bias' },
  ...{ expert_down: 'ffn_down_exps.weight', expert_down_bias: 'ffn_down_exps.bias' },
  ...{ adjugate_gate: 'ffn_gate_chexps.weight', adjugate_up: 'ffn_up_chexps.weight' },
  adjugate_down: 'ffn_down_chexps.weight',
  ...{ shared_gate: 'ffn_gate_shexp.weight', shared_up: 'ffn_up_shexp.weight' },
  ...{ shared_down: 'ffn_down_shexp.weight', shared_sigmoid_gate: 'ffn_gate_inp_shexp.weight' },
};

/** Throws `quantize/unsupported`. */
export function ggufName(role: TensorRole, layer: number, where: string): string {
  const name = NAMES[role];
  if (name !== undefined) return `blk.${layer}.${name}`;
  throw new MoegenError('quantize/unsupported', `GGUF has no name for the ${role} of a block`, {
    where,
    help: 'choose a format of MLX or one that servers read, whose files have one',
  });
}

/** A tensor, whose extents go from rows to neighbouring elements. */
export interface GgufEntry {
  readonly name: string;
  readonly type: string;
  readonly shape: readonly number[];
  /** From the start of the data. */
  readonly start: number;
}

const TYPE_NUMBERS: ReadonlyMap<string, number> = new Map(
  [...GGUF_TYPES].map(([number, { name }]) => [name, number]),
);

export const GGUF_ALIGNMENT = 32;

/** A text in the metadata, and how many bytes it takes is said before it. */
function textBytes(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([numberBytes(bytes.byteLength, 8), bytes]);
}

function numberBytes(value: number, bytes: 4 | 8): Buffer {
  const buffer = Buffer.alloc(bytes);
  if (bytes === 4) buffer.writeUInt32LE(value);
  else buffer.writeBigUInt64LE(BigInt(value));
  return buffer;
}

export interface GgufMetadata {
  readonly entries: number;
  /** As they lie in a file. */
  readonly bytes: Uint8Array;
}

const TEXT = 8;

/** What a file of blocks alone says of itself. */
export function ownMetadata(architecture: string): GgufMetadata {
  const entries = [['general.architecture', architecture]] as const;
  const bytes = entries.flatMap(([key, value]) => [textBytes(key), numberBytes(TEXT, 4), textBytes(value)]);
  return { entries: entries.length, bytes: Buffer.concat(bytes) };
}

/** All that stands before the data, up to its first byte. */
export function ggufHeader(
  metadata: GgufMetadata,
  tensors: readonly GgufEntry[],
  alignment: number = GGUF_ALIGNMENT,
): Uint8Array {
  const parts = [
    ...[Buffer.from('GGUF'), numberBytes(3, 4), numberBytes(tensors.length, 8)],
    ...[numberBytes(metadata.entries, 8), metadata.bytes],
    ...tensors.flatMap(({ name, type, shape, start }) => [
      ...[textBytes(name), numberBytes(shape.length, 4)],
      ...shape.toReversed().map((extent) => numberBytes(extent, 8)),
      ...[numberBytes(TYPE_NUMBERS.get(type) ?? NaN, 4), numberBytes(start, 8)],
    ]),
  ];
  const bytes = Buffer.concat(parts);
  return Buffer.concat([bytes, Buffer.alloc(-bytes.byteLength & (alignment - 1))]);
}
