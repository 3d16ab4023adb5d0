// Configurations as they are published, or as their makers document them, and what each must be answered with: the layers that have a block,
// the block, the format of each projection, the names of some tensors; or a refusal. The answers were written down from the files, and what
// files do not say from the code that reads the checkpoints.

import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { blockLayers, parseConfig } from '../../generator/description/models/index.js';
import type { FormatMix } from '../../generator/description/weights.js';
import { OF_SELECTED, SHARED, SIGMOID, SUM, SUM_1E20, type Difference } from './plain-block.js';

const FOLDER = path.resolve(import.meta.dirname, '../fixtures/configs');

interface Answer {
  /** First and last layer with this block; a list where they do not follow each other. */
  readonly layers: readonly [first: number, last: number] | readonly number[];
  readonly block: Difference;
  /** Null where the configuration names no quantised weights. */
  readonly formats?: FormatMix | null;
  readonly tensors?: readonly string[];
}

interface Case {
  readonly numLayers: number;
  /** What is said of them. */
  readonly warnings?: readonly RegExp[];
  readonly answers: readonly Answer[];
}

const sizes = (hiddenSize: number, intermediateSize: number, numExperts: number, topK: number) => ({
  ...{ hiddenSize, intermediateSize, numExperts, topK },
});
const shared = (intermediateSize: number, others: Partial<typeof SHARED> = {}) => ({
  shared: { ...SHARED, intermediateSize, ...others },
});
const one = (numLayers: number, first: number, answer: Omit<Answer, 'layers'>): Case => ({
  ...{ numLayers, answers: [{ layers: [first, numLayers - 1], ...answer }] },
});

const RENORMALISED = { router: { normalize: SUM } };
const GROUPED = {
  ...SIGMOID,
  groups: { count: 8, keep: 4, score: 'top2_sum' },
  normalize: SUM_1E20,
  scale: 2.5,
} as const;
const UNGROUPED = { ...SIGMOID, normalize: SUM_1E20 } as const;
const FP8 = 'fp8_128x128_f32';
const EXPERTS_IN = (format: string): FormatMix => ({ router: 'bf16', gate_up: format, down: format });
const ALL_IN = (format: string): FormatMix => ({
  ...{ ...EXPERTS_IN(format), shared_gate_up: format, shared_down: format },
});
const OAI = {
  router: { ...OF_SELECTED, logitBias: true },
  experts: { gateUp: 'interleaved', bias: true, glu: { kind: 'oai', limit: 7, alpha: 1.702 } },
} as const;
const GEGLU = { kind: 'plain', activation: 'gelu_tanh' } as const;
const GEMMA_NORM = { epsilon: 1e-6 };
const GEMMA: Difference = {
  ...sizes(2816, 704, 128, 8),
  router: { norm: { epsilon: 1e-6, factor: 2816 ** -0.5 }, normalize: SUM, expertScale: true },
  experts: { glu: GEGLU, inputNorm: GEMMA_NORM, outputNorm: GEMMA_NORM },
  ...shared(2112, { glu: GEGLU, inputNorm: GEMMA_NORM, outputNorm: GEMMA_NORM }),
};
const GEMMA_TENSORS = [
  ...['router.proj.weight', 'router.scale', 'router.per_expert_scale', 'mlp.up_proj.weight'],
  ...['pre_feedforward_layernorm_2.weight', 'post_feedforward_layernorm_2.weight'],
];
const DEEPSEEK_V3: Difference = { ...sizes(7168, 2048, 256, 8), router: GROUPED, ...shared(2048) };
const GLM_5: Difference = {
  ...{ ...sizes(6144, 2048, 256, 8), router: { ...UNGROUPED, scale: 2.5 }, ...shared(2048) },
};
const KIMI_K2: Difference = {
  ...{ ...sizes(7168, 2048, 384, 8), router: { ...UNGROUPED, scale: 2.827 }, ...shared(2048) },
};
const CLAMPED = { kind: 'clamp_before', activation: 'silu', limit: 10 } as const;
const V4_ROUTER = { scoring: { kind: 'sqrtsoftplus' }, normalize: SUM_1E20, scale: 1.5 } as const;
const V4: Difference = {
  ...{ ...sizes(4096, 2048, 256, 6), experts: { glu: CLAMPED }, ...shared(2048, { glu: CLAMPED }) },
};
const deepseekV4 = (formats: FormatMix): Case => ({
  numLayers: 43,
  answers: [
    {
      layers: [0, 2],
      block: { ...V4, router: { ...V4_ROUTER, selection: { kind: 'token_table', vocabSize: 129280 } } },
      formats,
      tensors: ['gate.tid2eid'],
    },
    {
      layers: [3, 42],
      block: { ...V4, router: { ...V4_ROUTER, selectionBias: true } },
      formats,
      tensors: ['gate.e_score_correction_bias'],
    },
  ],
});
const RELU2 = { kind: 'plain', activation: 'relu2' } as const;
const nemotron = (block: Difference, width: number): Difference => ({
  experts: { gateUp: 'ungated', glu: RELU2 },
  ...shared(width, { layout: 'ungated', glu: RELU2 }),
  ...block,
});
const QWEN3: Difference = { ...sizes(2048, 768, 128, 8), ...RENORMALISED };
const QWEN3_5: Difference = {
  ...{ ...sizes(2048, 512, 256, 8), ...RENORMALISED, ...shared(512, { sigmoidGate: true }) },
};
const GRANITE = { router: OF_SELECTED, ...shared(1024, { layout: 'packed' }) } as const;
const SITU = { kind: 'situ', beta: 4, linearBeta: 25 } as const;

export const CASES: Readonly<Record<string, Case>> = {
  'ERNIE-4.5-VL-28B-A3B': {
    warnings: [
      /are those of text; tokens of images have a router and experts of their own: .+ --experts image/,
    ],
    ...one(28, 1, {
      block: {
        ...sizes(2560, 1536, 64, 6),
        router: { selectionBias: true, normalize: { kind: 'floor', floor: 1e-12 } },
        ...shared(3072),
      },
      tensors: ['gate.moe_statics.e_score_correction_bias', 'shared_experts.gate_proj.weight'],
    }),
  },
  'GLM-4.5V': one(46, 1, {
    block: { ...sizes(4096, 1408, 128, 8), router: UNGROUPED, ...shared(1408) },
    tensors: ['gate.e_score_correction_bias'],
  }),
  'Gemma-4-text-only': one(30, 0, { block: GEMMA, tensors: GEMMA_TENSORS }),
  'Grok-2': one(64, 0, {
    block: {
      ...sizes(8192, 16384, 8, 2),
      router: { softcap: 30 },
      experts: { gateUp: 'separate', glu: GEGLU },
      ...shared(32768, { glu: GEGLU, combine: 'equal_power' }),
    },
    tensors: ['block_sparse_moe.experts.{expert}.w2.weight'],
  }),
  GroveMoE: one(48, 0, {
    block: {
      ...{ ...sizes(2048, 768, 128, 8), ...RENORMALISED, experts: { gateUp: 'separate' } },
      adjugate: { expertsPerGroup: 2, intermediateSize: 128, layout: 'separate', scale: 0.05 },
    },
    tensors: ['experts.{expert}.up_proj.weight', 'chunk_experts.{expert}.down_proj.weight'],
  }),
  'Hunyuan-A13B-origname': one(32, 0, {
    block: { ...sizes(4096, 3072, 64, 8), ...RENORMALISED, ...shared(3072) },
    tensors: ['gate.wg.weight', 'shared_mlp.down_proj.weight'],
  }),
  'Jamba-1.5-Mini': {
    numLayers: 32,
    answers: [
      {
        layers: [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31],
        block: sizes(4096, 14336, 16, 2),
        tensors: ['router.weight'],
      },
    ],
  },
  'Klear-46B-A2.5B': one(32, 0, {
    block: {
      ...sizes(2048, 896, 256, 8),
      router: { ...SIGMOID, normalize: SUM },
      ...shared(896, { combine: 'softmax' }),
    },
    tensors: ['expert_bias', 'coefficient.weight', 'coefficient.bias'],
  }),
  Laguna: one(40, 1, {
    block: { ...sizes(2048, 512, 256, 8), router: { ...SIGMOID, normalize: SUM }, ...shared(512) },
    tensors: ['gate.e_score_correction_bias'],
  }),
  'Ling-mini-2.0': one(20, 1, {
    block: { ...sizes(2048, 512, 256, 8), router: GROUPED, ...shared(512) },
    tensors: ['gate.expert_bias'],
  }),
  'MiniMax-Text-01-orig': one(80, 0, { block: { ...sizes(6144, 9216, 32, 2), ...RENORMALISED } }),
  'MiniMaxAI--MiniMax-M2.5': one(62, 0, {
    block: { ...sizes(3072, 1536, 256, 8), router: { ...SIGMOID, normalize: SUM } },
    formats: EXPERTS_IN(FP8),
    tensors: ['e_score_correction_bias'],
  }),
  'Qwen--Qwen3-30B-A3B-FP8': one(48, 0, { block: QWEN3, formats: EXPERTS_IN(FP8) }),
  'Qwen--Qwen3-30B-A3B': one(48, 0, { block: QWEN3, tensors: ['gate.weight', 'experts.gate_up_proj'] }),
  'Qwen--Qwen3-VL-30B-A3B-Instruct': one(48, 0, { block: QWEN3 }),
  'Qwen--Qwen3.5-35B-A3B': one(40, 0, { block: QWEN3_5, tensors: ['shared_expert_gate.weight'] }),
  'Qwen3-Omni-30B-A3B': one(48, 0, { block: QWEN3 }),
  'SmallThinker-21B': one(52, 0, {
    block: {
      ...sizes(2560, 768, 64, 6),
      router: { input: 'own', scoring: { kind: 'raw' }, post: 'sigmoid', normalize: SUM },
      experts: { gateUp: 'separate', glu: { kind: 'plain', activation: 'relu' } },
    },
    tensors: ['primary_router.weight'],
  }),
  'XiaomiMiMo--MiMo-V2-Flash': one(48, 1, {
    block: { ...sizes(4096, 2048, 256, 8), router: UNGROUPED },
    formats: EXPERTS_IN(FP8),
  }),
  'deepseek-ai--DeepSeek-V3.2': one(61, 3, { block: DEEPSEEK_V3, formats: ALL_IN(FP8) }),
  'deepseek-ai--DeepSeek-V3': one(61, 3, { block: DEEPSEEK_V3, formats: ALL_IN(FP8) }),
  'deepseek-ai--DeepSeek-V4-Flash': deepseekV4({ ...ALL_IN('fp8_128x128_ue8m0'), ...EXPERTS_IN('mxfp4') }),
  'google--gemma-4-26B-A4B': one(30, 0, { block: GEMMA, tensors: GEMMA_TENSORS }),
  'granite-4.0-h-tiny': one(40, 0, {
    block: { ...sizes(1536, 512, 64, 6), ...GRANITE },
    tensors: ['block_sparse_moe.router.layer.weight', 'shared_mlp.input_linear.weight'],
  }),
  granitemoeshared: one(40, 0, { block: { ...sizes(1536, 512, 62, 6), ...GRANITE } }),
  'meta-llama--Llama-4-Scout-17B-16E-Instruct': one(48, 0, {
    block: {
      ...sizes(5120, 8192, 16, 1),
      router: { scoring: { kind: 'raw' }, post: 'sigmoid' },
      experts: { gateUpOrder: 'in_out', downOrder: 'in_out', weightOn: 'input' },
      ...shared(8192),
    },
    tensors: ['router.weight', 'shared_expert.gate_proj.weight'],
  }),
  'mistralai--Mixtral-8x7B-v0.1': one(32, 0, { block: { ...sizes(4096, 14336, 8, 2), ...RENORMALISED } }),
  'mlx-Qwen3-30B-A3B-4bit': one(48, 0, {
    block: QWEN3,
    formats: { ...EXPERTS_IN('affine4_g64_bf16'), router: 'affine8_g64_bf16' },
  }),
  // Packed rows of terms, which transformers transposes; the override is the first layer's alone.
  'mlx-gpt-oss-20b-MXFP4-Q8': {
    numLayers: 24,
    answers: [
      {
        layers: [0, 0],
        block: { ...sizes(2880, 2880, 32, 4), ...OAI },
        formats: { ...EXPERTS_IN('mxfp4'), router: 'affine8_g64_bf16' },
        tensors: ['router.bias', 'experts.gate_up_proj_bias'],
      },
      {
        layers: [1, 23],
        block: { ...sizes(2880, 2880, 32, 4), ...OAI },
        formats: { ...EXPERTS_IN('mxfp4'), router: 'mxfp4' },
      },
    ],
  },
  'moonshotai--Kimi-K2-Instruct': one(61, 1, { block: KIMI_K2, formats: ALL_IN(FP8) }),
  'moonshotai--Kimi-K3': one(93, 1, {
    block: {
      ...sizes(7168, 3072, 896, 16),
      router: UNGROUPED,
      experts: { glu: SITU },
      latent: { size: 3584, bias: false, norm: { epsilon: 1e-5 } },
      ...shared(6144, { glu: SITU }),
    },
    formats: { ...ALL_IN('bf16'), ...EXPERTS_IN('mxfp4'), latent: 'bf16' },
    tensors: ['routed_expert_norm.weight', 'routed_expert_down_proj.weight'],
  }),
  'nvidia--DeepSeek-V3.1-NVFP4': one(61, 3, { block: DEEPSEEK_V3 }),
  'nvidia--GLM-5-NVFP4': one(78, 3, { block: GLM_5 }),
  'nvidia--Kimi-K2.5-NVFP4': one(61, 1, { block: KIMI_K2, formats: ALL_IN('nvfp4') }),
  'nvidia--NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4': {
    numLayers: 52,
    answers: [
      {
        layers: [
          ...[1, 3, 6, 8, 10, 13, 15, 17, 20, 22, 24, 27],
          ...[29, 31, 34, 36, 38, 40, 43, 45, 47, 49, 51],
        ],
        block: nemotron({ ...sizes(2688, 1856, 128, 6), router: { ...UNGROUPED, scale: 2.5 } }, 3712),
        tensors: ['experts.up_proj', 'shared_experts.down_proj.weight'],
      },
    ],
  },
  'nvidia--NVIDIA-Nemotron-3-Super-120B-A12B-FP8': {
    numLayers: 88,
    answers: [
      {
        layers: [
          ...[1, 3, 5, 8, 10, 12, 14, 17, 19, 21, 23, 26, 28, 30, 32, 34, 37, 39, 41, 43],
          ...[45, 48, 50, 52, 54, 56, 59, 61, 63, 65, 67, 70, 72, 74, 76, 79, 81, 83, 85, 87],
        ],
        block: nemotron(
          {
            ...sizes(4096, 2688, 512, 22),
            router: { ...UNGROUPED, scale: 5 },
            latent: { size: 1024, bias: false, norm: null },
          },
          5376,
        ),
        tensors: ['fc1_latent_proj.weight', 'fc2_latent_proj.weight'],
      },
    ],
  },
  'nvidia--Qwen3.6-35B-A3B-NVFP4': one(40, 0, { block: QWEN3_5, formats: ALL_IN('nvfp4') }),
  'openai--gpt-oss-20b': one(24, 0, {
    block: { ...sizes(2880, 2880, 32, 4), ...OAI },
    formats: EXPERTS_IN('mxfp4'),
  }),
  'sgl-project--DeepSeek-V4-Flash-FP8': deepseekV4(ALL_IN(FP8)),
  'stepfun-ai--Step-3.7-Flash-FP8': one(45, 3, {
    block: {
      ...{ ...sizes(4096, 1280, 288, 8), router: { ...SIGMOID, normalize: SUM } },
      ...{ routedScale: 3, ...shared(1280) },
    },
    formats: ALL_IN(FP8),
  }),
  'zai-org--GLM-5.1': one(78, 3, { block: GLM_5 }),
};

/** Codes of the refusals, with what their messages name. */
export const REFUSED: Readonly<Record<string, readonly [code: string, named: RegExp]>> = {};

/** The names of the files, without their ending. */
export const CONFIG_NAMES = readdirSync(FOLDER).map((file) => path.basename(file, '.json'));

export const configPath = (name: string) => path.join(FOLDER, `${name}.json`);

export function readPublished(name: string) {
  const config = parseConfig(readFileSync(configPath(name), 'utf8'), name);
  return { config, layers: blockLayers(config, name) };
}

export function layerNumbers(layers: Answer['layers']): readonly number[] {
  const [first = 0, last = first] = layers;
  return layers.length === 2 ? Array.from({ length: last - first + 1 }, (_, at) => first + at) : layers;
}
