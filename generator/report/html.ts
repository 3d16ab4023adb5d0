// Text into HTML: what is put into a template is escaped, unless it is HTML already.

export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Part = string | number | Html | readonly Html[] | undefined;

export function html(strings: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(compact(strings).reduce((out, text, at) => out + textOf(parts[at - 1]) + text));
}

const compacted = new WeakMap<TemplateStringsArray, readonly string[]>();

/** Without the indentation of the program's own text, which a page would have thousands of times. */
function compact(strings: TemplateStringsArray): readonly string[] {
  const known = compacted.get(strings);
  if (known !== undefined) return known;
  const texts = strings.map((text) =>
    text.replaceAll(/\s*\n\s*/g, (_, at: number) => (text[at - 1] === '>' ? '\n' : ' ')),
  );
  compacted.set(strings, texts);
  return texts;
}

function textOf(part: Part): string {
  if (part === undefined) return '';
  if (part instanceof Html) return part.text;
  if (typeof part === 'object') return part.map(({ text }) => text).join('');
  return escapeHtml(String(part));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

export function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** A table of cells; columns of numbers are aligned to the right by their class. */
export function htmlTable(head: readonly string[], rows: readonly (readonly Html[])[]): Html {
  const cells = head.map((name) => html`<th>${name}</th>`);
  const body = rows.map(
    (row) =>
      html`<tr>
        ${row}
      </tr> `,
  );
  return html`<table>
    <thead>
      <tr>
        ${cells}
      </tr>
    </thead>
    <tbody>
      ${body}
    </tbody>
  </table> `;
}

export function cell(value: string | number | Html, kind?: 'number'): Html {
  return kind === undefined ? html`<td>${value}</td>` : html`<td class="number">${value}</td>`;
}
