// Whole layers in the dense formats, and in a part of the packed ones: which one, the partials that decode them decide. `npm run
// test:exhaustive` has all of them.

import { PACKED_RUNS } from '../support/format-blocks.js';
import { DENSE_RUNS, describeRuns } from '../support/format-runs.js';
import { partOfFormats } from '../support/part-of-formats.js';

const PARTS = 3;

describeRuns([...DENSE_RUNS, ...PACKED_RUNS.filter((_, at) => at % PARTS === partOfFormats(PARTS))]);
