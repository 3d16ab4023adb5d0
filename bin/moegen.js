#!/usr/bin/env node
import { existsSync } from 'node:fs';

const built = new URL('../dist/cli/main.js', import.meta.url);
if (existsSync(built)) {
  const { runProcess } = await import(built.href);
  process.exitCode = await runProcess(process.argv.slice(2));
} else {
  process.stderr.write('error[cli/not-built]: moegen is not built yet\n  help: run `npm run build`\n');
  process.exitCode = 2;
}
