// A plan says everything about one kernel that is not its text: its name, its file, its buffers, its constants, how it is
// dispatched and what its template may print. The template, the manifest, the host bindings, the runner and the tests all
// read the same plan, so that they cannot disagree.

import type { FamilyName } from './families/table.js';
import type { MslVersion } from '../compile/types.js';
import type { TensorRole } from '../description/block.js';
import type { ElementType } from '../description/dtypes.js';
import type { PlaneSuffix } from '../description/weights.js';

/**
 * Integer formula over the names of constants and arguments: numbers, names, + - * /, parentheses, `ceil_div(a, b)`, `floor_div(a, b)`,
 * `min(a, b)`, `max(a, b)`. Division is exact or the formula is wrong.
 */
export type Formula = string;

/** `argument` is a single value in the constant address space, given anew with every dispatch. */
type Access = 'read' | 'write' | 'read_write' | 'argument';

/** One member of a struct, where it lies and how many bytes it takes. */
interface StructField {
  readonly name: string;
  readonly element: ElementType;
  readonly offset: number;
  readonly size: number;
}

/** A struct of arguments that is given as one value; `size` includes the padding at its end. */
export interface StructLayout {
  readonly name: string;
  readonly fields: readonly StructField[];
  readonly size: number;
}

/**
 * What the contract leaves open about the contents that a kernel writes. `gaps`: elements that nobody reads stay as they
 * were. `order`: the last bits, or places, depend on the order in which threadgroups arrive.
 */
export type OpenContents = 'gaps' | 'order';

export interface Binding {
  readonly index: number;
  readonly name: string;
  /** Of a struct: that of its alignment. */
  readonly element: ElementType;
  /** The value is a struct of arguments. */
  readonly struct?: StructLayout;
  /** Half precision that is declared as ushort: the kernel decodes the bits itself. */
  readonly asBits?: true;
  /** One formula for each dimension, outermost first; none for a single value. */
  readonly shape: readonly Formula[];
  readonly access: Access;
  readonly note: string;
  readonly open?: readonly OpenContents[];
  /** Name of the bool constant without which the kernel has no such argument. */
  readonly condition?: string;
  /** The parameter of the block that the buffer holds, or a plane of it. */
  readonly role?: TensorRole;
  readonly plane?: PlaneSuffix;
  /** Of the plane with the codes: columns and terms of one matrix. */
  readonly matrix?: readonly [Formula, Formula];
}

type ConstantType = 'uint' | 'bool' | 'float';

/** Bound when the pipeline is made, or, with a value, baked into the text. */
export interface FunctionConstant {
  readonly index: number;
  readonly name: string;
  readonly type: ConstantType;
  readonly note: string;
  readonly value?: number | boolean;
}

export interface DispatchRule {
  /** Threadgroups in the grid, as formulas; `indirect` names the binding of another kernel that holds them instead. */
  readonly threadgroups: readonly [Formula, Formula, Formula];
  readonly indirect?: string;
  readonly threadsPerThreadgroup: readonly [number, number, number];
}

/** Tile of a matrix kernel: a threadgroup computes blockM x blockN outputs, blockK terms at a time. */
export interface TileShape {
  readonly blockM: number;
  readonly blockN: number;
  readonly blockK: number;
  readonly simdgroupsM: number;
  readonly simdgroupsN: number;
}

/** What a template may print: ready-made words, whole numbers, named conditions, and lists of such records. */
export type TemplateValue =
  string | number | boolean | { readonly [name: string]: TemplateValue } | readonly TemplateValue[];

export interface KernelPlan {
  /** The name of the MSL function and of the manifest entry. */
  readonly name: string;
  /** The file without its folder and ending, where several kernels share one; otherwise it is called as the kernel. */
  readonly file?: string;
  readonly family: FamilyName;
  /** Where in `generated/`: the activation dtype, or `common` where no activation is touched. */
  readonly folder: string;
  /** Entry template below `templates/kernels`, without ending. */
  readonly template: string;
  /** One sentence for lists and the manifest. */
  readonly summary: string;
  /** What changes the text; all of it is in the name. */
  readonly axes: Readonly<Record<string, string>>;
  readonly constants: readonly FunctionConstant[];
  readonly bindings: readonly Binding[];
  readonly dispatch: DispatchRule;
  readonly tile?: TileShape;
  /** Of kernels that multiply a few rows of input: how many at most, and the columns that a threadgroup computes. */
  readonly rows?: { readonly maxRows: number; readonly columns: number };
  /** Floats from one row of results to the next, where they pass through the tiles in rows longer than those of terms. */
  readonly resultStride?: number;
  /** Bytes of threadgroup memory declared in the kernel. */
  readonly threadgroupBytes: number;
  readonly mslVersion: MslVersion;
  /** The family's own words for its template. */
  readonly terms: Readonly<Record<string, TemplateValue>>;
}
