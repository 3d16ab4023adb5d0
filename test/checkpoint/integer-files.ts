// Tiny checkpoints of one layer whose experts are integers of GPTQ, AWQ and compressed-tensors, with codes, zero points and scales that a
// rule gives.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { bf16OfNumber } from '../../generator/floats/bfloat16.js';
import { f16OfNumber } from '../../generator/floats/float16.js';
import { safetensorsBytes } from '../reference/safetensors-bytes.js';

const [HIDDEN, WIDTH, EXPERTS, GROUP] = [96, 32, 4, 32] as const;

export const INTEGER_KINDS = [
  ...(['gptq', 'gptq_v2', 'gptq_mixed', 'auto_round_mixed', 'awq'] as const),
  ...(['int4', 'int4_asym', 'int8_asym'] as const),
  ...([
    'int8_row',
    'int8_row_asym',
    'int8_whole',
    'int8_whole_asym',
    'int8_group',
    'int8_group_asym',
  ] as const),
] as const;
type IntegerKind = (typeof INTEGER_KINDS)[number];

type Part = readonly [suffix: string, dtype: string, shape: readonly number[], bytes: Uint8Array];

/** The same numbers in each run, all different. */
function randomWords(seed: number): () => number {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0);
}

const bytesOf = (array: Uint32Array | Uint16Array | Int32Array) => new Uint8Array(array.buffer);

/** Words of codes: every value is one that the format has. `isReordered` moves the terms of GPTQ to other groups. */
function matrixParts(
  kind: IntegerKind,
  columns: number,
  terms: number,
  next: () => number,
  { bits, isReordered }: { readonly bits: number; readonly isReordered: boolean },
): Part[] {
  const groups = terms / GROUP;
  const words = (count: number) => bytesOf(Uint32Array.from({ length: count }, next));
  const scaleAt = () => 2 ** -7 * (1 + (next() % 64) / 64);
  const scales = (toBits: (value: number) => number) =>
    bytesOf(Uint16Array.from({ length: columns * groups }, () => toBits(scaleAt())));
  const packed = (rows: number, width: number): readonly [readonly number[], Uint8Array] => [
    [rows, width],
    words(rows * width),
  ];
  const scope = scopeOf(kind);
  if (scope !== null) {
    const shape = { whole: [1], row: [columns, 1], group: [columns, groups] }[scope];
    const count = shape.reduce((product, extent) => product * extent, 1);
    const own = Float32Array.from({ length: count }, scaleAt);
    return [
      ['weight', 'I8', [columns, terms], words((columns * terms) / 4)],
      ['weight_scale', 'F32', shape, new Uint8Array(own.buffer)],
      ...(kind.endsWith('_asym')
        ? [
            [
              'weight_zero_point',
              'I8',
              shape,
              Uint8Array.from({ length: count }, () => next() >>> 24),
            ] as const,
          ]
        : []),
    ];
  }
  if (!kind.startsWith('int')) {
    const isAwq = kind === 'awq';
    const codes = isAwq ? packed(terms, (columns * bits) / 32) : packed((terms * bits) / 32, columns);
    const [zeroShape, zeros] = packed(groups, (columns * bits) / 32);
    // The first version stores zero points less one, and nobody agrees on what the largest means.
    const isLess = kind !== 'gptq_v2' && !isAwq;
    const stored = isLess ? zeros.map((byte) => byte & (bits === 8 ? 0xfe : 0xee)) : zeros;
    const groupOf = (term: number) => Math.floor((isReordered ? (term * 7) % terms : term) / GROUP);
    const table = bytesOf(Int32Array.from({ length: terms }, (_, term) => groupOf(term)));
    return [
      ['qweight', 'I32', ...codes],
      ['qzeros', 'I32', zeroShape, stored],
      ['scales', 'F16', [groups, columns], scales(f16OfNumber)],
      ...(isAwq ? [] : [['g_idx', 'I32', [terms], table] as const]),
    ];
  }
  const shape = bytesOf(Int32Array.of(columns, 0, terms, 0));
  return [
    ['weight_packed', 'I32', ...packed(columns, (terms * bits) / 32)],
    ['weight_scale', 'BF16', [columns, groups], scales(bf16OfNumber)],
    ['weight_shape', 'I64', [2], shape],
    ...(kind === 'int4'
      ? []
      : [['weight_zero_point', 'I32', ...packed((columns * bits) / 32, groups)] as const]),
  ];
}

/** Who shares a scale, where codes are bytes that are not packed. */
function scopeOf(kind: IntegerKind): 'row' | 'whole' | 'group' | null {
  const [, scope] = /^int8_(row|whole|group)/.exec(kind) ?? [];
  return (scope as 'row' | 'whole' | 'group' | undefined) ?? null;
}

function quantizationOf(kind: IntegerKind, isReordered: boolean): object {
  const sizes = { bits: 4, group_size: GROUP };
  if (kind === 'awq') return { quant_method: 'awq', version: 'gemm', ...sizes };
  if (kind === 'auto_round_mixed') {
    const extra_config = { '.*down_proj': { bits: 8 } };
    return { quant_method: 'auto-round', packing_format: 'auto_round:auto_gptq', ...sizes, extra_config };
  }
  if (kind.startsWith('gptq')) {
    const version = kind === 'gptq_v2' ? { checkpoint_format: kind } : {};
    const dynamic = kind === 'gptq_mixed' ? { '+:.*\\.down_proj$': { bits: 8 } } : null;
    return { quant_method: 'gptq', ...version, desc_act: isReordered, ...sizes, dynamic };
  }
  const scope = scopeOf(kind);
  if (scope !== null) {
    const weights = {
      ...{ num_bits: 8, type: 'int', symmetric: !kind.endsWith('_asym') },
      ...{ row: { strategy: 'channel' }, whole: { strategy: 'tensor' }, group: { strategy: 'group' } }[scope],
      ...(scope === 'group' && { group_size: GROUP }),
    };
    return {
      ...{ quant_method: 'compressed-tensors', format: 'int-quantized', ignore: ['re:.*mlp.gate$'] },
      config_groups: { group_0: { targets: ['Linear'], weights, input_activations: { num_bits: 8 } } },
    };
  }
  const weights = { num_bits: kind === 'int8_asym' ? 8 : 4, group_size: GROUP, symmetric: kind === 'int4' };
  return {
    ...{ quant_method: 'compressed-tensors', format: 'pack-quantized', ignore: ['re:.*mlp.gate$'] },
    config_groups: { group_0: { targets: ['Linear'], weights: { type: 'int', ...weights } } },
  };
}

/** Files of a model into `folder`. */
export function writeIntegers(folder: string, kind: IntegerKind, isReordered = false): void {
  const config = {
    ...{ model_type: 'qwen3_moe', torch_dtype: 'bfloat16', hidden_size: HIDDEN, num_experts: EXPERTS },
    ...{ moe_intermediate_size: WIDTH, num_experts_per_tok: 2, num_hidden_layers: 1, norm_topk_prob: true },
    quantization_config: quantizationOf(kind, isReordered),
  };
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  const next = randomWords(INTEGER_KINDS.indexOf(kind) + 1);
  const router = Uint16Array.from({ length: EXPERTS * HIDDEN }, () => bf16OfNumber(next() / 2 ** 32 - 0.5));
  const parts: [string, string, readonly number[], Uint8Array][] = [
    ['mlp.gate.weight', 'BF16', [EXPERTS, HIDDEN], bytesOf(router)],
  ];
  for (let expert = 0; expert < EXPERTS; expert += 1) {
    for (const name of ['gate_proj', 'up_proj', 'down_proj']) {
      const [columns, terms] = name === 'down_proj' ? [HIDDEN, WIDTH] : [WIDTH, HIDDEN];
      const bits = kind.startsWith('int8_') || (kind.endsWith('_mixed') && name === 'down_proj') ? 8 : 4;
      for (const [suffix, ...rest] of matrixParts(kind, columns, terms, next, { bits, isReordered })) {
        parts.push([`mlp.experts.${expert}.${name}.${suffix}`, ...rest]);
      }
    }
  }
  let end = 0;
  const header = Object.fromEntries(
    parts.map(([name, dtype, shape, bytes]) => {
      const start = end;
      end += bytes.byteLength;
      return [`model.layers.0.${name}`, { dtype, shape, data_offsets: [start, end] }];
    }),
  );
  const data = Buffer.concat(parts.map(([, , , bytes]) => bytes));
  writeFileSync(path.join(folder, 'model.safetensors'), safetensorsBytes(header, data));
}
