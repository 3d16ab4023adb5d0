// Whether the terms of integer matrices lie in the order of their groups, which their headers do not tell: tools that reorder them
// (act-order, desc_act) reorder those of all matrices, so that one of each role and layer is looked at.

import type { BoundLayer } from './bind.js';
import { checkTermOrder } from './repack.js';

/** Throws `checkpoint/not-affine`, which says what to do. */
export async function checkTermOrders(layers: readonly BoundLayer[]): Promise<void> {
  for (const { sources } of layers) {
    for (const source of sources) {
      const [first] = source.kind === 'matrix' ? source.stored : [];
      const table = first?.planes['g_idx'];
      if (first?.integers == null || table === undefined) continue;
      const { terms, group } = first.integers;
      checkTermOrder(await table.read(0, 4 * terms), terms, group ?? terms, first.module);
    }
  }
}
