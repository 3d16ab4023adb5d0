// A payload into a Swift script that carries it at its end, in a comment: a literal of that size would take a compiler minutes.

import path from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { createEnvironment } from '../emit/environment.js';
import { readTemplateSources } from '../emit/sources.js';
import type { KernelTexts } from '../validate/validate.js';
import { ULP_LIMITS } from '../validate/ulps.js';
import { probePayload, type ProbePayload } from './payload.js';

interface ScriptRequest {
  readonly version: string;
  readonly seed: number;
  /** The package's root, with its templates. */
  readonly packageDir: string;
}

const QUESTIONS = ['questions', 'bfloat', 'tensor'] as const;
const MARK = '/* payload';
const LINE = 160;

export function probeScript(texts: KernelTexts, { version, seed, packageDir }: ScriptRequest): string {
  const environment = createEnvironment(readTemplateSources(path.join(packageDir, 'templates'), ['probe']));
  const questions = Object.fromEntries(
    QUESTIONS.map((name) => [name, environment.render(`templates/probe/${name}.metal.hbs`, {})]),
  );
  const { payload, bytes } = probePayload(texts, { version, questions, seed });
  const program = environment.render('templates/probe/probe.swift.hbs', {
    version,
    limits: ULP_LIMITS.filter((limit) => limit < Infinity),
  });
  const packed = deflateRawSync(joined(payload, bytes), { level: 9 }).toString('base64');
  const lines = packed.match(new RegExp(`.{1,${LINE}}`, 'g')) ?? [];
  return `${program.trim()}\n\n${MARK}\n${lines.join('\n')}\n*/\n`;
}

/** The length of the JSON in four bytes, the JSON, and what it points into. */
function joined(payload: ProbePayload, bytes: Uint8Array): Buffer {
  const json = Buffer.from(JSON.stringify(payload));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(json.byteLength);
  return Buffer.concat([length, json, bytes]);
}
