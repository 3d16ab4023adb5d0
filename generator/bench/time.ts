// A layer on a device that measures: copies of its kernels one behind the other, each with tokens that choose experts of their
// own and, where there is room, with weights of its own, so that no cache helps.

import type { Dispatch, Job, LoadedLibrary } from '../native/types.js';
import { stageOf } from '../plan/families/table.js';
import { decodeElements } from '../validate/elements.js';
import { buildJob, type Inputs, type Step } from '../validate/job.js';
import type { Measures } from './count.js';
import { layerFloors, routingOf, type Floor, type Routing } from './floor.js';
import { tokenStates } from './inputs.js';
import { layerSteps, type BenchLayer } from './layer.js';
import { timed, totalFloor, type StageReport } from './report.js';
import type { TimedBuffer, TimingDevice } from './timing.js';

/** Several times what caches of GPUs hold. */
const COLD_BYTES = 2 ** 28;
const MIN_COPIES = 8;
const MAX_COPIES = 64;
/** Weights of all copies together; beyond that the copies share them, and their tokens choose other experts. */
const MAX_OWN_WEIGHTS = 2 ** 34;

interface TimingOptions {
  readonly inputs: Inputs;
  /** That of the inputs' tokens. */
  readonly seed: number;
  /** Bytes of weights that all copies together may have for themselves. */
  readonly maxOwnWeights?: number;
}

/** `libraries` in the order of the layer's kernels. */
export async function timeLayer(
  device: TimingDevice,
  layer: BenchLayer,
  libraries: readonly LoadedLibrary[],
  { inputs, seed, maxOwnWeights = MAX_OWN_WEIGHTS }: TimingOptions,
): Promise<Measures> {
  const steps = layerSteps(layer, libraries);
  const states = tokensOfCopies(layer, seed);
  const routings = await routingsOf(device, layer, steps, { inputs, states });
  const floors = meanFloors(routings.map((routing) => layerFloors(layer, routing)));
  const job = buildJob(steps, inputs, []);
  const { stages, microseconds, readBandwidth } = await device.time({
    buffers: timedBuffers(job, inputs, { states, maxOwnWeights }),
    stages: job.dispatches.map((dispatch: Dispatch) => ({ name: dispatch.kernel, dispatches: [dispatch] })),
    copies: states.length,
  });
  const reports = layer.plans.map(({ name, family }, at): StageReport => {
    const [measured, floor] = [stages[at], floors[at]];
    if (measured?.name !== name || floor === undefined) throw new Error(`${name} was not measured`);
    return {
      stage: stageOf(family),
      kernel: name,
      floor,
      time: timed(floor, measured.microseconds, readBandwidth),
    };
  });
  const floor = totalFloor(floors);
  return {
    touchedExperts: mean(routings.map(({ touchedExperts }) => touchedExperts)),
    dispatches: job.dispatches.length,
    stages: reports,
    floor,
    time: timed(floor, microseconds, readBandwidth),
    readBandwidth,
    absent: [`counters: the ${device.name} device has none; use --device host`],
  };
}

/** Enough copies that between two uses of a weight more is read than any cache holds. */
function tokensOfCopies(layer: BenchLayer, seed: number): Uint8Array[] {
  const { numTokens, block } = layer;
  const touchedExperts = Math.min(block.numExperts, numTokens * block.topK);
  const { read } = totalFloor(layerFloors(layer, { touchedExperts, numTiles: numTokens * block.topK }));
  const copies = Math.min(Math.max(Math.ceil(COLD_BYTES / read), MIN_COPIES), MAX_COPIES);
  return Array.from({ length: copies }, (_, copy) => tokenStates(layer, seed + copy));
}

/** Runs the router for the tokens of each copy. */
async function routingsOf(
  device: TimingDevice,
  layer: BenchLayer,
  steps: readonly Step[],
  { inputs, states }: { readonly inputs: Inputs; readonly states: readonly Uint8Array[] },
): Promise<Routing[]> {
  const routers = steps.filter(({ plan }) => stageOf(plan.family) === 'router');
  const all = states.flatMap((_, copy) =>
    routers.map((step) => ({ ...step, names: { hidden_states: stateName(copy), topk_ids: idsName(copy) } })),
  );
  const tokens = Object.fromEntries(states.map((state, copy) => [stateName(copy), state]));
  const job = buildJob(
    all,
    { ...inputs, ...tokens },
    states.map((_, copy) => idsName(copy)),
  );
  const { outputs } = await device.run(job);
  return outputs.map((bytes) => routingOf(layer, decodeElements('u32', bytes)));
}

function stateName(copy: number): string {
  return `hidden_states (${copy})`;
}

function idsName(copy: number): string {
  return `topk_ids (${copy})`;
}

function meanFloors(copies: readonly (readonly Floor[])[]): Omit<Floor, 'buffers'>[] {
  return (copies[0] ?? []).map((_, at) => {
    const own = copies.flatMap((floors) => floors[at] ?? []);
    const of = (key: 'read' | 'written' | 'flops') => mean(own.map((floor) => floor[key]));
    return { read: of('read'), written: of('written'), flops: of('flops') };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function timedBuffers(
  { buffers }: Job,
  inputs: Inputs,
  { states, maxOwnWeights }: { readonly states: readonly Uint8Array[]; readonly maxOwnWeights: number },
): TimedBuffer[] {
  const weights = buffers.filter(({ label = '' }) => label in inputs && label !== 'hidden_states');
  const bytes = weights.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const sharesWeights = bytes * states.length > maxOwnWeights;
  return buffers.map((buffer) => {
    if (buffer.label === 'hidden_states') return { ...buffer, instances: states };
    // Single values have contents too, but are no inputs.
    if (weights.includes(buffer) ? sharesWeights : buffer.data !== undefined) return buffer;
    return { ...buffer, instances: 'own' };
  });
}
