// From what is asked for to the list of kernels: every family says its kernels, impossible ones are refused by name, and the
// list comes sorted by name.

import { MoegenError } from '../errors.js';
import type { GenerationSpec } from '../description/generation.js';
import { combinePlans } from './families/combine.js';
import { compactIdsPlans } from './families/compact-ids.js';
import { convertPlans } from './families/convert.js';
import { downPlans } from './families/down.js';
import { gateUpPlans } from './families/gate-up.js';
import { indexPlans } from './families/index-build.js';
import { normPlans } from './families/norms.js';
import { projectionPlans } from './families/projections.js';
import { routerPlans } from './families/router.js';
import { dropInAssignmentPlans } from './families/dropin/assignments.js';
import { dropInCompatPlans } from './families/dropin/bf16-compat.js';
import { dropInEntropyPlans } from './families/dropin/entropy.js';
import { dropInGateUpPlans } from './families/dropin/gate-up.js';
import { dropInMixturePlans } from './families/dropin/mixture.js';
import { dropInRouterPlans } from './families/dropin/router.js';
import { dropInRowPlans } from './families/dropin/rows.js';
import { sharedExpertPlans } from './families/shared-expert.js';
import { assertPlan } from './limits.js';
import type { KernelPlan } from './types.js';

const FAMILIES = [
  routerPlans,
  indexPlans,
  gateUpPlans,
  downPlans,
  combinePlans,
  sharedExpertPlans,
  projectionPlans,
  normPlans,
  convertPlans,
  compactIdsPlans,
  dropInRouterPlans,
  dropInAssignmentPlans,
  dropInEntropyPlans,
  dropInMixturePlans,
  dropInRowPlans,
  dropInGateUpPlans,
  dropInCompatPlans,
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
