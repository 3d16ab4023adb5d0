// From what is asked for to the list of kernels: every family says its kernels, impossible ones are refused by name, and the
// list comes sorted by name.

import { MoegenError } from '../errors.js';
import type { GenerationSpec } from '../spec/generation.js';
import { combinePlans } from './families/combine.js';
import { convertPlans } from './families/convert.js';
import { decodeDownPlans } from './families/decode-down.js';
import { decodeGateUpPlans } from './families/decode-gate-up.js';
import { downPlans } from './families/down.js';
import { gateUpPlans } from './families/gate-up.js';
import { indexPlans } from './families/index-build.js';
import { projectionPlans } from './families/projections.js';
import { routerPlans } from './families/router.js';
import { seedAssignmentPlans } from './families/seed/assignments.js';
import { seedCompatPlans } from './families/seed/bf16-compat.js';
import { seedEntropyPlans } from './families/seed/entropy.js';
import { seedGateUpPlans } from './families/seed/gate-up.js';
import { seedMixturePlans } from './families/seed/mixture.js';
import { seedRouterPlans } from './families/seed/router.js';
import { seedRowPlans } from './families/seed/rows.js';
import { sharedExpertPlans } from './families/shared-expert.js';
import { assertPlan } from './limits.js';
import type { KernelPlan } from './types.js';

const FAMILIES = [
  routerPlans,
  indexPlans,
  gateUpPlans,
  downPlans,
  combinePlans,
  decodeGateUpPlans,
  decodeDownPlans,
  sharedExpertPlans,
  projectionPlans,
  convertPlans,
  seedRouterPlans,
  seedAssignmentPlans,
  seedEntropyPlans,
  seedMixturePlans,
  seedRowPlans,
  seedGateUpPlans,
  seedCompatPlans,
] as const;

export function planKernels(spec: GenerationSpec): KernelPlan[] {
  const plans = FAMILIES.flatMap((family) => family(spec)).sort((a, b) => (a.name < b.name ? -1 : 1));
  plans.forEach(assertPlan);
  assertUniqueNames(plans);
  return plans;
}

function assertUniqueNames(plans: readonly KernelPlan[]): void {
  plans.forEach((plan, position) => {
    if (plan.name === plans[position + 1]?.name) {
      throw new MoegenError('plan/duplicate-name', `two kernels are both called ${plan.name}`, {
        where: `family ${plan.family}`,
        help: 'put every axis that changes the text into kernelName',
      });
    }
  });
}
