// What the bench needs of a device that can measure: dispatches in, microseconds out. A device that has `time` is taken by it.

import type { BufferSpec, Device, Dispatch } from '../native/types.js';

export interface TimedBuffer extends BufferSpec {
  /**
   * Copies of the dispatches have this buffer each for itself, all with the same contents or copy i with those at i: weights
   * that no cache holds, tokens that choose other experts, what is written in between.
   */
  readonly instances?: 'own' | readonly Uint8Array[];
}

interface TimingStage {
  readonly name: string;
  readonly dispatches: readonly Dispatch[];
}

export interface TimingJob {
  /** Dispatches name these by position. */
  readonly buffers: readonly TimedBuffer[];
  readonly stages: readonly TimingStage[];
  /** How often the dispatches are put one behind the other, to be launched together. */
  readonly copies: number;
}

interface Timing {
  /** Median of all stages together, once through. */
  readonly microseconds: number;
  /** Medians of each stage by itself, in the order given; launching is part of them. */
  readonly stages: readonly { readonly name: string; readonly microseconds: number }[];
  /** Bytes per second of a kernel that only reads, measured in the same run. */
  readonly readBandwidth: number;
}

export interface TimingDevice extends Device {
  time(job: TimingJob): Promise<Timing>;
}

export function canTime(device: Device): device is TimingDevice {
  return 'time' in device && typeof device.time === 'function';
}
