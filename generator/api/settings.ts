// What the functions of the API take: the options of the commands, by their names in camel case.

import type { ActivationDtype, Bf16Storage } from '../description/dtypes.js';
import type { KernelForm } from '../plan/flat.js';
import type { Check, DeviceName, Subnormals } from '../native/types.js';

/** Where a call runs; relative paths start at `cwd`, which is that of the process unless it is given. */
export interface CallContext {
  readonly cwd?: string;
  /** Told of progress and warnings, as the command line writes them to stderr. */
  readonly onMessage?: (text: string) => void;
}

/** Files that describe a model: the config.json of Hugging Face, or a block by hand. */
export interface ModelSource {
  readonly config?: string;
  readonly spec?: string;
}

export interface GenerateSettings extends ModelSource {
  readonly dtype?: readonly ActivationDtype[];
  /** Names of weight formats, and `projection=format`. */
  readonly weights?: readonly string[];
  /** Only kernels whose name matches the glob. */
  readonly kernel?: string;
  readonly bf16Storage?: Bf16Storage;
  readonly msl?: '3.0' | '3.1' | '3.2' | '4.0';
  /** `flat`: constants are macros and nothing is dispatched indirectly; `bound`. */
  readonly form?: KernelForm;
  readonly out?: string;
  /** Whether what was written is compiled; true. */
  readonly compile?: boolean;
}

export interface CompileSettings {
  readonly target?: 'auto' | 'metal' | 'host' | 'ptx';
  readonly include?: readonly string[];
  /** `NAME` or `NAME=VALUE`. */
  readonly define?: readonly string[];
  readonly msl?: '3.0' | '3.1' | '3.2' | '4.0';
  /** Where what was compiled is left: a .metallib, .so or .ptx file, or a folder. */
  readonly output?: string;
  readonly matrix?: 'fast' | 'ordered';
  readonly alignment?: 'vector' | 'component';
  readonly subnormals?: Subnormals;
}

export interface ValidateSettings extends ModelSource {
  /** Only kernels whose name matches; for models and fixtures there is none. */
  readonly glob?: string;
  readonly device?: DeviceName | 'auto';
  readonly dtype?: readonly ActivationDtype[];
  readonly weights?: readonly string[];
  readonly fixture?: readonly string[];
  readonly tokens?: number;
  readonly intermediate?: 'stored' | 'float';
  readonly checks?: readonly (Check | 'all' | 'none')[];
  readonly seed?: number;
  readonly subnormals?: Subnormals;
}

export interface RunSettings {
  readonly device?: DeviceName | 'auto';
  readonly subnormals?: Subnormals;
}

export interface TestSettings {
  /** Only tests whose name has this text, or matches this glob. */
  readonly filter?: string;
  readonly device?: DeviceName | 'auto';
  /** Tests that run at the same time; as many as there are cores. */
  readonly jobs?: number;
  /** A file for the results as JUnit XML. */
  readonly junit?: string;
}

export interface PlanSettings extends ModelSource {
  /** Tokens of one call. */
  readonly tokens: number;
  readonly dtype?: ActivationDtype;
  readonly weights?: readonly string[];
  readonly intermediate?: 'stored' | 'float';
}
