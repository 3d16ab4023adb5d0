// Finds the conversions between address spaces that Metal does not have. References and pointers to thread memory are
// generic for the compiler, since nothing else takes temporaries: it lets device, threadgroup and constant memory pass for
// thread memory, and constant memory for device memory. Its syntax tree shows where it did.

import { OF_CONSTANT } from '../frontend/classes.js';
import { HEADER_FOLDER } from '../headers.js';
import { TRANSPARENT, type Place, type TreeNode } from './reader.js';

export interface AddressCast extends Place {
  readonly message: string;
}

interface Problem {
  readonly message: string;
  /** No problem, where a class has the method for constant objects: where its name stands in the call. */
  readonly method?: { readonly name: string; readonly address: string; readonly place: Place };
  /** Names or addresses of what takes the value: it is wrong only where the program declares one of them. */
  readonly declared?: readonly string[];
}

const SPACES: Readonly<Record<string, string>> = {
  __global: 'device',
  __local: 'threadgroup',
  __global_host: 'constant',
};
const CONSTRUCTIONS = new Set(['CXXConstructExpr', 'CXXTemporaryObjectExpr']);
const EXPLICIT: Readonly<Record<string, string>> = {
  CStyleCastExpr: 'C-style cast',
  CXXFunctionalCastExpr: 'cast',
  CXXStaticCastExpr: 'static_cast',
  CXXReinterpretCastExpr: 'reinterpret_cast',
  CXXAddrspaceCastExpr: 'cast',
};
const CONVERTING = /^(?:ConditionalOperator|BinaryOperator|InitListExpr|ReturnStmt|CXXCtorInitializer)$/u;
const CLASS = /\b(?:struct|class|union) ([A-Za-z_]\w*)(?: definition)?$/u;
/** What the compiler adds to a class copies from and to everywhere. */
const ADDED =
  /^\w+ 0x[\da-f]+ (?:parent \w+ |prev \w+ )*<.*?> \S+ implicit | default(?: trivial)?(?: noexcept\S* \w+)?$/u;

interface Conversion {
  readonly cast: TreeNode;
  readonly from: string;
  readonly to: string;
  /** Of objects, or of pointers. */
  readonly isObject: boolean;
  readonly space: string;
}

/**
 * The methods that the program has for constant objects. Those for other address spaces are called in their place, and do
 * the same, or not.
 */
export type ConstantMethods = ReadonlyMap<string, 'same' | 'different'>;

/** Looks at the nodes of a syntax tree as they come. */
export class AddressCasts {
  private readonly declared = new Set<string>();
  /** Methods with the addresses of their classes, and the names of those for constant objects behind such an address. */
  private readonly classes = new Map<string, string>();
  private readonly constantNames = new Set<string>();
  private readonly found = new Map<string, Problem & Place>();
  private readonly ofConstant: ConstantMethods;

  constructor(ofConstant: ConstantMethods) {
    this.ofConstant = ofConstant;
  }

  visit(node: TreeNode): void {
    if (node.kind.endsWith('Decl')) this.declare(node);
    const { parent } = node;
    if (parent?.children !== 1 || !parent.text.includes('<AddressSpaceConversion>')) return;
    const { file, line, column } = parent.start;
    const conversion = file.startsWith(HEADER_FOLDER) ? undefined : readConversion(parent, node);
    const problem = conversion && this.problemOf(conversion);
    if (problem === undefined) return;
    const of = problem.method?.place;
    const key = `${file}:${line} ${of?.line ?? ''}:${of?.column ?? ''} ${problem.message}`;
    this.found.set(key, { file, line, column, ...problem });
  }

  get findings(): AddressCast[] {
    return [...this.found.values()]
      .filter(
        ({ method, declared }) => !method && (declared?.some((name) => this.declared.has(name)) ?? true),
      )
      .map(({ file, line, column, message }) => ({ file, line, column, message }));
  }

  /** Where names of methods stand that another one of their class, for constant objects, is meant by. */
  get constantCalls(): Place[] {
    return [...this.found.values()].flatMap(({ method }) => {
      const owner = this.classes.get(method?.address ?? '');
      return method && this.constantNames.has(`${owner ?? ''} ${OF_CONSTANT}${method.name}`)
        ? [method.place]
        : [];
    });
  }

  /** The declarations that the tree shows are the program's: the library's are not printed. */
  private declare({ kind, text, parent }: TreeNode): void {
    if (ADDED.test(text)) return;
    const address = addressOf(text);
    this.declared.add(address);
    const owner = addressOf(parent?.text ?? '');
    if (kind === 'CXXMethodDecl') this.classes.set(address, owner);
    const constant = / (__msl_constant_\w+) '/u.exec(text)?.[1];
    if (constant !== undefined) this.constantNames.add(`${owner} ${constant}`);
    const name = kind.includes('Record') || kind.includes('Class') ? CLASS.exec(text)?.[1] : undefined;
    if (name !== undefined) this.declared.add(name);
  }

  private problemOf(conversion: Conversion): Problem | undefined {
    const { cast, from, to, isObject, space } = conversion;
    const consumer = consumerOf(cast);
    if (consumer === undefined) return undefined;
    const { kind } = consumer;
    const how = EXPLICIT[kind];
    if (how !== undefined)
      return { message: `${how} from '${from}' to '${to}' converts between mismatching address spaces` };
    if (CONSTRUCTIONS.has(kind)) return construction(consumer, conversion);
    if (kind === 'MemberExpr') return method(consumer, conversion, this.ofConstant);
    if (kind === 'CXXOperatorCallExpr') return operator(consumer, conversion, this.ofConstant);
    if (kind === 'CallExpr') return call(consumer, conversion);
    if (kind === 'VarDecl' && isObject)
      return { message: `a reference to ${wordOf(to)} memory cannot refer to ${space} memory` };
    if (kind === 'VarDecl')
      return { message: `cannot initialize a variable of type '${to}' with an lvalue of type '${from}'` };
    return CONVERTING.test(kind) ? { message: `cannot convert '${from}' to '${to}'` } : undefined;
  }
}

function method(
  { text, end }: TreeNode,
  { to, space }: Conversion,
  ofConstant: ConstantMethods,
): Problem | undefined {
  const name = /(?:\.|->)(operator\b.*|~?\w+) 0x[\da-f]+$/u.exec(text)?.[1] ?? '';
  const declared = addresses(text);
  const problem = `no matching member function for call to '${name}'`;
  const message = `${problem}: it is for ${wordOf(to)} memory, not for ${space} memory`;
  if (space !== 'constant') return { message, declared };
  const instead = name.startsWith(OF_CONSTANT) ? 'same' : ofConstant.get(methodName(name));
  if (instead === 'same') return undefined;
  if (instead === undefined) return { message, declared };
  if (name.startsWith('operator')) return { message: differs(name), declared };
  return { message, method: { name, address: declared.at(-1) ?? '', place: end } };
}

function operator(
  { callee = '' }: TreeNode,
  { to, space }: Conversion,
  ofConstant: ConstantMethods,
): Problem | undefined {
  const name = /'(operator.*?)'/u.exec(callee)?.[1] ?? '';
  const declared = addresses(callee);
  const instead = space === 'constant' ? ofConstant.get(methodName(name)) : undefined;
  if (instead === 'same') return undefined;
  if (instead === 'different') return { message: differs(name), declared };
  return {
    message: `no matching '${name}': it is for ${wordOf(to)} memory, not for ${space} memory`,
    declared,
  };
}

function differs(name: string): string {
  return `not supported: '${name}' for constant memory that does not do what it does for other memory`;
}

/** Conversion functions are all of one name. */
function methodName(name: string): string {
  return /^operator \w/u.test(name) ? 'operator' : name.replace(/\s/gu, '');
}

function construction({ text }: TreeNode, { space }: Conversion): Problem | undefined {
  const [type = '', signature = ''] = canonical(text);
  const name = /^\w+/u.exec(bare(type))?.[0] ?? '';
  const parameter = /^void \((.*)\)/u.exec(signature)?.[1] ?? '';
  // Copies come from every address space.
  if (parameter.includes('&') && bare(parameter.replace(/&.*$/u, '')) === bare(type)) return undefined;
  const problem = `no matching constructor for initialization of '${name}'`;
  return { message: `${problem}: it takes thread memory, not ${space} memory`, declared: [name] };
}

function call({ callee = '' }: TreeNode, { to, space }: Conversion): Problem {
  const name = /(?:Function|CXXMethod|Var|ParmVar) 0x[\da-f]+ '(.*?)'/u.exec(callee)?.[1] ?? '';
  const problem = `'${name}' takes a reference to ${wordOf(to)} memory, not to ${space} memory`;
  const message = `no matching function for call to '${name}': ${problem}`;
  // The library reads whatever it is given, and writes to what Metal lets it.
  return /^(?:const|volatile)/u.test(to) ? { message, declared: addresses(callee) } : { message };
}

function readConversion(cast: TreeNode, source: TreeNode): Conversion | undefined {
  const [target = ''] = quoted(cast.text);
  const [from = '', variable = ''] = quoted(source.text);
  const isObject = /' lvalue\b/u.test(cast.text);
  const space = spaceOf(from, isObject);
  const into = spaceOf(target, isObject);
  if (into !== '__generic' && !(into === '__global' && space === '__global_host')) return undefined;
  // Variables in device memory do not exist: the program's constants lie there.
  const isConstant = source.text.includes(' lvalue Var ') && spaceOf(variable, true) === '__global';
  const word = isConstant ? 'constant' : SPACES[space];
  const to = target.replace(/\b__generic\b/gu, '__private');
  return word === undefined ? undefined : { cast, from, to, isObject, space: word };
}

/** The address space of an object's type, or of what a pointer points to. */
function spaceOf(type: string, isObject: boolean): string {
  const pointee = isObject ? type : type.replace(/\*(?: ?(?:const|__\w+))*$/u, '');
  const own = pointee.slice(Math.max(0, pointee.lastIndexOf('*'), pointee.lastIndexOf('&')));
  return /\b__(?:global_host|global|local|generic|private)\b/u.exec(own)?.[0] ?? '';
}

function wordOf(type: string): string {
  return /\b__global\b/u.test(type) ? 'device' : 'thread';
}

/** What takes the converted value. */
function consumerOf(cast: TreeNode): TreeNode | undefined {
  if (EXPLICIT[cast.kind] !== undefined) return cast;
  let node = cast.parent;
  while (node && TRANSPARENT.has(node.kind)) node = node.parent;
  return node;
}

function addressOf(text: string): string {
  return /0x[\da-f]+/u.exec(text)?.[0] ?? '';
}

/** The addresses that a node refers to. */
function addresses(text: string): string[] {
  return [...text.matchAll(/0x[\da-f]+/gu)].slice(1).map(([address]) => address);
}

/** The types in a row, without what they stand for. */
function quoted(text: string): string[] {
  return [...text.matchAll(/(?<!:)'([^']*)'/gu)].map((match) => match[1] ?? '');
}

/** The types in a row, by what they stand for. */
function canonical(text: string): string[] {
  return [...text.matchAll(/'([^']*)'(?::'([^']*)')?/gu)].map(([, written = '', meant = written]) => meant);
}

/** A type without qualifiers and namespaces. */
function bare(type: string): string {
  return type.replace(/\b(?:const|volatile|__\w+) |\b\w+::/gu, '').trim();
}
