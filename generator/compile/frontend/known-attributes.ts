// Attributes that Metal does not have are ignored, as its compiler does: but where they stand, another may be meant.

import { PARAMETER_ATTRIBUTES } from './arguments.js';
import { KEPT_ATTRIBUTES } from './attributes.js';
import { at } from './navigate.js';
import { reportWarning, type Unit } from './unit.js';
import { UNSUPPORTED_ATTRIBUTES } from './unsupported.js';

/** Those of Metal that say nothing about a kernel's parameters; arguments.ts tells the others apart. */
const KNOWN = new Set(
  (
    'kernel vertex fragment mesh object tile visible stitchable intersection host_name patch early_fragment_tests ' +
    'max_total_threads_per_threadgroup required_threads_per_threadgroup max_total_threadgroups_per_mesh_grid ' +
    'function_constant buffer texture sampler threadgroup id attribute user position invariant point_size ' +
    'clip_distance color index depth stencil sample_mask flat center_perspective center_no_perspective ' +
    'centroid_perspective centroid_no_perspective sample_perspective sample_no_perspective shared ' +
    'render_target_array_index viewport_array_index raster_order_group primitive_id barycentric_coord front_facing ' +
    'primitive_culled payload stage_in deprecated unavailable noreturn using_if_exists alias early_depth_stencil ' +
    'world_space_origin world_space_direction origin direction min_distance max_distance distance accept_intersection ' +
    'continue_search threadgroup_imageblock imageblock_data implicit_imageblock'
  ).split(' '),
);

const LISTS = [KNOWN, KEPT_ATTRIBUTES, PARAMETER_ATTRIBUTES, UNSUPPORTED_ATTRIBUTES];

/** Warns of attributes that Metal does not have, outside of parameters. */
export function checkAttributes(unit: Unit): void {
  for (const [index, attributes] of unit.attributes) {
    if (unit.parameterAttributes.has(index)) continue;
    for (const { name } of attributes) {
      if (name.includes('::') || LISTS.some((list) => list.has(name))) continue;
      reportWarning(unit, at(unit, index), `unknown attribute '${name}' is ignored`);
    }
  }
}
