// `moegen list --formats`: the weight formats there are.

import picomatch from 'picomatch';
import { MoegenError } from '../../errors.js';
import { formatRows, type FormatRow } from '../../description/format-rows.js';
import { suggest } from '../../description/nearest.js';
import { EXIT, type ExitCode } from '../exit-codes.js';
import { printJson, type Io } from '../io.js';
import { table } from '../table.js';

export function listFormats(glob: string, options: { readonly json: boolean }, io: Io): ExitCode {
  const rows = formatRows();
  const chosen = rows.filter(({ name, aliases }) =>
    [name, ...aliases].some((each) => picomatch.isMatch(each, glob)),
  );
  if (chosen.length === 0) {
    const names = rows.flatMap(({ name, aliases }) => [name, ...aliases]);
    throw new MoegenError('cli/no-such-format', `no weight format matches '${glob}'`, {
      where: 'format name',
      help: suggest(glob, names, '`moegen list --formats` names all'),
    });
  }
  if (options.json) printJson(io, { formats: chosen });
  else io.out(`${describe(chosen)}\n\n${chosen.length} formats\n`);
  return EXIT.done;
}

function describe(rows: readonly FormatRow[]): string {
  return table(
    ['format', 'also', 'what', 'planes', 'whole groups of'],
    rows.map(({ name, aliases, summary, planes, groupTerms }) => [
      name,
      aliases.join(', '),
      summary,
      planes.join(', '),
      groupTerms === null ? '' : String(groupTerms),
    ]),
  );
}
