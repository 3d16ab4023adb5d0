// The pages of docs/ that are written from the program itself: what its commands take, and which weight formats there are.

import type { CommandUnknownOpts } from '@commander-js/extra-typings';
import { format, resolveConfig } from 'prettier';
import { createProgram } from '../../generator/cli/program.js';
import { formatRows } from '../../generator/description/format-rows.js';

const REGENERATE = '`npm run docs`';

export function commandLinePage(): Promise<string> {
  const io = { out: () => undefined, err: () => undefined, isTerminal: false, env: {}, cwd: '.' };
  const program = createProgram(io, () => undefined);
  const intro = `# The command line

Written from the program by ${REGENERATE}; \`moegen COMMAND --help\` says the same.

Without a command, \`generate\` runs. Results go to stdout, progress and errors to stderr. With \`--json\` stdout holds one JSON document, for
failures too: \`{ "error": { "code", "message", "where", "help" } }\`. Codes are stable.

| exit code | means                                                          |
| --------- | -------------------------------------------------------------- |
| 0         | done                                                           |
| 1         | the answer is no: drift, a mismatch, a kernel that does not compile |
| 2         | usage, specification or files                                  |
| 70        | a bug in moegen                                                |

A process that gets SIGINT, SIGTERM or SIGHUP removes its temporary files and ends by that signal. Runs that write to the same folder
wait for each other: \`.moegen.lock\` names the one that writes, and is taken over when that process is dead.
`;
  return laidOut([intro, ...program.commands.map(describeCommand)].join('\n'));
}

function describeCommand(command: CommandUnknownOpts): string {
  const rows = [
    ...command.registeredArguments.map((argument) => {
      const name = `${argument.name()}${argument.variadic ? '...' : ''}`;
      return [`\`${argument.required ? `<${name}>` : `[${name}]`}\``, argument.description];
    }),
    ...command.options
      .filter(({ hidden }) => !hidden)
      .map((option) => {
        const value = option.defaultValue as unknown;
        const words = option.defaultValueDescription;
        const isShown = value !== undefined && value !== false && !option.negate && value !== '';
        const shown = words ?? (typeof value === 'string' ? value : JSON.stringify(value));
        return [`\`${option.flags}\``, option.description + (isShown ? `; default \`${shown}\`` : '')];
      }),
  ];
  const table = rows.map(([name = '', what = '']) => `| ${escape(name)} | ${escape(what)} |\n`).join('');
  return `## moegen ${command.name()}\n\n${command.description()}\n\n| option | what |\n| - | - |\n${table}`;
}

export function formatsPage(): Promise<string> {
  const rows = formatRows().map(({ name, aliases, summary, planes, blockTerms, groupTerms, source }) =>
    [
      [name, ...aliases].map((each) => `\`${each}\``).join(', '),
      summary,
      planes.join('; '),
      blockTerms ?? '',
      groupTerms ?? '',
      source === null ? '' : `\`${source.replace('templates/partials/formats/', '')}\``,
    ]
      .map((cell) => escape(String(cell)))
      .join(' | '),
  );
  return laidOut(`# Weight formats

Written from the tables of \`generator/description/formats\` by ${REGENERATE}. \`moegen list --formats\` shows the same,
\`moegen list --formats 'q4*' --json\` for programs.

\`--weights FORMAT\` chooses what all matrices of the experts have, \`--weights down=FORMAT\` what one of \`router\`, \`gate_up\`, \`down\`, \`adjugate_gate_up\`,
\`adjugate_down\`, \`shared_gate_up\`, \`shared_down\` and \`latent\` has. Experts, adjugate experts, shared experts and latent projections come in all of these but \`fp4\` and \`fp4_nk\`, which are for the
drop-in kernels ([audit](audit.md)); routers stay dense unless they are named.

A weight is scale * code + offset. _Planes_ are the buffers of a matrix, with what each holds for how many terms of a row; buffers are called
after the matrix and the plane, \`gate_up_weight\`, \`gate_up_scales\`. _Block_ is how many terms share a scale, _group_ what a row holds a whole number of: other sizes
are refused when the plan is made. _Source_ is the partial below \`templates/partials/formats\` that decodes it.

Where tools read the same bytes differently, kernels follow the specification: E4M3 bytes 0x7f and 0xff and scale byte 255 of E8M0 are NaN, in GGUF's
MXFP4 too, where ggml takes 255 for 2^128. Scale bytes of GGUF's NVFP4 are read as ggml reads them.

| name, aliases | what | planes | block | group | source |
| - | - | - | - | - | - |
${rows.map((row) => `| ${row} |\n`).join('')}`);
}

function escape(text: string): string {
  return text.replaceAll('|', String.raw`\|`);
}

/** As Prettier lays out the pages. */
export async function laidOut(markdown: string): Promise<string> {
  const config = await resolveConfig(import.meta.filename);
  return format(markdown, { ...config, parser: 'markdown' });
}
