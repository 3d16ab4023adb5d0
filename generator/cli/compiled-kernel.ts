// What `moegen compile --json` says about one kernel.

import type { ArgumentLayouts, ElementLayout } from '../compile/layouts.js';
import type { CompileOutcome, Diagnostic, KernelParameter } from '../compile/types.js';

export interface CompiledKernel {
  readonly name: string;
  readonly ok: boolean;
  readonly diagnostics: readonly Diagnostic[];
  /** Missing where Apple's compiler says nothing but names. */
  readonly buffers?: readonly BufferArgument[];
  readonly threadgroup_arguments?: readonly ThreadgroupArgument[];
  readonly constants?: readonly ConstantArgument[];
  readonly max_total_threads_per_threadgroup?: number;
}

interface ThreadgroupArgument {
  readonly index: number;
  readonly name: string;
  /** As declared. */
  readonly declaration: string;
  /** How one element lies in memory; missing where only Apple's compiler has seen the program. */
  readonly element?: ElementLayout;
}

interface BufferArgument extends ThreadgroupArgument {
  readonly access: 'read' | 'read_write';
  /** It exists only where a function constant says so. */
  readonly conditional: boolean;
}

interface ConstantArgument {
  readonly index: number;
  readonly name: string;
  readonly type: string;
}

export function describeKernels(
  outcome: CompileOutcome<unknown>,
  layouts: ArgumentLayouts = {},
): CompiledKernel[] {
  const { reports } = outcome;
  if (reports === undefined)
    return outcome.kernels.map((name) => ({ name, ok: outcome.ok, diagnostics: [] }));
  return reports.map(({ name, ok, diagnostics, info, constants }) => {
    const describe = <Argument extends ThreadgroupArgument>(
      wanted: KernelParameter['kind'],
      describeOne: (parameter: KernelParameter) => Argument,
    ): Argument[] =>
      info.parameters.flatMap((parameter, position) => {
        if (parameter.kind !== wanted) return [];
        const element = layouts[name]?.[position];
        return [{ ...describeOne(parameter), ...(element && { element }) }];
      });
    const limit = info.maxTotalThreadsPerThreadgroup;
    return {
      name,
      ok,
      diagnostics,
      buffers: describe('buffer', describeBuffer),
      threadgroup_arguments: describe('threadgroup', describeArgument),
      constants: constants.map((constant) => {
        return { index: constant.index, name: constant.name, type: constant.type };
      }),
      ...(limit === undefined ? {} : { max_total_threads_per_threadgroup: limit }),
    };
  });
}

function describeArgument({ index, name, text }: KernelParameter): ThreadgroupArgument {
  return { index, name, declaration: text };
}

function describeBuffer(parameter: KernelParameter): BufferArgument {
  return {
    ...describeArgument(parameter),
    access: parameter.access,
    conditional: parameter.isConditional,
  };
}
