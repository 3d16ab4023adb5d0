// Turns a plan into what its template prints: ready-made lines and words, whole numbers and named conditions. Nothing in a
// context is absent, spans lines or needs a decision, so that templates only print.

import { MoegenError } from '../errors.js';
import { constantMacro, type KernelForm } from '../plan/flat.js';
import { canStateMathMode, requirementsOf } from '../plan/requirements.js';
import type { Binding, FunctionConstant, KernelPlan, TemplateValue } from '../plan/types.js';
import { ELEMENT_TYPES, type Bf16Storage } from '../description/dtypes.js';
import { bindingType, mslType } from './msl-type.js';

interface BindingContext {
  /** Line of the buffer table, without the comment marker. */
  readonly row: string;
  /** Single values without a note have no line of their own. */
  readonly hasRow: boolean;
  readonly name: string;
  readonly type: string;
  readonly index: number;
  readonly isArgument: boolean;
  readonly isRead: boolean;
  readonly isConditional: boolean;
  /** Constant without which there is no such argument. */
  readonly condition: string;
}

interface StructContext {
  readonly name: string;
  readonly fields: readonly { readonly type: string; readonly name: string }[];
}

/** Baked into the text, a macro of the host, or bound when the pipeline is made. */
interface ConstantContext {
  readonly type: string;
  readonly name: string;
  readonly isBaked: boolean;
  readonly value: string;
  readonly isMacro: boolean;
  readonly macro: string;
  readonly isBound: boolean;
  readonly index: number;
  readonly hasNote: boolean;
  readonly note: string;
}

interface ConstantsContext {
  readonly isPresent: boolean;
  readonly heading: string;
  readonly list: readonly ConstantContext[];
}

export interface TemplateContext {
  /** Kernels of one file name the folder of their templates, so that they have the same banner. */
  readonly banner: {
    readonly template: string;
    readonly source: string;
    readonly language: string;
    readonly hasMathMode: boolean;
    readonly mathMode: string;
  };
  readonly name: string;
  readonly summary: string;
  readonly constants: ConstantsContext;
  readonly structs: readonly StructContext[];
  readonly bindings: readonly BindingContext[];
  /** The family's own words. */
  readonly [term: string]: unknown;
}

/** What every context has beside the family's own words. */
export const GENERIC_TERMS: ReadonlySet<string> = new Set([
  'banner',
  'name',
  'summary',
  'constants',
  'structs',
  'bindings',
]);

export interface ContextOptions {
  readonly bf16Storage?: Bf16Storage;
  readonly form?: KernelForm;
}

/** Places are seen from the package's root. */
function toBanner(plan: KernelPlan): TemplateContext['banner'] {
  const { template, file, mslVersion } = plan;
  const path = `templates/kernels/${template}.metal.hbs`;
  const source = file === undefined ? path : path.slice(0, path.lastIndexOf('/'));
  return {
    template: path,
    source,
    language: `metal${mslVersion}`,
    hasMathMode: canStateMathMode(mslVersion),
    mathMode: requirementsOf(plan).mathMode,
  };
}

export function toContext(plan: KernelPlan, options: ContextOptions = {}): TemplateContext {
  const { bf16Storage = 'ushort', form = 'bound' } = options;
  const generic = {
    banner: toBanner(plan),
    name: plan.name,
    summary: plan.summary,
    constants: toConstants(plan.constants, form),
    structs: toStructs(plan, bf16Storage),
    bindings: toBindings(plan, { bf16Storage, form }),
  };
  for (const term of Object.keys(plan.terms)) {
    if (term in generic) {
      throw new MoegenError('emit/term-taken', `a family's terms must not redefine '${term}'`, {
        where: `plan of ${plan.name}: terms.${term}`,
        help: 'choose another name for the term',
      });
    }
  }
  const context: TemplateContext = { ...plan.terms, ...generic };
  assertPrintable(context, plan.name, '');
  return context;
}

function toConstants(constants: readonly FunctionConstant[], form: KernelForm): ConstantsContext {
  const isBound = constants.some((constant) => constant.value === undefined);
  return {
    isPresent: constants.length > 0,
    heading: isBound ? HEADINGS[form] : 'Baked in: this text serves one model.',
    list: constants.map((constant) => toConstant(constant, form)),
  };
}

const HEADINGS: Readonly<Record<KernelForm, string>> = {
  bound: 'Bound when the pipeline is made.',
  flat: 'Macros that the host defines; of a bool 0 or 1.',
};

function toConstant({ name, type, index, note, value }: FunctionConstant, form: KernelForm): ConstantContext {
  const isBaked = value !== undefined;
  return {
    type,
    name,
    isBaked,
    value: isBaked ? literal(value, type) : '',
    isMacro: !isBaked && form === 'flat',
    macro: constantMacro(name),
    isBound: !isBaked && form === 'bound',
    index,
    hasNote: note !== '',
    note,
  };
}

function literal(value: number | boolean, type: FunctionConstant['type']): string {
  if (type !== 'float' || typeof value === 'boolean') return String(value);
  const text = String(value);
  return /[.e]/.test(text) ? `${text}f` : `${text}.0f`;
}

function toStructs({ bindings }: KernelPlan, bf16Storage: Bf16Storage): StructContext[] {
  return bindings.flatMap(({ struct }) => {
    if (struct === undefined) return [];
    const fields = struct.fields.map(({ name, element }) => ({ type: mslType(element, bf16Storage), name }));
    return [{ name: struct.name, fields }];
  });
}

/** A buffer with a condition exists only where its constant is true; once that is baked in, it is there or it is not. */
function toBindings(plan: KernelPlan, { bf16Storage, form }: Required<ContextOptions>): BindingContext[] {
  const values = new Map(plan.constants.map(({ name, value }) => [name, value]));
  const bindings = plan.bindings.filter(({ condition = '' }) => values.get(condition) !== false);
  const listed = bindings.filter(isListed);
  const widths = {
    name: longest(listed.map((binding) => binding.name)),
    label: longest(listed.map(label)),
    shape: longest(listed.map(shapeText)),
  };
  return bindings.map((binding) => {
    const isBaked =
      form === 'flat' || (binding.condition !== undefined && values.get(binding.condition) === true);
    return {
      row: isListed(binding) ? tableRow(binding, widths) : '',
      hasRow: isListed(binding),
      name: binding.name,
      type: bindingType(binding, bf16Storage),
      index: binding.index,
      isArgument: binding.access === 'argument',
      isRead: binding.access === 'read',
      isConditional: binding.condition !== undefined && !isBaked,
      condition: binding.condition ?? '',
    };
  });
}

function isListed(binding: Binding): boolean {
  return binding.access !== 'argument' || binding.note !== '';
}

function label({ element, struct, asBits }: Binding): string {
  if (asBits === true) return 'binary16';
  return struct?.name ?? ELEMENT_TYPES[element].label;
}

function shapeText({ access, shape }: Binding): string {
  if (access === 'argument') return '';
  return `[${shape.length === 0 ? '1' : shape.join(', ')}]`;
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}

function tableRow(binding: Binding, widths: { name: number; label: number; shape: number }): string {
  const name = binding.name.padEnd(widths.name);
  const type = label(binding).padEnd(widths.label);
  const shape = shapeText(binding).padEnd(widths.shape);
  return `${name}  ${type} ${shape}  ${binding.note}`.trimEnd();
}

function assertPrintable(value: unknown, kernel: string, path: string): void {
  const fault = printingFault(value);
  if (fault !== undefined) {
    throw new MoegenError('emit/unprintable-value', `a template value must be ${fault}`, {
      where: `context of ${kernel}: ${path}`,
      help: 'compute the value in the plan; multi-line text belongs in a partial',
    });
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [key, child] of Object.entries(value as Record<string, TemplateValue>)) {
    assertPrintable(child, kernel, path === '' ? key : `${path}.${key}`);
  }
}

function printingFault(value: unknown): string | undefined {
  if (value === undefined || value === null) return `present, got ${String(value)}`;
  if (typeof value === 'number' && !Number.isFinite(value)) return `a finite number, got ${value}`;
  if (typeof value === 'string' && /[\r\n]/.test(value)) {
    return `a single line, got ${JSON.stringify(value.slice(0, 60))}`;
  }
  if (!['string', 'number', 'boolean', 'object'].includes(typeof value)) {
    return `a string, number, boolean, list or record, got a ${typeof value}`;
  }
  return undefined;
}
