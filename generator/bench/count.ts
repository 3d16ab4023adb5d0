// A layer on a device that counts: every byte, barrier and operation of each kernel, beside the floor of the routing that ran.

import { decodeElements } from '../validate/elements.js';
import { buildJob, type Inputs } from '../validate/job.js';
import type { Device, LoadedLibrary } from '../native/types.js';
import { stageOf } from '../plan/families/table.js';
import { layerFloors, routingOf } from './floor.js';
import { layerSteps, type BenchLayer } from './layer.js';
import { countedStage, totalCounted, totalFloor, type LayerReport, type StageReport } from './report.js';

const TIMEOUT_SECONDS = 600;

export type Measures = Omit<LayerReport, 'activation' | 'weight' | 'numTokens' | 'path' | 'tile'>;

/** `libraries` are instrumented, in the order of the layer's kernels. */
export async function countLayer(
  device: Device,
  layer: BenchLayer,
  libraries: readonly LoadedLibrary[],
  inputs: Inputs,
): Promise<Measures> {
  const steps = layerSteps(layer, libraries);
  const job = buildJob(steps, inputs, ['topk_ids'], { count: true, timeoutSeconds: TIMEOUT_SECONDS });
  const { outputs, dispatches } = await device.run(job);
  const routing = routingOf(layer, decodeElements('u32', outputs[0] ?? new Uint8Array()));
  const floors = layerFloors(layer, routing);
  const stages = layer.plans.map(({ name, family }, at): StageReport => {
    const [result, floor] = [dispatches[at], floors[at]];
    if (result?.kernel !== name || floor === undefined) throw new Error(`${name} did not run`);
    const least = totalFloor([floor]);
    return { stage: stageOf(family), kernel: name, floor: least, ...countedStage(result, floor) };
  });
  const counted = totalCounted(stages);
  return {
    touchedExperts: routing.touchedExperts,
    dispatches: dispatches.length,
    stages,
    floor: totalFloor(stages.map(({ floor }) => floor)),
    ...(counted !== undefined && { counted }),
    absent: [`times: the ${device.name} device runs kernels to count, not to measure`],
  };
}
