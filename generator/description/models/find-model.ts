// Which row of the table a configuration belongs to, and where in it the text model's values lie: multimodal models wrap their
// text model, some of them twice, and name it by its type, by its class, or by the name that the type had first.

import { distance } from 'fastest-levenshtein';
import { MoegenError } from '../../errors.js';
import { isRecord, type ConfigValues, type LayerConfig } from './config.js';
import type { ModelRow } from './parts.js';
import { MODEL_ROWS } from './table.js';

export interface Model {
  readonly row: ModelRow;
  readonly config: LayerConfig;
}

const NEAREST_SHOWN = 3;

/** The sections that hold a text model, or a wrapper of it. */
const WRAPPERS = [
  'text_config',
  'llm_config',
  'language_config',
  'language_model_config',
  'thinker_config',
] as const;

/** The configuration itself, then what it wraps, down to the text model. */
export function wrappedConfigs(config: ConfigValues): readonly ConfigValues[] {
  const inner = WRAPPERS.map((key) => config[key]).find(isRecord);
  return inner === undefined ? [config] : [config, ...wrappedConfigs(inner)];
}

/** What `model_type` may be, alphabetically. */
export function modelTypes(): readonly string[] {
  return MODEL_ROWS.map(({ types }) => types[0]).sort();
}

/**
 * Types decide before classes, and the whole model before its parts: a wrapper that is known may change what its text model's type
 * means. `where` names the file.
 */
export function findModel(config: unknown, where: string): Model {
  if (!isRecord(config)) {
    throw new MoegenError('spec/invalid-config', 'a config.json must hold one JSON object', {
      where,
      help: 'name the config.json of a model',
    });
  }
  const configs = wrappedConfigs(config);
  const types = configs.map((each) => each['model_type']);
  const classes = configs.flatMap(({ architectures }): unknown[] =>
    Array.isArray(architectures) ? architectures : [],
  );
  for (const name of [...types, ...classes]) {
    if (typeof name !== 'string') continue;
    const row = MODEL_ROWS.find((candidate) => candidate.types.some((type) => plain(type) === plain(name)));
    if (row === undefined) continue;
    const values = configs.at(-1) ?? config;
    const outer = configs.slice(0, -1);
    return {
      row,
      config: { modelType: row.types[0], values, outer, layer: 0, pool: 0, where, asked: new Set() },
    };
  }
  throw unknownModelType(
    types.find((type) => type !== undefined),
    where,
  );
}

/** `nllb-moe`, `Klear`, `qwen3_vl_moe_text` and `DeepseekV4ForCausalLM` name what `nllb_moe`, `klear` and so on do. */
function plain(name: string): string {
  return name
    .replace(/(?:For[A-Z]\w*|Model|LMHeadModel)$/, '')
    .toLowerCase()
    .replace(/(?:_(?:text|thinker))+$/, '')
    .replaceAll(/[^a-z0-9]/g, '');
}

function unknownModelType(given: unknown, where: string): MoegenError {
  const help = 'describe the block by hand in a file and pass it with --spec block.json';
  const known = modelTypes();
  if (typeof given !== 'string') {
    const text = given === undefined ? 'nothing' : JSON.stringify(given);
    const message = `model_type must be one of the ${known.length} known types, got ${text}`;
    return new MoegenError('spec/unknown-model-type', message, { where: `${where}: model_type`, help });
  }
  const nearest = known.toSorted((a, b) => distance(given, a) - distance(given, b)).slice(0, NEAREST_SHOWN);
  return new MoegenError(
    'spec/unknown-model-type',
    `model_type must be one of the ${known.length} known types, got "${given}"; the nearest are ${nearest.join(', ')}`,
    { where: `${where}: model_type`, help },
  );
}
