// What each template below templates/kernels prints and asks for, with its partials, beside what every kernel has. Derived from the
// templates: `npm run types:templates` writes it. A term that stands under a condition alone may be absent.

/** What is printed. */
type Word = string | number;

interface Accessors {
  readonly hasLoad: boolean;
  readonly hasStore: boolean;
  readonly hasVectorLoad: boolean;
  readonly isBits: boolean;
  readonly msl: Word;
}

interface Output {
  readonly name: Word;
  readonly store: Word;
}

interface Rowless {
  readonly guard: Word;
  readonly hasInput: boolean;
  readonly input: Word;
  readonly isOptional: boolean;
  readonly isWeight: boolean;
  readonly isZero: boolean;
  readonly load: Word;
}

interface Steps {
  readonly condition: Word;
  readonly isOptional: boolean;
  readonly name:
    'add_gated_shared' | 'add_optional_shared' | 'add_shared' | 'bias' | 'halve' | 'mix' | 'scale';
}

interface Bfloat {
  readonly hasLoad: boolean;
  readonly hasStore: boolean;
}

interface Input {
  readonly load: Word;
}

interface Output2 {
  readonly store: Word;
}

interface Input2 {
  readonly load4: Word;
  readonly msl: Word;
}

interface Output3 {
  readonly name: Word;
}

interface Part {
  readonly bias: Word;
  readonly biasLoad: Word;
  readonly columns: Word;
  readonly hasBias: boolean;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly place: 'after' | 'even' | 'odd' | 'own';
}

interface First {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isAfter: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly matrix: Word;
  readonly terms: Word;
}

interface Product {
  readonly columns: Word;
  readonly first: First;
}

interface Glu {
  readonly alpha?: Word;
  readonly beta?: Word;
  readonly function: Word;
  readonly functions: 'gelu' | 'gelu_tanh' | 'relu' | 'relu2' | 'silu' | 'situ' | 'swish';
  readonly isGated: boolean;
  readonly limit?: Word;
  readonly linearBeta?: Word;
  readonly name: Word;
  readonly unit: 'clamp_after' | 'clamp_before' | 'oai' | 'plain' | 'situ';
}

interface Input3 {
  readonly load4: Word;
  readonly msl: Word;
  readonly name: Word;
}

interface Parts {
  readonly bias: Word;
  readonly biasLoad: Word;
  readonly columns: Word;
  readonly hasBias: boolean;
  readonly inWords: Word;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly name: Word;
  readonly padded: Word;
  readonly place: 'after' | 'even' | 'odd' | 'own';
  readonly product: Word;
}

interface Operands {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isAfter: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly isScaled: boolean;
  readonly matrix: Word;
  readonly name: Word;
  readonly terms: Word;
}

interface Product2 {
  readonly columns: Word;
  readonly first: First;
  readonly isPairs: boolean;
  readonly operands: readonly Operands[];
  readonly terms: Word;
}

interface Row {
  readonly threads: Word;
}

interface Column {
  readonly load: Word;
  readonly msl: Word;
}

interface DenseProducts {
  readonly column: Column;
  readonly staged: Column;
}

interface Row2 {
  readonly capacity: Word;
  readonly slots: Word;
  readonly threads: Word;
}

interface Weight {
  readonly isByTerms: boolean;
  readonly isFp4: boolean;
  readonly msl: Word;
}

interface Input4 {
  readonly load4: Word;
  readonly name: Word;
}

interface Tile {
  readonly blockK: Word;
  readonly blockM: Word;
  readonly blockN: Word;
  readonly fragmentsM: Word;
  readonly fragmentsN: Word;
  readonly loaderRows: Word;
  readonly loaderTerms: Word;
  readonly simdgroupColumns: Word;
  readonly simdgroupRows: Word;
  readonly simdgroups: Word;
  readonly simdgroupsN: Word;
  readonly stride: Word;
  readonly threads: Word;
}

interface Weight2 {
  readonly isByTerms: boolean;
  readonly isFp4: boolean;
  readonly load4: Word;
  readonly msl: Word;
}

interface EntryWeights {
  readonly load: Word;
  readonly name: Word;
}

interface Output4 {
  readonly load?: Word;
  readonly name: Word;
  readonly store: Word;
  readonly value: 'added' | 'added_in_float' | 'divided' | 'sum' | 'weighted';
}

interface Progress {
  readonly end: Word;
  readonly name: Word;
}

interface RowGroups {
  readonly inWords: Word;
}

interface Shared {
  readonly isOptional: boolean;
}

interface Sizes {
  readonly columns: Word;
  readonly experts: Word;
  readonly groupSize: Word;
  readonly slots: Word;
  readonly terms: Word;
  readonly tokens: Word;
}

interface Sorted {
  readonly hasOffsets: boolean;
  readonly tokens: 'assignments' | 'buckets' | 'token_ids';
}

interface Weight3 {
  readonly isByTerms: boolean;
  readonly isFp4: boolean;
  readonly load4: Word;
  readonly matrix: Word;
  readonly msl: Word;
  readonly scales: Word;
}

interface Row3 {
  readonly capacity: Word;
  readonly threads: Word;
}

interface Format {
  readonly bits?: Word;
  readonly blockUnits?: Word;
  readonly blockVectors: Word;
  readonly blockWords?: Word;
  readonly codesAt?: Word;
  readonly decoder:
    | 'affine'
    | 'dense'
    | 'few_bits'
    | 'fp8'
    | 'gguf_mxfp4'
    | 'gguf_nvfp4'
    | 'iq4_xs'
    | 'mxfp4'
    | 'nibbles'
    | 'nvfp4'
    | 'q2_K'
    | 'q3_K'
    | 'q4_K'
    | 'q6_K'
    | 'q8_0'
    | 'tq2_0';
  readonly groupBytes?: Word;
  readonly groupTerms?: Word;
  readonly groupWords?: Word;
  readonly hasGlobal?: boolean;
  readonly hasHigh?: boolean;
  readonly hasOffset: boolean;
  readonly hasOneScale?: boolean;
  readonly hasScale: boolean;
  readonly highCodeBase?: Word;
  readonly isAsStored: boolean;
  readonly isBf16?: boolean;
  readonly isBlockScale?: boolean;
  readonly isByPairs: boolean;
  readonly isByRows: boolean;
  readonly isDivisor?: boolean;
  readonly isEven?: boolean;
  readonly isExponent?: boolean;
  readonly isF16?: boolean;
  readonly isLargest?: boolean;
  readonly isNibbles: boolean;
  readonly isPaired: boolean;
  readonly isPairs?: boolean;
  readonly isPlain: boolean;
  readonly isRowScale?: boolean;
  readonly isTable?: boolean;
  readonly isVectors?: boolean;
  readonly isWide?: boolean;
  readonly isWords?: boolean;
  readonly largestCode?: Word;
  readonly lowCodeBase?: Word;
  readonly msl?: Word;
  readonly scaleLoad?: Word;
  readonly scaleMsl?: Word;
  readonly scaleTerms?: Word;
  readonly summary: Word;
  readonly vectorTerms: Word;
  readonly wordTerms?: Word;
}

interface Parts2 {
  readonly bias: Word;
  readonly biasLoad: Word;
  readonly columns: Word;
  readonly hasBias: boolean;
  readonly inWords: Word;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly name: Word;
  readonly padded: Word;
  readonly place: 'after' | 'even' | 'odd' | 'own';
  readonly position: Word;
}

interface Planes {
  readonly columns?: Word;
  readonly isAdjugate?: boolean;
  readonly isJoint?: boolean;
  readonly isOwnColumn?: boolean;
  readonly isOwned?: boolean;
  readonly kind: 'by_rows' | 'single' | 'tiled';
  readonly lastRow?: Word;
  readonly lastTileTerm?: Word;
  readonly name: Word;
  readonly place?: 'after' | 'even' | 'odd' | 'own';
  readonly rows?: Word;
  readonly terms?: Word;
  readonly tileTerms?: Word;
}

interface First2 {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isAfter: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly matrix: Word;
  readonly place: 'after' | 'even' | 'odd' | 'own';
  readonly planes: readonly Planes[];
  readonly terms: Word;
}

interface Operands2 {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isAfter: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly isSecond: boolean;
  readonly load4: Word;
  readonly matrix: Word;
  readonly msl: Word;
  readonly name: Word;
  readonly terms: Word;
}

interface Second {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly place: 'after' | 'even' | 'odd' | 'own';
  readonly planes: readonly Planes[];
  readonly terms: Word;
}

interface Product3 {
  readonly columns: Word;
  readonly first: First2;
  readonly isByPairs: boolean;
  readonly isByRows: boolean;
  readonly isGated: boolean;
  readonly load4: Word;
  readonly msl: Word;
  readonly operands: readonly Operands2[];
  readonly second: Second;
  readonly terms: Word;
}

interface Rows {
  readonly assignment: Word;
  readonly grid: Word;
  readonly inWords: Word;
  readonly inputRow: 'assignment' | 'row' | 'token_of_assignment' | 'token_of_row';
  readonly isFlat: boolean;
  readonly isTile: boolean;
  readonly tileInWords: Word;
}

interface Tile2 {
  readonly blockK: Word;
  readonly blockM: Word;
  readonly blockN: Word;
  readonly codeBase: Word;
  readonly codeBits: Word;
  readonly fragmentsM: Word;
  readonly fragmentsN: Word;
  readonly inputPasses: Word;
  readonly isInputAsStored: boolean;
  readonly isPair: boolean;
  readonly isShared: boolean;
  readonly laneTerms: Word;
  readonly msl: Word;
  readonly parts: Word;
  readonly simdgroupColumns: Word;
  readonly simdgroupRows: Word;
  readonly simdgroups: Word;
  readonly simdgroupsN: Word;
  readonly stride: Word;
  readonly threads: Word;
  readonly weightPasses: Word;
  readonly weightRows: Word;
  readonly weightStride: Word;
}

interface Grids {
  readonly block: Word;
  readonly columns: Word;
  readonly name: Word;
}

interface Finish {
  readonly isAdded: boolean;
  readonly isMixing: boolean;
  readonly isRow: boolean;
  readonly isStage: boolean;
}

interface Rows2 {
  readonly grid: Word;
  readonly inputRow: 'assignment' | 'row' | 'token_of_assignment' | 'token_of_row';
  readonly isFlat: boolean;
  readonly isTile: boolean;
  readonly tileInWords: Word;
}

interface Bias {
  readonly isMarked: boolean;
  readonly isPlain: boolean;
  readonly isSwitched: boolean;
}

interface Groups {
  readonly isTop2Sum: boolean;
}

interface Weights {
  readonly divisor: 'floor' | 'p_norm' | 'sum';
  readonly hasDivisor: boolean;
  readonly hasEpsilon?: boolean;
  readonly hasScale: boolean;
  readonly isScaledFirst: boolean;
  readonly isScaledShare: boolean;
  readonly isSwitched: boolean;
  readonly score: 'raw' | 'sigmoid' | 'softmax' | 'sqrtsoftplus';
}

interface Select {
  readonly bias: Bias;
  readonly choosesLogits: boolean;
  readonly description: readonly Word[];
  readonly groups: Groups;
  readonly hasBias: boolean;
  readonly hasChoices: boolean;
  readonly hasExpertScale: boolean;
  readonly hasGroups: boolean;
  readonly hasSums: boolean;
  readonly hasZeroExperts: boolean;
  readonly isSoftmax: boolean;
  readonly isSparsemixer: boolean;
  readonly isTable: boolean;
  readonly isTopK: boolean;
  readonly isTopkSoftmax: boolean;
  readonly maxExperts: Word;
  readonly numScored: Word;
  readonly score: 'raw' | 'sigmoid' | 'softmax' | 'sqrtsoftplus';
  readonly values: Word;
  readonly weights: Weights;
}

interface Format2 {
  readonly bits?: Word;
  readonly blockUnits?: Word;
  readonly blockVectors?: Word;
  readonly blockWords?: Word;
  readonly codesAt?: Word;
  readonly decoder:
    | 'affine'
    | 'dense'
    | 'few_bits'
    | 'fp8'
    | 'gguf_mxfp4'
    | 'gguf_nvfp4'
    | 'iq4_xs'
    | 'mxfp4'
    | 'nibbles'
    | 'nvfp4'
    | 'q2_K'
    | 'q3_K'
    | 'q4_K'
    | 'q6_K'
    | 'q8_0'
    | 'tq2_0';
  readonly groupBytes?: Word;
  readonly groupTerms?: Word;
  readonly groupWords?: Word;
  readonly hasGlobal?: boolean;
  readonly hasHigh?: boolean;
  readonly hasOffset: boolean;
  readonly hasOneScale?: boolean;
  readonly hasScale: boolean;
  readonly highCodeBase?: Word;
  readonly isBf16?: boolean;
  readonly isBlockScale?: boolean;
  readonly isDivisor?: boolean;
  readonly isEven?: boolean;
  readonly isExponent?: boolean;
  readonly isF16?: boolean;
  readonly isHalves: boolean;
  readonly isLargest?: boolean;
  readonly isNibbles?: boolean;
  readonly isPaired: boolean;
  readonly isPairs?: boolean;
  readonly isPlain: boolean;
  readonly isRowScale?: boolean;
  readonly isTable?: boolean;
  readonly isVectors?: boolean;
  readonly isWide?: boolean;
  readonly isWords?: boolean;
  readonly largestCode?: Word;
  readonly lowCodeBase?: Word;
  readonly msl?: Word;
  readonly scaleLoad?: Word;
  readonly scaleMsl?: Word;
  readonly scaleTerms?: Word;
  readonly summary: Word;
  readonly vectorTerms?: Word;
  readonly wordTerms?: Word;
}

interface Parts3 {
  readonly bias: Word;
  readonly biasLoad: Word;
  readonly columns: Word;
  readonly firstRow: Word;
  readonly hasBias: boolean;
  readonly inWords: Word;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly name: Word;
  readonly padded: Word;
  readonly place: 'after' | 'even' | 'odd' | 'own';
}

interface Operands3 {
  readonly columns: Word;
  readonly isAdjugate: boolean;
  readonly isJoint: boolean;
  readonly isOwned: boolean;
  readonly isSecond: boolean;
  readonly partRows: Word;
  readonly place: 'after' | 'even' | 'odd' | 'own';
  readonly planes: readonly Planes[];
  readonly terms: Word;
}

interface Product4 {
  readonly columns: Word;
  readonly first: Second;
  readonly isGated: boolean;
  readonly operands: readonly Operands3[];
  readonly partRows: Word;
  readonly second: Second;
  readonly terms: Word;
}

interface Rows3 {
  readonly assignment: Word;
  readonly grid?: Word;
  readonly inWords: Word;
  readonly inputRow?: 'assignment' | 'row' | 'token_of_assignment' | 'token_of_row';
  readonly isAssignment: boolean;
  readonly isFlat?: boolean;
  readonly resultRow: Word;
  readonly source: 'assignment' | 'tile' | 'token';
}

interface Shape {
  readonly columns: Word;
  readonly isJoint: boolean;
  readonly isSingle: boolean;
  readonly laneRows: Word;
  readonly laneTerms: Word;
  readonly loads: Word;
  readonly maxRows: Word;
  readonly rowLanes: Word;
  readonly simdgroupColumns: Word;
  readonly simdgroups: Word;
  readonly sumRows: Word;
  readonly takesEight: boolean;
  readonly takesFour: boolean;
  readonly takesTwo: boolean;
  readonly threads: Word;
  readonly tileTerms: Word;
  readonly unrolledSteps: Word;
}

interface Finish2 {
  readonly biasLoad: Word;
  readonly isAdded: boolean;
  readonly isCapped: boolean;
  readonly isLogit: boolean;
  readonly isMixing: boolean;
  readonly isRow: boolean;
  readonly isSigmoid: boolean;
  readonly isStage: boolean;
  readonly isTempered: boolean;
}

interface RouterBias {
  readonly isAlways: boolean;
  readonly isSwitched: boolean;
}

interface Rows4 {
  readonly grid?: Word;
  readonly inputRow?: 'assignment' | 'row' | 'token_of_assignment' | 'token_of_row';
  readonly isAssignment: boolean;
  readonly isFlat?: boolean;
  readonly resultRow: Word;
  readonly source: 'assignment' | 'tile' | 'token';
}

export interface TemplateTerms {
  readonly combine: {
    readonly accessors: readonly Accessors[];
    readonly groupColumns: Word;
    readonly isMixing: boolean;
    readonly isSorted: boolean;
    readonly isWeighted: boolean;
    readonly output: Output;
    readonly row?: Word;
    readonly rowless: Rowless;
    readonly steps: readonly Steps[];
    readonly threadColumns: Word;
    readonly threads: Word;
    readonly width: Word;
  };
  readonly compact_ids: {
    readonly threads: Word;
  };
  readonly convert: {
    readonly accessors: readonly Accessors[];
    readonly bfloat?: Bfloat;
    readonly elements: Word;
    readonly input: Input;
    readonly isBfloat: boolean;
    readonly output: Output2;
    readonly threads: Word;
  };
  readonly decode_down_transposed: {
    readonly accessors: readonly Accessors[];
    readonly blockColumns: Word;
    readonly chunkBlocks: Word;
    readonly columnThreads: Word;
    readonly description: readonly Word[];
    readonly input: Input2;
    readonly output: Output3;
    readonly part: Part;
    readonly product: Product;
    readonly threads: Word;
    readonly weight: Input2;
  };
  readonly decode_gate_up_transposed: {
    readonly accessors: readonly Accessors[];
    readonly blockColumns: Word;
    readonly chunkBlocks: Word;
    readonly columnThreads: Word;
    readonly glu: Glu;
    readonly input: Input3;
    readonly isScaled: boolean;
    readonly parts: readonly Parts[];
    readonly product: Product2;
    readonly result: Output;
    readonly threads: Word;
    readonly weight: Input2;
  };
  readonly 'dropin/aggregate': {
    readonly accessors: readonly Accessors[];
    readonly load: Word;
    readonly row: Row;
    readonly store: Word;
  };
  readonly 'dropin/bf16_convert': {
    readonly conversion: 'bf16_to_float' | 'bf16_to_half' | 'float_to_bf16' | 'half_to_bf16';
    readonly elements: Word;
    readonly inWords: Word;
    readonly threads: Word;
  };
  readonly 'dropin/count_assignments': {
    readonly unused: readonly Word[];
  };
  readonly 'dropin/decode': {
    readonly accessors: readonly Accessors[];
    readonly denseProducts: readonly DenseProducts[];
    readonly description: readonly Word[];
    readonly load?: Word;
    readonly msl: Word;
    readonly row: Row2;
    readonly store: Word;
    readonly weight: Weight;
  };
  readonly 'dropin/entropy_gradient': {
    readonly accessors: readonly Accessors[];
    readonly load: Word;
    readonly store: Word;
  };
  readonly 'dropin/entropy_with_loads': {
    readonly accessors: readonly Accessors[];
    readonly counters: Word;
    readonly load: Word;
    readonly msl: Word;
    readonly store: Word;
  };
  readonly 'dropin/expert_entropy': {
    readonly accessors: readonly Accessors[];
    readonly load: Word;
    readonly store: Word;
  };
  readonly 'dropin/expert_offsets': Readonly<Record<string, never>>;
  readonly 'dropin/fill_buckets': Readonly<Record<string, never>>;
  readonly 'dropin/gate_up': {
    readonly accessors: readonly Accessors[];
    readonly description: readonly Word[];
    readonly input: Input4;
    readonly operands: readonly Output3[];
    readonly resultStride: Word;
    readonly store: Word;
    readonly tile: Tile;
    readonly weight: Weight2;
  };
  readonly 'dropin/mixture': {
    readonly accessors: readonly Accessors[];
    readonly description: readonly Word[];
    readonly entryWeights?: EntryWeights;
    readonly hasBitWeights: boolean;
    readonly hasExperts: boolean;
    readonly hasShared?: boolean;
    readonly ids?: Word;
    readonly input?: Input4;
    readonly isListed?: boolean;
    readonly isRouted: boolean;
    readonly isSorted: boolean;
    readonly logitOperands?: readonly Output3[];
    readonly maxSlots?: Word;
    readonly operands: readonly Output3[];
    readonly output: Output4;
    readonly progress?: Progress;
    readonly resultStride: Word;
    readonly router?: Input4;
    readonly rowGroups: RowGroups;
    readonly shared?: Shared;
    readonly sizes: Sizes;
    readonly sorted?: Sorted;
    readonly splitsRows: boolean;
    readonly tile: Tile;
    readonly weight: Weight3;
  };
  readonly 'dropin/router': {
    readonly accessors: readonly Accessors[];
    readonly chunk?: Word;
    readonly hasLoads: boolean;
    readonly isRagged: boolean;
    readonly load?: Word;
    readonly load4?: Word;
    readonly logits?: Word;
    readonly maxExperts: Word;
    readonly msl: Word;
    readonly parts?: Word;
    readonly rowsPerExpert: boolean;
    readonly store: Word;
    readonly weightElement: Word;
  };
  readonly 'dropin/scatter': {
    readonly accessors: readonly Accessors[];
    readonly description: readonly Word[];
    readonly element: Column;
    readonly load: Word;
    readonly msl: Word;
    readonly row: Row3;
    readonly store: Word;
  };
  readonly 'dropin/scatter_assignments': Readonly<Record<string, never>>;
  readonly 'dropin/sort_assignments': {
    readonly accessors: readonly Accessors[];
    readonly load: Word;
    readonly maxThreads: Word;
  };
  readonly 'dropin/token_entropy': {
    readonly accessors: readonly Accessors[];
    readonly divisorInWords: Word;
    readonly index: Word;
    readonly isNormalized: boolean;
    readonly load: Word;
    readonly msl: Word;
    readonly source: Word;
    readonly store?: Word;
    readonly unused: readonly Word[];
    readonly width: Word;
  };
  readonly gate_up: {
    readonly accessors: readonly Accessors[];
    readonly format: Format;
    readonly glu: Glu;
    readonly input?: Input3;
    readonly isScaled: boolean;
    readonly parts: readonly Parts2[];
    readonly product: Product3;
    readonly result: Output;
    readonly rows: Rows;
    readonly tile: Tile2;
  };
  readonly index_build: {
    readonly grids: readonly Grids[];
    readonly maxExperts: Word;
    readonly simdgroups: Word;
    readonly threads: Word;
  };
  readonly index_count: {
    readonly threads: Word;
  };
  readonly index_scan: {
    readonly chunkSize: Word;
    readonly grids: readonly Grids[];
  };
  readonly index_scatter: {
    readonly threads: Word;
  };
  readonly product: {
    readonly accessors: readonly Accessors[];
    readonly description: readonly Word[];
    readonly finish: Finish;
    readonly format: Format;
    readonly input?: Input3;
    readonly output?: Output;
    readonly part: Part;
    readonly product: Product3;
    readonly rows: Rows2;
    readonly steps?: readonly Steps[];
    readonly tile: Tile2;
  };
  readonly rms_norm: {
    readonly accessors: readonly Accessors[];
    readonly epsilon: Word;
    readonly factor?: Word;
    readonly hasFactor: boolean;
    readonly input: EntryWeights;
    readonly isMixing: boolean;
    readonly output: Output;
    readonly simdgroups: Word;
    readonly steps: readonly Steps[];
    readonly threads: Word;
    readonly weight: Word;
    readonly width: Word;
  };
  readonly router_select: {
    readonly select: Select;
    readonly simdgroups: Word;
    readonly threads: Word;
  };
  readonly row_gate_up: {
    readonly accessors: readonly Accessors[];
    readonly format: Format2;
    readonly glu: Glu;
    readonly input: Input3;
    readonly isScaled: boolean;
    readonly parts: readonly Parts3[];
    readonly product: Product4;
    readonly result: Output;
    readonly rows: Rows3;
    readonly shape: Shape;
  };
  readonly row_product: {
    readonly accessors: readonly Accessors[];
    readonly description: readonly Word[];
    readonly finish: Finish2;
    readonly format: Format2;
    readonly hasZeroExperts: boolean;
    readonly input: Input3;
    readonly output?: Output;
    readonly part?: Part;
    readonly product: Product4;
    readonly routerBias?: RouterBias;
    readonly rows: Rows4;
    readonly shape: Shape;
    readonly steps?: readonly Steps[];
  };
}
