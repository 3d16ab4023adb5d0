// What a host must know of the buffers of a run beside their shapes: who gives their contents, how many bytes they take at most,
// between which dispatches a barrier has to stand, and which scratch buffers may lie in the same memory.

import type { TensorRole } from '../description/block.js';
import { ELEMENT_TYPES, type ElementType } from '../description/dtypes.js';
import type { Binding, Formula } from './types.js';

/** `input`: given with every call. `parameter`: of the model. `scratch`: from one kernel of the run to a later one. */
export const BUFFER_USES = ['input', 'parameter', 'scratch', 'output'] as const;
export type BufferUse = (typeof BUFFER_USES)[number];

interface RunBuffer {
  readonly name: string;
  readonly use: BufferUse;
  readonly element: ElementType;
  /** To allocate: enough for any routing. */
  readonly bytes: Formula;
  /** Positions of the first and the last kernel of the run that touch it. */
  readonly first: number;
  readonly last: number;
  /** Of scratch: buffers with the same number are never alive in the same phase, and may share memory. */
  readonly slot?: number;
}

export interface RunMemory {
  /** One for each kernel: between kernels of different phases stands a barrier, those of one phase may overlap. */
  readonly phases: readonly number[];
  readonly buffers: readonly RunBuffer[];
}

/** What is asked of a binding, from a plan or a manifest alike. */
interface BufferUser extends Pick<Binding, 'name' | 'element' | 'shape' | 'access'> {
  readonly condition?: string | undefined;
  readonly role?: TensorRole | undefined;
}

interface BoundKernel {
  readonly bindings: readonly BufferUser[];
  readonly dispatch: { readonly indirect?: string | undefined };
}

type Values = Readonly<Record<string, number | boolean>>;

/** `values`: those of the constants, which say what is bound. */
export function runMemory(kernels: readonly BoundKernel[], values: Values): RunMemory {
  const uses = kernels.map((plan) => touchedBuffers(plan, values));
  const phases = phasesOf(uses);
  const names = [...new Set(uses.flatMap((own) => own.map(({ name }) => name)))];
  const buffers = names.map((name) => describe(name, uses));
  return { phases, buffers: withSlots(buffers, phases) };
}

/** The buffers that a kernel is bound to; single values are none. */
export function boundBuffers<T extends BufferUser>(
  { bindings }: { readonly bindings: readonly T[] },
  values: Values,
): T[] {
  return bindings.filter(
    ({ access, condition }) =>
      access !== 'argument' && (condition === undefined || values[condition] === true),
  );
}

interface Touch {
  readonly name: string;
  readonly isWritten: boolean;
  /** Not where a dispatch reads its grid. */
  readonly binding?: BufferUser;
}

function touchedBuffers(plan: BoundKernel, values: Values): Touch[] {
  const { indirect } = plan.dispatch;
  return [
    ...boundBuffers(plan, values).map((binding) => ({
      name: binding.name,
      isWritten: binding.access !== 'read',
      binding,
    })),
    ...(indirect === undefined ? [] : [{ name: indirect, isWritten: false }]),
  ];
}

/** A new phase begins where a kernel touches what one of the current phase writes, or writes what it touches. */
function phasesOf(uses: readonly (readonly Touch[])[]): number[] {
  let phase = 0;
  let current: Touch[] = [];
  return uses.map((own) => {
    const waits = own.some((touch) =>
      current.some((other) => other.name === touch.name && (other.isWritten || touch.isWritten)),
    );
    if (waits) phase += 1;
    current = waits ? [...own] : [...current, ...own];
    return phase;
  });
}

function describe(name: string, uses: readonly (readonly Touch[])[]): RunBuffer {
  const positions = uses.flatMap((own, at) => (own.some((touch) => touch.name === name) ? [at] : []));
  const bindings = uses.flatMap((own) =>
    own.flatMap((touch) => (touch.name === name && touch.binding !== undefined ? [touch.binding] : [])),
  );
  const [binding] = bindings;
  if (binding === undefined) throw new Error(`no kernel of the run binds ${name}`);
  const sizes = [...new Set(bindings.map(allocatedBytes))];
  return {
    name,
    use: useOf(binding, uses),
    element: binding.element,
    bytes: sizes.reduce((largest, size) => `max(${largest}, ${size})`),
    first: Math.min(...positions),
    last: Math.max(...positions),
  };
}

/** A buffer that no kernel of the run writes comes from outside, one that none reads is what the run answers. */
function useOf({ name, role }: BufferUser, uses: readonly (readonly Touch[])[]): BufferUse {
  if (role !== undefined) return 'parameter';
  const touches = uses.flat().filter((touch) => touch.name === name);
  if (touches.every(({ isWritten }) => !isWritten)) return 'input';
  return name === 'output' ? 'output' : 'scratch';
}

function allocatedBytes({ element, shape }: BufferUser): Formula {
  const factors = [String(ELEMENT_TYPES[element].bytes), ...shape];
  return factors.map((factor) => (/[+-]/.test(factor) ? `(${factor})` : factor)).join(' * ');
}

/** First fit, in the order in which buffers come to life. */
function withSlots(buffers: readonly RunBuffer[], phases: readonly number[]): RunBuffer[] {
  const lastPhase: number[] = [];
  const phase = (position: number): number => phases[position] ?? 0;
  return [...buffers]
    .sort((a, b) => a.first - b.first)
    .map((buffer) => {
      if (buffer.use !== 'scratch') return buffer;
      const free = lastPhase.findIndex((last) => last < phase(buffer.first));
      const slot = free === -1 ? lastPhase.length : free;
      lastPhase[slot] = phase(buffer.last);
      return { ...buffer, slot };
    });
}
