// Planned kernels into a job for a device. Buffers go by their binding's name: what one step writes as `intermediate`, the next
// one reads as `intermediate`; sizes and grids come from the plans' formulas.

import { MoegenError } from '../errors.js';
import type {
  BufferBinding,
  BufferPart,
  BufferSpec,
  Check,
  Dispatch,
  Job,
  LoadedLibrary,
  Subnormals,
} from '../native/types.js';
import { evaluateFormula, type FormulaValues } from '../plan/formula.js';
import { withMaxTiles } from '../plan/sizes.js';
import type { Binding, KernelPlan, OpenContents } from '../plan/types.js';
import { ELEMENT_TYPES } from '../description/dtypes.js';
import { encodeElements } from './elements.js';

/** Values of all function constants and arguments, by name. */
export type StepValues = Readonly<Record<string, number | boolean>>;

export interface Step {
  readonly plan: KernelPlan;
  readonly library: LoadedLibrary;
  readonly values: StepValues;
  /** The pool's name for a binding, where it is not the binding's own. */
  readonly names?: Readonly<Record<string, string>>;
  /** Elements to skip in a binding's buffer. */
  readonly offsets?: Readonly<Record<string, number>>;
}

export interface JobOptions {
  readonly checks?: readonly Check[];
  readonly count?: boolean;
  readonly seed?: number;
  readonly subnormals?: Subnormals;
  readonly timeoutSeconds?: number;
}

/** Contents by the pool's names; everything else starts filled with a pattern. */
export type Inputs = Readonly<Record<string, Uint8Array>>;

/** A whole buffer, or pieces of one that is zero elsewhere. */
export type Contents = Uint8Array | readonly BufferPart[];

export function buildJob(
  steps: readonly Step[],
  inputs: Readonly<Record<string, Contents>>,
  outputs: readonly string[],
  options: JobOptions = {},
): Job {
  const pool = new BufferPool(inputs);
  for (const step of steps) for (const binding of step.plan.bindings) pool.reserve(step, binding);
  for (const step of steps) pool.reserveGrid(step);
  const dispatches = steps.flatMap((step) => toDispatch(step, pool));
  return {
    buffers: pool.specs(),
    dispatches,
    outputs: outputs.map((name) => pool.position(name)),
    ...options,
  };
}

/** Derived sizes that formulas use beside the plain ones. */
export function formulaValues(values: StepValues): FormulaValues {
  const numbers = Object.fromEntries(Object.entries(values).map(([name, value]) => [name, Number(value)]));
  return withMaxTiles(numbers);
}

function isBound(binding: Binding, values: StepValues): boolean {
  return binding.condition === undefined || values[binding.condition] === true;
}

function argumentName(step: Step, binding: Binding): string {
  const names = binding.struct?.fields.map(({ name }) => name) ?? [binding.name];
  return `${binding.name} = ${names.map((name) => String(step.values[name] ?? '')).join(', ')}`;
}

/** A single value, or a struct whose members go by their own names; padding is zero. */
function argumentBytes(step: Step, { name, element, struct }: Binding): Uint8Array {
  const valueOf = (of: string): number => {
    const value = step.values[of];
    if (value === undefined) throw missingValue(step, of);
    return Number(value);
  };
  if (struct === undefined) return encodeElements(element, [valueOf(name)]);
  const bytes = new Uint8Array(struct.size);
  for (const field of struct.fields)
    bytes.set(encodeElements(field.element, [valueOf(field.name)]), field.offset);
  return bytes;
}

function poolName(step: Step, binding: Binding): string {
  return binding.access === 'argument'
    ? argumentName(step, binding)
    : (step.names?.[binding.name] ?? binding.name);
}

/** No device knows buffers of no bytes. */
const SMALLEST_BUFFER = 1;

/** The check that does not apply where a contract leaves contents open. */
const EXEMPTION: Readonly<Record<OpenContents, Check>> = { gaps: 'unwritten', order: 'order' };

interface DraftBuffer {
  readonly label: string;
  readonly exempt: Set<Check>;
  byteLength: number;
  data?: Uint8Array;
  parts?: readonly BufferPart[];
}

class BufferPool {
  readonly #positions = new Map<string, number>();
  readonly #specs: DraftBuffer[] = [];
  readonly #inputs: Readonly<Record<string, Contents>>;

  constructor(inputs: Readonly<Record<string, Contents>>) {
    this.#inputs = inputs;
  }

  /** Makes the buffer at least as large as the step needs it. */
  reserve(step: Step, binding: Binding): void {
    if (!isBound(binding, step.values)) return;
    const spec = this.#specOf(poolName(step, binding));
    if (binding.access === 'argument') {
      spec.data = argumentBytes(step, binding);
    }
    for (const contents of binding.open ?? []) spec.exempt.add(EXEMPTION[contents]);
    const values = formulaValues(step.values);
    const elements = binding.shape.reduce((product, extent) => product * evaluateFormula(extent, values), 1);
    const end = elements + (step.offsets?.[binding.name] ?? 0);
    spec.byteLength = Math.max(
      spec.byteLength,
      end * ELEMENT_TYPES[binding.element].bytes,
      spec.data?.byteLength ?? 0,
    );
  }

  /** The size of a grid that an earlier job has counted. */
  reserveGrid({ plan, names }: Step): void {
    const { indirect } = plan.dispatch;
    if (indirect === undefined) return;
    const name = names?.[indirect] ?? indirect;
    if (this.#positions.has(name) || this.#inputs[name] === undefined) return;
    const spec = this.#specOf(name);
    spec.byteLength = spec.data?.byteLength ?? 0;
  }

  position(name: string): number {
    const position = this.#positions.get(name);
    if (position === undefined) throw new Error(`no step has a buffer '${name}'`);
    return position;
  }

  specs(): BufferSpec[] {
    return this.#specs.map(({ data, parts, label, byteLength, exempt }) => {
      // What stands in for no elements has nothing that a kernel could write.
      if (byteLength === 0) exempt.add('unwritten');
      const spec = { label, byteLength: Math.max(byteLength, SMALLEST_BUFFER), exempt: [...exempt] };
      if (parts !== undefined) return { ...spec, parts };
      return data === undefined ? spec : { ...spec, data: padded(data, spec.byteLength) };
    });
  }

  #specOf(name: string): DraftBuffer {
    const position = this.#positions.get(name) ?? this.#specs.length;
    const known = this.#specs[position];
    if (known !== undefined) return known;
    const contents = this.#inputs[name];
    const spec = { label: name, byteLength: 0, exempt: new Set<Check>(), ...contentsOf(contents) };
    this.#positions.set(name, position);
    this.#specs.push(spec);
    return spec;
  }
}

function contentsOf(contents: Contents | undefined): Pick<DraftBuffer, 'data' | 'parts'> {
  if (contents === undefined) return {};
  return contents instanceof Uint8Array ? { data: contents } : { parts: contents };
}

/** The contents of a whole buffer: what is given, then zeros. */
function padded(data: Uint8Array, byteLength: number): Uint8Array {
  if (data.byteLength === byteLength) return data;
  const bytes = new Uint8Array(byteLength);
  bytes.set(data);
  return bytes;
}

/** A grid without threadgroups is no dispatch. */
function toDispatch(step: Step, pool: BufferPool): Dispatch[] {
  const { plan, values } = step;
  const bound = plan.bindings.filter((binding) => isBound(binding, values));
  const threadgroups = grid(step, pool);
  if (threadgroups === undefined) return [];
  return [
    {
      library: step.library,
      kernel: plan.name,
      constants: constantValues(step),
      buffers: Object.fromEntries(bound.map((binding) => [binding.index, bindingPlace(step, binding, pool)])),
      threadgroups,
      threadsPerThreadgroup: plan.dispatch.threadsPerThreadgroup,
    },
  ];
}

/** A step that knows its number of tiles needs no indirect dispatch. */
function grid(step: Step, pool: BufferPool): Dispatch['threadgroups'] | undefined {
  const { indirect } = step.plan.dispatch;
  if (indirect === undefined || step.values['num_tiles'] !== undefined) return directGrid(step);
  return { indirect: { buffer: pool.position(step.names?.[indirect] ?? indirect) } };
}

function directGrid(step: Step): [number, number, number] | undefined {
  const values = formulaValues(step.values);
  const [x, y, z] = step.plan.dispatch.threadgroups.map((formula) => evaluateFormula(formula, values));
  if (x === undefined || y === undefined || z === undefined || x * y * z === 0) return undefined;
  return [x, y, z];
}

function bindingPlace(step: Step, binding: Binding, pool: BufferPool): BufferBinding {
  const buffer = pool.position(poolName(step, binding));
  const elements = step.offsets?.[binding.name] ?? 0;
  return elements === 0 ? { buffer } : { buffer, offset: elements * ELEMENT_TYPES[binding.element].bytes };
}

function constantValues(step: Step): Record<number, number | boolean> {
  return Object.fromEntries(
    step.plan.constants
      .filter((constant) => constant.value === undefined)
      .map(({ index, name }) => {
        const value = step.values[name];
        if (value === undefined) throw missingValue(step, name);
        return [index, value];
      }),
  );
}

function missingValue(step: Step, name: string): MoegenError {
  return new MoegenError('validate/missing-value', `${step.plan.name} needs a value for ${name}`, {
    help: `given: ${Object.keys(step.values).join(', ')}`,
  });
}
