// The buffers of a layer's kernels from the tensors of a checkpoint, as their recipes say.

import { matrixPlanes } from '../../weights/decode.js';
import { numbersOf, readVector } from '../../weights/numbers.js';
import { encodeElements } from '../elements.js';
import type { MatrixSource, RoleSource } from '../../checkpoint/bind.js';
import { repackAsAffine } from '../../checkpoint/repack.js';
import { ACTIVATION_DTYPES, type ActivationDtype, type ElementType } from '../../description/dtypes.js';
import type { TensorRecipe } from '../../description/recipes.js';

/** The element type that kernels declare for what a recipe makes. */
type ElementOf = (recipe: TensorRecipe) => ElementType;
type Buffers = ReadonlyMap<TensorRecipe, Uint8Array>;

/** The bytes of each buffer, by its recipe. */
export async function readPlanes(source: RoleSource, elementOf: ElementOf): Promise<Buffers> {
  const buffers = new Map<TensorRecipe, Uint8Array>();
  if (source.kind === 'vector') {
    const values = await readVector(source);
    for (const recipe of source.recipes) buffers.set(recipe, encodeElements(elementOf(recipe), values));
    return buffers;
  }
  if (source.recipes.some(({ operation }) => operation === 'affine')) return readAffine(source, elementOf);
  for (const recipe of source.recipes) {
    const bytes = await readStack(source, recipe.plane ?? 'weight');
    const isCopy = recipe.operation === 'copy';
    buffers.set(recipe, isCopy ? bytes : encodeElements(elementOf(recipe), numbersOf(recipe.type, bytes)));
  }
  return buffers;
}

/** A plane of every matrix that kernels take, as the bytes lie. */
async function readStack({ stored, count }: MatrixSource, plane: string): Promise<Uint8Array> {
  const tensors = stored.map(({ planes, module }) => {
    const tensor = planes[plane];
    if (tensor === undefined) throw new Error(`${module} has no ${plane}`);
    return tensor;
  });
  const [first] = tensors;
  if (tensors.length === 1 && first !== undefined) {
    const all = Math.max(count, stored[0]?.matrices ?? 1);
    return first.read(0, (first.bytes / all) * count);
  }
  const bytes = new Uint8Array(tensors.reduce((sum, tensor) => sum + tensor.bytes, 0));
  let start = 0;
  for (const tensor of tensors) {
    bytes.set(await tensor.read(), start);
    start += tensor.bytes;
  }
  return bytes;
}

function readAffine(source: MatrixSource, elementOf: ElementOf): Buffers {
  const { stored, recipes, count } = source;
  const [type] = recipes.flatMap((recipe) => {
    const element = elementOf(recipe);
    return recipe.plane === 'scales' && isDense(element) ? [element] : [];
  });
  const buffers = new Map<TensorRecipe, Uint8Array>();
  for (let at = 0; at < count; at += 1) {
    const { integers = null, module = '' } = stored[stored.length > 1 ? at : 0] ?? {};
    if (integers === null) throw new Error(`${module} is no integer matrix`);
    const { weight = new Uint8Array(), scales = new Uint8Array(), ...others } = matrixPlanes(source, at);
    const { offsets: zeros, g_idx: groupIndex } = others;
    const bytes = { weight, scales, ...(zeros && { zeros }), ...(groupIndex && { groupIndex }) };
    const matrix = repackAsAffine(bytes, integers, module, type && [type]);
    const planes: Readonly<Record<string, Uint8Array>> = matrix.planes;
    for (const recipe of recipes) {
      const own = planes[recipe.plane ?? ''] ?? new Uint8Array();
      const whole = buffers.get(recipe) ?? new Uint8Array(own.byteLength * count);
      whole.set(own, at * own.byteLength);
      buffers.set(recipe, whole);
    }
  }
  return buffers;
}

function isDense(element: ElementType): element is ActivationDtype {
  return ACTIVATION_DTYPES.some((dtype) => dtype === element);
}
