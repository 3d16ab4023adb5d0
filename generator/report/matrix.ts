// The matrix: for each family its variants and weight formats as rows, the activations' dtypes as columns, and in each cell what is
// known of the one kernel that they make.

import { ACTIVATION_DTYPES } from '../description/dtypes.js';
import { html, type Html } from './html.js';
import { percent, shortNumber, times } from './numbers.js';
import { grouped, summaryOf, type KernelRecord } from './records.js';

/** Axes that have columns or a place of their own in a row. */
const OWN_AXES: readonly string[] = ['activation', 'weight', 'kernel'];

export function matrixSections(records: readonly KernelRecord[]): Html[] {
  const planned = records.filter(({ plan }) => plan !== undefined);
  const families = grouped(planned, ({ plan }) => plan?.family ?? '');
  return [...families]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([family, own]) => familySection(family, own));
}

function familySection(family: string, records: readonly KernelRecord[]): Html {
  const dtypes = ACTIVATION_DTYPES.filter((dtype) =>
    records.some(({ plan }) => plan?.axes['activation'] === dtype),
  );
  const columns = dtypes.length === 0 ? ['any'] : dtypes;
  const rows = [...grouped(records, (record) => `${rowName(record)}\n${record.plan?.axes['weight'] ?? ''}`)];
  const head = ['variant', 'weights', ...columns].map((name) => html`<th>${name}</th>`);
  const body = rows.map(([key, own]) => {
    const [variant = '', weight = ''] = key.split('\n');
    const cells = columns.map((dtype) => {
      const record = own.find(({ plan }) => (plan?.axes['activation'] ?? 'any') === dtype);
      return record === undefined ? html`<td class="absent"></td>` : matrixCell(record);
    });
    return html`<tr>
      <th>${variant}</th>
      <th>${weight}</th>
      ${cells}
    </tr> `;
  });
  return html`<section class="family">
    <h3>${family}</h3>
    <table class="matrix">
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${body}
      </tbody>
    </table>
  </section> `;
}

/** Kernels of a family that have no axes are told apart by their names. */
function rowName({ name, plan }: KernelRecord): string {
  const axes = Object.entries(plan?.axes ?? {}).filter(([axis]) => !OWN_AXES.includes(axis));
  const isNamed = plan?.axes['activation'] === undefined || plan.axes['kernel'] !== undefined;
  const words = axes.filter(([, value]) => value !== 'none').map(([axis, value]) => `${axis} ${value}`);
  return isNamed ? name : words.join(', ');
}

const SHADES = 4;

function matrixCell(record: KernelRecord): Html {
  const { state, usedShare, ulps, passed, checked, overFloor } = summaryOf(record);
  const bytes = record.plan?.threadgroupBytes ?? 0;
  const details = [
    checked === 0 ? 'no checks' : `${passed} of ${checked} checks`,
    `${bytes.toLocaleString('en-US')} B`,
    ...(overFloor === undefined ? [] : [`${times(overFloor)} floor`]),
  ].join(' · ');
  const shade = state === 'ok' ? `ok${Math.min(SHADES, Math.ceil(usedShare * SHADES))}` : state;
  const error = [ulps === undefined ? '' : `${shortNumber(ulps)} ulp`, percent(usedShare)]
    .filter(Boolean)
    .join(' · ');
  const verdict = state === 'none' ? 'not validated' : state === 'failed' ? `FAILED ${error}` : error;
  return html`<td class="${shade}">
    <a href="#${record.name}" title="${record.name}">${verdict}</a><small>${details}</small>
  </td>`;
}
