// Files in which quantisers once said beside a configuration what now stands in it.

type Values = Readonly<Record<string, unknown>>;

export const BESIDE_FILES = ['hf_quant_config.json', 'quantize_config.json', 'quant_config.json'] as const;

/** A configuration that says what the first of the files does, by what they hold; null where none is there. */
export function quantizationBeside(files: Readonly<Record<string, unknown>>): Values | null {
  const [modelOpt, gptq, awq] = BESIDE_FILES.map((file) => files[file]);
  if (isRecord(modelOpt) && isRecord(modelOpt['quantization'])) {
    return { quantization_config: { ...modelOpt['quantization'], quant_method: 'modelopt' } };
  }
  if (isRecord(gptq)) return { quantization_config: { quant_method: 'gptq', ...gptq } };
  if (!isRecord(awq)) return null;
  const { w_bit: bits, q_group_size: group_size, version } = awq;
  return {
    quantization_config: { quant_method: 'awq', bits, group_size, ...(version !== undefined && { version }) },
  };
}

function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
