// Outcomes of tests for people and, as JUnit's XML, for programs that run tests.

import type { CheckReport } from '../../native/types.js';
import type { Difference } from './compare.js';
import type { OutputOutcome, TestOutcome } from './run.js';

/** One line, and for a test that fails what is wrong with it. */
export function describeOutcome(outcome: TestOutcome): string {
  const { file, name, ok, seconds } = outcome;
  const title = `${ok ? 'ok    ' : 'FAILED'} ${file}: ${name} (${seconds.toFixed(1)} s)`;
  return [title, ...faults(outcome).map((fault) => `    ${fault.replaceAll('\n', '\n    ')}`)].join('\n');
}

function faults({ outputs, reports, error }: TestOutcome): string[] {
  return [
    ...outputs.filter(({ differing }) => differing > 0).map(describeOutput),
    ...reports.map(describeReport),
    ...(error === undefined ? [] : [describeError(error)]),
  ];
}

function describeError({ code, message, where, help, log }: NonNullable<TestOutcome['error']>): string {
  return [
    `error[${code}]: ${message}`,
    ...(where === undefined ? [] : [`  --> ${where}`]),
    ...(help === undefined ? [] : [`  help: ${help}`]),
    ...(log === undefined ? [] : [log.trimEnd()]),
  ].join('\n');
}

function describeReport({ check, message, file, line, kernel }: CheckReport): string {
  return `${check}: ${message} (${file === undefined ? kernel : `${file}:${line ?? 1}`})`;
}

function describeOutput({ buffer, compared, differing, first, worst }: OutputOutcome): string {
  const lines = first === undefined ? [] : [`first ${describeDifference(buffer, first)}`];
  if (worst !== undefined) lines.push(`worst ${describeDifference(buffer, worst)}`);
  return [
    `${differing} of ${compared} numbers of ${buffer} differ`,
    ...lines.map((line) => `  ${line}`),
  ].join('\n');
}

function describeDifference(buffer: string, { position, path, got, want, allowed }: Difference): string {
  const off =
    typeof got === 'number' && typeof want === 'number' && Number.isFinite(got - want)
      ? `, off by ${Math.abs(got - want).toPrecision(3)}`
      : '';
  return `${buffer}[${position.join(', ')}]${path}: got ${got}, expected ${want}${off}; allowed: ${allowed}`;
}

/** One suite for each file. */
export function junitXml(outcomes: readonly TestOutcome[]): string {
  const files = [...new Set(outcomes.map(({ file }) => file))];
  const suites = files.map((file) => {
    const own = outcomes.filter((outcome) => outcome.file === file);
    const cases = own.map((outcome) => testCase(outcome)).join('');
    return `  <testsuite name="${escaped(file)}" ${counts(own)}>\n${cases}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites ${counts(outcomes)}>\n${suites.join('')}</testsuites>\n`;
}

function counts(outcomes: readonly TestOutcome[]): string {
  const errors = outcomes.filter(({ error }) => error !== undefined).length;
  const failures = outcomes.filter(({ ok }) => !ok).length - errors;
  const seconds = outcomes.reduce((sum, each) => sum + each.seconds, 0);
  return `tests="${outcomes.length}" failures="${failures}" errors="${errors}" time="${seconds.toFixed(3)}"`;
}

function testCase(outcome: TestOutcome): string {
  const { file, name, ok, seconds, error } = outcome;
  const open = `    <testcase classname="${escaped(file)}" name="${escaped(name)}" time="${seconds.toFixed(3)}"`;
  if (ok) return `${open}/>\n`;
  const text = faults(outcome).join('\n');
  const kind = error === undefined ? 'failure' : 'error';
  const [first = ''] = text.split('\n');
  const body = `<${kind} message="${escaped(first)}">${escaped(text)}</${kind}>`;
  return `${open}>\n      ${body}\n    </testcase>\n`;
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

function escaped(text: string): string {
  return text
    .replace(/[&<>"]/g, (each) => ENTITIES[each] ?? each)
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '?');
}
