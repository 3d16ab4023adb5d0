// Finds Apple's offline Metal compiler. On a Mac it is reached through xcrun; since Xcode 26 it is a component of its own,
// which xcrun finds by itself on some machines, by the name `Metal` on others, and by its full identifier on the rest. On
// Windows the same compiler is `metal.exe`.

import { findTool, runTool, type Environment, type ToolResult } from './tools.js';

export interface MetalToolchain {
  /** First line of `metal --version`. */
  readonly version: string;
  /** The compiler behind xcrun, for people. */
  readonly compilerPath: string;
  /** Command and leading arguments of the compiler and of the linker. */
  readonly compiler: readonly [string, ...string[]];
  readonly linker: readonly [string, ...string[]];
  /** What both run in: the given environment, with TOOLCHAINS where xcrun needs it. */
  readonly env: Environment;
}

export interface MissingToolchain {
  readonly missing: string;
  /** The next step for the reader. */
  readonly help: string;
}

const SDK = ['-sdk', 'macosx'] as const;
const INSTALL_COMPONENT = 'xcodebuild -downloadComponent MetalToolchain';

export async function findXcrunToolchain(env: Environment): Promise<MetalToolchain | MissingToolchain> {
  const xcrun = await findTool('xcrun', env);
  if (xcrun !== undefined) return probeXcrun(xcrun, env);
  const metal = await findTool('metal.exe', env);
  const metallib = await findTool('metallib.exe', env);
  if (metal !== undefined && metallib !== undefined) return probeWindows(metal, metallib, env);
  return {
    missing: "Apple's offline Metal compiler is not here: neither xcrun nor metal.exe is on the PATH",
    help: `on a Mac install Xcode, then run: ${INSTALL_COMPONENT}; on Windows install the Metal Developer Tools; elsewhere use --target host`,
  };
}

async function probeXcrun(xcrun: string, env: Environment): Promise<MetalToolchain | MissingToolchain> {
  const first = await probeVersion(xcrun, env);
  if (first.ok) return xcrunToolchain(xcrun, env, first);
  // A TOOLCHAINS of the caller names another toolchain, and is tried above; these two name Metal's.
  for (const name of [() => Promise.resolve('Metal'), () => componentIdentifier(env)]) {
    const toolchain = await name();
    if (toolchain === undefined) continue;
    const selected = { ...env, TOOLCHAINS: toolchain };
    const probe = await probeVersion(xcrun, selected);
    if (probe.ok) return xcrunToolchain(xcrun, selected, probe);
  }
  return explainMissing(first.stderr.trim());
}

// Running the compiler is the only proof: `xcrun -f metal` answers even where the component is missing.
function probeVersion(xcrun: string, env: Environment): Promise<ToolResult> {
  return runTool(xcrun, [...SDK, 'metal', '--version'], env);
}

async function xcrunToolchain(xcrun: string, env: Environment, version: ToolResult): Promise<MetalToolchain> {
  const found = await runTool(xcrun, [...SDK, '-f', 'metal'], env);
  return {
    version: firstLine(version.stdout),
    compilerPath: found.ok ? firstLine(found.stdout) : xcrun,
    compiler: [xcrun, ...SDK, 'metal'],
    linker: [xcrun, ...SDK, 'metallib'],
    env,
  };
}

async function probeWindows(
  metal: string,
  metallib: string,
  env: Environment,
): Promise<MetalToolchain | MissingToolchain> {
  const probe = await runTool(metal, ['--version'], env);
  if (!probe.ok) {
    return {
      missing: `${metal} does not run: ${probe.stderr.trim()}`,
      help: 'reinstall the Metal Developer Tools',
    };
  }
  return {
    version: firstLine(probe.stdout),
    compilerPath: metal,
    compiler: [metal],
    linker: [metallib],
    env,
  };
}

async function componentIdentifier(env: Environment): Promise<string | undefined> {
  const xcodebuild = await findTool('xcodebuild', env);
  if (xcodebuild === undefined) return undefined;
  const shown = await runTool(xcodebuild, ['-showComponent', 'MetalToolchain'], env);
  if (!shown.ok || !/^\s*Status: installed\s*$/m.test(shown.stdout)) return undefined;
  return /^\s*Toolchain Identifier: (\S+)\s*$/m.exec(shown.stdout)?.[1];
}

function explainMissing(log: string): MissingToolchain {
  if (/license/i.test(log)) {
    return { missing: "Xcode's licence has not been accepted", help: 'run: sudo xcodebuild -license accept' };
  }
  if (log.includes('unable to find utility') || log.includes('xcode-select')) {
    return {
      missing: 'xcrun has no metal: the command line tools alone do not contain the Metal compiler',
      help: `install Xcode, select it with: sudo xcode-select -s /Applications/Xcode.app, then run: ${INSTALL_COMPONENT}`,
    };
  }
  if (log.includes('missing Metal Toolchain')) {
    return {
      missing: "Xcode's Metal Toolchain component is not installed",
      help: `run: ${INSTALL_COMPONENT}`,
    };
  }
  return { missing: `xcrun metal does not run: ${log}`, help: `run: ${INSTALL_COMPONENT}` };
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.trim() ?? '';
}
