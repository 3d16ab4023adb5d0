// What is known of the kernels of a file, below its name: a block for each kernel, and the source.

import { cell, html, htmlTable, type Html } from './html.js';
import { highlightMetal } from './highlight.js';
import { percent, shortNumber, times } from './numbers.js';
import { errorPlot } from './plots.js';
import { grouped, summaryOf, type KernelRecord } from './records.js';

/** Files in the order of their names; kernels of other sets come last, without a source. */
export function kernelSections(records: readonly KernelRecord[], texts: ReadonlyMap<string, string>): Html[] {
  const files = grouped(records, ({ file }) => file ?? '');
  return [...files]
    .sort(([a], [b]) => Number(a === '') - Number(b === '') || (a < b ? -1 : 1))
    .map(([file, own]) => fileSection(file, own, texts.get(file)));
}

function fileSection(file: string, records: readonly KernelRecord[], text: string | undefined): Html {
  const failed = records.filter((record) => summaryOf(record).state === 'failed').length;
  const state = failed > 0 ? html` <b class="failed">${failed} FAILED</b>` : undefined;
  const title = file === '' ? 'kernels of other sets' : file;
  const source =
    text === undefined
      ? html`<p>The source is not part of the set that this page is about.</p>`
      : html`<pre class="source"><code>${highlightMetal(text)}</code></pre>`;
  return html`<details class="file">
    <summary>${title} <small>${records.length} of its kernels</small>${state}</summary>
    ${records.map(kernelBlock)}${source}
  </details> `;
}

function kernelBlock(record: KernelRecord): Html {
  const { name, plan, verdicts, stages } = record;
  return html`<article id="${name}">
    <h3>${name}</h3>
    ${plan && html`<p>${plan.summary}. ${plan.threadgroupBytes.toLocaleString('en-US')} bytes of threadgroup memory; ${plan.dispatch.threadsPerThreadgroup.join(' × ')} threads; Metal ${plan.mslVersion}.</p>`}
    ${verdicts.length === 0 ? html`<p>No run has it.</p>` : verdictTable(record)}
    ${verdicts.map(({ run, verdict }) => (verdict.ulps === undefined ? html`` : errorPlot(verdict.ulps.counts, `Errors of ${name} on ${run.device}`)))}
    ${stages.length === 0 ? undefined : stageTable(record)}
  </article> `;
}

function verdictTable({ verdicts }: KernelRecord): Html {
  const head = ['run', 'verdict', 'trials', 'values', 'error', 'of the bound', 'checks'];
  const rows = verdicts.map(({ run, verdict }) => [
    cell(run.title),
    cell(verdict.ok ? 'agrees' : html`<b class="failed">FAILED</b> ${problems(verdict)}`),
    cell(verdict.trials, 'number'),
    cell(verdict.compared.toLocaleString('en-US'), 'number'),
    cell(verdict.ulps === undefined ? '-' : `${shortNumber(verdict.ulps.largest ?? Infinity)} ulp`, 'number'),
    cell(percent(verdict.usedShare ?? Infinity), 'number'),
    cell(
      run.checks.length === 0
        ? 'none were on'
        : run.checks.map((check) => checkWord(verdict, check)).join(', '),
    ),
  ]);
  return htmlTable(head, rows);
}

function checkWord({ reports }: KernelRecord['verdicts'][number]['verdict'], check: string): string {
  const found = reports.filter((report) => report.check === check).length;
  return found === 0 ? check : `${check}: ${found} reports`;
}

function problems({ failures, reports, memory }: KernelRecord['verdicts'][number]['verdict']): string {
  return [
    ...failures.map(
      ({ case: name, output, mismatches }) => `${name}: ${mismatches} wrong values in ${output}`,
    ),
    ...reports.map(({ check, message }) => `${check}: ${message}`),
    ...(memory.length > 0 ? ['other threadgroup memory than its plan says'] : []),
  ].join('; ');
}

function stageTable({ stages }: KernelRecord): Html {
  const head = ['layer', 'stage', 'tokens', 'floor, bytes', 'read', 'written', 'over the floor', 'time, µs'];
  const rows = stages.map(({ bench, layer, stage: { stage, floor, counted, time } }) => [
    cell(`${bench.model} on ${bench.device}, ${layer.activation} × ${layer.weight}`),
    cell(stage),
    cell(layer.numTokens, 'number'),
    cell(shortNumber(floor.read + floor.written), 'number'),
    cell(counted === undefined ? '-' : shortNumber(counted.bytesRead), 'number'),
    cell(counted === undefined ? '-' : shortNumber(counted.bytesWritten), 'number'),
    cell(counted === undefined ? '-' : times(counted.ratio), 'number'),
    cell(time === undefined ? '-' : shortNumber(time.microseconds), 'number'),
  ]);
  return htmlTable(head, rows);
}
