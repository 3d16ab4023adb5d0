import { describeKernels } from '../support/kernel-suite.js';

describeKernels('bf16');
