// What one file that ran on a Mac answered.

import { cell, html, htmlTable, type Html } from './html.js';
import type { Probed } from './results.js';

export function probeSection(title: string, { version, machine, languages, answers }: Probed): Html {
  const rows = languages.map(({ version: language, kernels, compiled, failed }) => [
    cell(language),
    cell(kernels, 'number'),
    cell(compiled, 'number'),
    cell(failed.map(({ kernel, message }) => `${kernel}: ${message}`).join('; ')),
  ]);
  return html`<section>
    <h2>${machine.name}</h2>
    <p>${title}: ${machine.system}; written by the probe of moegen ${version}.</p>
    ${htmlTable(['Metal', 'kernels', 'compiled', 'refused'], rows)}
    ${htmlTable(
      ['question', 'answer'],
      answers.map(({ question, answer }) => [cell(question), cell(answer)]),
    )}
  </section>`;
}
