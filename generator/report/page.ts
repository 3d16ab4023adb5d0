// One page of everything: what ran and what did not, the matrix of kernels, plots, what a Mac answered, and every source. It needs
// nothing beside itself.

import { cell, Html, html, htmlTable } from './html.js';
import { kernelSections } from './kernels.js';
import { matrixSections } from './matrix.js';
import { percent, shortNumber } from './numbers.js';
import { errorPlot, rooflinePlot, rooflinePoints } from './plots.js';
import { probeSection } from './probe.js';
import {
  grouped,
  kernelRecords,
  stagesOf,
  summaryOf,
  type KernelRecord,
  type TitledResult,
} from './records.js';
import type { Benched, Probed, Validated } from './results.js';
import type { KernelPlan } from '../plan/types.js';
import { ULP_LIMITS } from '../validate/ulps.js';

export interface ReportRequest {
  readonly version: string;
  /** Of the set that the page is about. */
  readonly plans: readonly KernelPlan[];
  /** By file. */
  readonly texts: ReadonlyMap<string, string>;
  readonly validated: readonly TitledResult[];
  readonly benched: readonly Benched[];
  readonly probed: readonly { readonly title: string; readonly result: Probed }[];
  readonly style: string;
  readonly script: string;
}

export interface Report {
  readonly text: string;
  readonly kernels: number;
  /** Kernels and blocks. */
  readonly failed: number;
  /** Of the set, and of what was benched, those that no run has. */
  readonly notValidated: number;
}

export function renderReport(request: ReportRequest): Report {
  const { plans, texts, benched, probed } = request;
  const validated = [
    ...request.validated,
    ...probed.map(({ title, result }) => ({ title, result: probedRun(result) })),
  ];
  const records = kernelRecords(plans, { validated, benched });
  const validatedNames = new Set(
    validated.flatMap(({ result }) => result.kernels.map(({ kernel }) => kernel)),
  );
  const absent = plans.filter(({ name }) => !validatedNames.has(name)).map(({ name }) => name);
  const failed = records.filter((record) => summaryOf(record).state === 'failed');
  const text = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <title>moegen report</title>
        <style>
          ${new Html(request.style)}
        </style>
      </head>
      <body>
        <h1>moegen report</h1>
        ${runsSection(validated, benched)} ${summarySection(records, failed, absent)}
        ${blocksSection(validated)} ${errorsSection(records)} ${rooflineSection(benched)}
        ${probed.map(({ title, result }) => probeSection(title, result))}
        <h2 id="matrix">Kernels by variant, format and dtype</h2>
        <p>
          The largest error in units in the last place of the output's type, and the largest share of the
          allowed error that any value used; below it the checks that found nothing, threadgroup memory, and
          bytes moved over the least there can be. Where a sum cancels, units in the last place grow without
          limit and the share of the bound stays.
        </p>
        ${matrixSections(records)}
        <h2 id="sources">Kernels by file</h2>
        <p>
          <button type="button" id="open">open all</button>
          <button type="button" id="close">close all</button>
        </p>
        ${kernelSections(records, texts)}
        <footer><p>Written by moegen ${request.version}.</p></footer>
        <script>
          ${new Html(request.script)};
        </script>
      </body>
    </html> `.text;
  const wrongBlocks = validated.flatMap(({ result }) => result.fixtures.filter(({ ok }) => !ok));
  return {
    ...{ text, kernels: records.length, notValidated: absent.length },
    failed: failed.length + wrongBlocks.length,
  };
}

/** What a Mac ran, as if `validate` had. */
function probedRun({ machine, kernels }: Probed): Validated {
  return {
    device: 'metal',
    machine: `${machine.name}, ${machine.system}`,
    checks: [],
    kernels,
    fixtures: [],
  };
}

function runsSection(validated: readonly TitledResult[], benched: readonly Benched[]): Html {
  const runs = validated.map(({ title, result }) => [
    cell(title),
    cell(result.device),
    cell(result.machine),
    cell(result.seed ?? '-', 'number'),
    cell(result.checks.length === 0 ? 'none' : result.checks.join(', ')),
    cell(result.kernels.length, 'number'),
    cell(result.fixtures.length, 'number'),
  ]);
  const benches = benched.map(({ model, device, machine, layers }) => [
    cell(model),
    cell(device),
    cell(machine),
    cell([...new Set(layers.map(({ numTokens }) => numTokens))].join(', ')),
    cell(layers.some(({ readBandwidth }) => readBandwidth !== undefined) ? 'times' : 'counts'),
  ]);
  return html`<section>
    <h2>Runs</h2>
    ${runs.length === 0 ? html`<p>Nothing was validated.</p>` : htmlTable(['run', 'device', 'machine', 'seed', 'checks', 'kernels', 'blocks'], runs)}
    ${benches.length === 0 ? html`<p>No layer was benched.</p>` : htmlTable(['benched', 'device', 'machine', 'tokens', 'what'], benches)}
  </section>`;
}

function summarySection(
  records: readonly KernelRecord[],
  failed: readonly KernelRecord[],
  absent: readonly string[],
): Html {
  const ran = records.filter((record) => summaryOf(record).state !== 'none');
  const share = Math.max(0, ...ran.map((record) => summaryOf(record).usedShare));
  const links = failed.map(({ name }) => html`<li><a href="#${name}">${name}</a></li> `);
  return html`<section>
    <h2>Verdict</h2>
    <p id="verdict">
      ${ran.length - failed.length} of ${ran.length} kernels that ran agree with their
      references${ran.length === 0 ? '' : `; the nearest used ${percent(share)} of what is allowed`}.
      ${absent.length === 0 ? 'Every kernel of the set was validated.' : `${absent.length} kernels were not validated.`}
    </p>
    ${
      links.length > 0
        ? html`<ul class="failed">
            ${links}
          </ul>`
        : undefined
    }
    ${
      absent.length > 0
        ? html`<details>
            <summary>not validated</summary>
            <p>${absent.join(', ')}</p>
          </details>`
        : undefined
    }
  </section>`;
}

function blocksSection(validated: readonly TitledResult[]): Html | undefined {
  const rows = validated.flatMap(({ title, result }) =>
    result.fixtures.map(
      ({
        file,
        model_type,
        dtype,
        ok,
        rel_error,
        limit,
        rel_error_reference,
        rows: compared,
        dispatches,
      }) => [
        ...[cell(title), cell(file), cell(model_type), cell(dtype)],
        cell(ok ? 'agrees' : html`<b class="failed">FAILED</b>`),
        cell(rel_error === null ? '∞' : shortNumber(rel_error), 'number'),
        cell(percent((rel_error ?? Infinity) / limit), 'number'),
        cell(rel_error_reference === 0 ? '-' : shortNumber(rel_error_reference), 'number'),
        cell(compared, 'number'),
        cell(dispatches.length, 'number'),
      ],
    ),
  );
  if (rows.length === 0) return undefined;
  const head = [
    'run',
    'block',
    'model',
    'dtype',
    'verdict',
    'error',
    'of the limit',
    'transformers in bf16',
    'rows',
    'dispatches',
  ];
  return html`<section>
    <h2>Blocks</h2>
    ${htmlTable(head, rows)}
  </section>`;
}

/** By the type of the activations, over all runs. */
function errorsSection(records: readonly KernelRecord[]): Html | undefined {
  const dtypes = [...grouped(records, ({ plan }) => plan?.axes['activation'] ?? 'others')].sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const plots = dtypes.flatMap(([dtype, own]) => {
    const counts = own.flatMap(({ verdicts }) =>
      verdicts.flatMap(({ verdict }) => (verdict.ulps ? [verdict.ulps.counts] : [])),
    );
    if (counts.length === 0) return [];
    const total = ULP_LIMITS.map((_, at) => counts.reduce((sum, each) => sum + (each[at] ?? 0), 0));
    return [
      html`<figure>
        ${errorPlot(total, `Errors with ${dtype} activations`)}
        <figcaption>${dtype}</figcaption>
      </figure> `,
    ];
  });
  if (plots.length === 0) return undefined;
  return html`<section>
    <h2>Errors</h2>
    <p>
      Values by their error in units in the last place of the output's type, by dtype of the activations. The
      scale is logarithmic.
    </p>
    <div class="plots">${plots}</div>
  </section>`;
}

function rooflineSection(benched: readonly Benched[]): Html | undefined {
  const points = rooflinePoints(stagesOf(benched));
  if (points.length === 0) return undefined;
  return html`<section>
    <h2>Roofline</h2>
    <p>
      Stages of the benched layers. The diagonal is what memory allows; a point below it moved more than it
      had to (hollow: counted), or took longer than its bytes at the read bandwidth of the same run (filled:
      measured).
    </p>
    ${rooflinePlot(points)}
  </section>`;
}
