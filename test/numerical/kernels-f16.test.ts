import { describeKernels } from '../support/kernel-suite.js';

describeKernels('f16');
