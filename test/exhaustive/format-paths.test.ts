// Whole layers in all packed formats that are tried, of which `npm test` takes a part.

import { PACKED_RUNS } from '../support/format-blocks.js';
import { describeRuns } from '../support/format-runs.js';

describeRuns(PACKED_RUNS);
