// The public API: the stages of generation as functions, and the types that go through them.

export { MoegenError, type ErrorDetails, type ErrorKind } from './errors.js';
export type { GenerationSpec } from './description/generation.js';
export { planKernels } from './plan/plan.js';
export type { Binding, DispatchRule, FunctionConstant, KernelPlan, TileShape } from './plan/types.js';
export { toContext, type TemplateContext } from './emit/context.js';
export { createEnvironment, type TemplateEnvironment } from './emit/environment.js';
export { renderKernel } from './emit/render.js';
export { createMslFormatter } from './format/format.js';
export {
  check,
  compile,
  generate,
  plan,
  readConfig,
  run,
  test,
  validate,
  type CheckResult,
  type CompileResult,
  type GenerateResult,
  type PlanResult,
  type RunResult,
  type TestResult,
  type ValidateResult,
} from './api/commands.js';
export type { ArrayBufferSpec, ArrayJob, ArrayRunResult, NumberArray } from './api/run-arrays.js';
export type {
  CallContext,
  CompileSettings,
  GenerateSettings,
  ModelSource,
  PlanSettings,
  RunSettings,
  TestSettings,
  ValidateSettings,
} from './api/settings.js';
export { parseManifest, type Manifest, type ManifestKernel } from './manifest/schema.js';
export { prepareSet, type KernelSet, type SetRequest } from './output/kernel-set.js';
export { writeSet, type WriteResult } from './output/write.js';
export { compareSet, type Comparison } from './output/compare.js';
