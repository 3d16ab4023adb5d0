// Names of Metal's library and language that nothing here implements: each is refused by name, where the program uses it.

import { at } from './navigate.js';
import type { Token } from './tokens.js';
import { reportRefusal, type Unit } from './unit.js';

/** Types, recognised in front of template arguments or a name. */
const TYPES = new Set(
  (
    'imageblock imageblock_slice visible_function_table intersection_function_table intersection_function_buffer ' +
    'intersector intersection_query intersection_result mesh mesh_grid_properties object_data interpolant ' +
    'patch_control_point vertex_value command_buffer render_command compute_command copy_command ' +
    'render_pipeline_state compute_pipeline_state depth_stencil_state acceleration_structure ' +
    'primitive_acceleration_structure instance_acceleration_structure rasterization_rate_map_data ' +
    'rasterization_rate_map_decoder simdgroup_event threadgroup_imageblock'
  ).split(' '),
);
const FUNCTIONS = new Set('discard_fragment dfdx dfdy fwidth get_num_samples get_sample_position'.split(' '));
/** Texels with a format of their own: `r8unorm<half>`. */
const FORMATS = /^(?:r|rg|rgba)(?:8|16)[us]norm$|^srgba8unorm$|^rgb10a2$|^rg11b10f$|^rgb9e5$/u;
const FUNCTION_KINDS = new Set(['vertex', 'fragment']);

/** Attributes of parameters and functions of other kinds than kernels. */
export const UNSUPPORTED_ATTRIBUTES: ReadonlySet<string> = new Set(
  (
    'stage_in raster_order_group payload vertex_id instance_id base_vertex base_instance amplification_id ' +
    'amplification_count patch_id primitive_id barycentric_coord front_facing sample_id sample_mask ' +
    'point_coord render_target_array_index viewport_array_index position_in_patch imageblock_data ' +
    'implicit_imageblock pixel_position_in_tile pixels_per_tile tile_index texture sampler patch ' +
    'early_fragment_tests threads_per_object_threadgroup threads_per_mesh_threadgroup'
  ).split(' '),
);

export function findUnsupported(unit: Unit): void {
  const declared = declaredNames(unit);
  unit.tokens.forEach((token, index) => {
    if (token.kind !== 'identifier' || token.removed || declared.has(token.source)) return;
    if (['.', '->'].includes(at(unit, index - 1).source)) return;
    const name = unsupported(unit, token, index);
    if (name !== undefined) reportRefusal(unit, token, `not supported: ${name}`);
  });
}

function unsupported(unit: Unit, { source }: Token, index: number): string | undefined {
  const after = at(unit, index + 1);
  if (source === 'raytracing') return after.source === '::' || isNamed(unit, index) ? source : undefined;
  const isType = after.kind === 'identifier' || ['<', '&', '>', '*'].includes(after.source);
  if (TYPES.has(source)) return isType ? source : undefined;
  if (FORMATS.test(source)) return after.source === '<' ? source : undefined;
  if (source === 'sampler') return ['(', '>', ','].includes(after.source) ? source : undefined;
  if (FUNCTION_KINDS.has(source)) {
    // Behind `static`, `inline` or an attribute; in front of everything lints.ts looks itself.
    const before = at(unit, index - 1).source;
    const follows = ['static', 'inline', ']'].includes(before);
    return follows && after.kind === 'identifier' ? `${source} functions` : undefined;
  }
  return FUNCTIONS.has(source) && after.source === '(' ? source : undefined;
}

function isNamed(unit: Unit, index: number): boolean {
  return ['::', 'namespace'].includes(at(unit, index - 1).source);
}

/** Names that the program gives to something of its own. */
function declaredNames(unit: Unit): Set<string> {
  const names = new Set<string>();
  unit.tokens.forEach((token, index) => {
    if (!TYPES.has(token.source) && !FUNCTIONS.has(token.source)) return;
    const before = at(unit, index - 1);
    const isClass = ['struct', 'class', 'union', 'typename'].includes(before.source);
    const isVariable =
      before.kind === 'identifier' && !['return', 'else', 'case', 'const'].includes(before.source);
    const isQualifier = [
      'constant',
      'device',
      'thread',
      'threadgroup',
      'using',
      'typedef',
      'static',
    ].includes(before.source);
    if (isClass || (isVariable && !isQualifier)) names.add(token.source);
  });
  return names;
}
