// What the bench answers: for each number of tokens and weight format the kernels of a layer, with what they should move at
// least, what they moved, and how long that took.

import type { ActivationDtype } from '../description/dtypes.js';
import type { DispatchResult } from '../native/types.js';
import type { LayerPath } from '../plan/layer.js';
import type { TileName } from '../plan/tiles.js';
import type { BufferFloor, Floor } from './floor.js';

interface CountedBuffer extends BufferFloor {
  /** Bytes that threads asked for. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface Counted {
  /** Bytes of device memory, without single values. */
  readonly bytesRead: number;
  readonly bytesWritten: number;
  /** Of both to the floor. */
  readonly ratio: number;
  readonly threadgroupBytes: number;
  readonly barriers: number;
  readonly flops: number;
  readonly threadgroups: number;
  /** Those that wrote nothing. */
  readonly idleThreadgroups: number;
}

export interface Timed {
  /** Median. */
  readonly microseconds: number;
  /** The floor's bytes at the read bandwidth of the same run. */
  readonly floorMicroseconds: number;
  readonly ratio: number;
  /** The floor's bytes in the time taken. */
  readonly bytesPerSecond: number;
}

interface Measured {
  readonly floor: Omit<Floor, 'buffers'>;
  readonly counted?: Counted;
  readonly time?: Timed;
}

export interface StageReport extends Measured {
  readonly stage: string;
  readonly kernel: string;
  /** With counters. */
  readonly buffers?: readonly CountedBuffer[];
}

export interface LayerReport extends Measured {
  readonly activation: ActivationDtype;
  readonly weight: string;
  readonly numTokens: number;
  readonly path: LayerPath;
  readonly tile: TileName | 'none';
  /** Experts that assignments touched; on a GPU the mean of several routings. */
  readonly touchedExperts: number;
  readonly dispatches: number;
  readonly stages: readonly StageReport[];
  /** Bytes per second, measured in the same run. */
  readonly readBandwidth?: number;
  /** What there are no numbers of, and why. */
  readonly absent: readonly string[];
}

/** Counters of a dispatch beside its floor. */
export function countedStage(
  { threadgroups, counters }: DispatchResult,
  floor: Floor,
): Pick<StageReport, 'counted' | 'buffers'> {
  if (counters === undefined) return {};
  const buffers = floor.buffers.map((buffer) => {
    const own = counters.buffers.find(({ index }) => index === buffer.index);
    return { ...buffer, bytesRead: own?.bytesRead ?? 0, bytesWritten: own?.bytesWritten ?? 0 };
  });
  const bytesRead = buffers.reduce((sum, buffer) => sum + buffer.bytesRead, 0);
  const bytesWritten = buffers.reduce((sum, buffer) => sum + buffer.bytesWritten, 0);
  return {
    buffers,
    counted: {
      bytesRead,
      bytesWritten,
      ratio: (bytesRead + bytesWritten) / (floor.read + floor.written),
      threadgroupBytes: counters.threadgroupBytesRead + counters.threadgroupBytesWritten,
      barriers: counters.barriers,
      flops: counters.floatingPointOperations,
      threadgroups,
      idleThreadgroups: counters.idleThreadgroups,
    },
  };
}

export function totalFloor(floors: readonly Omit<Floor, 'buffers'>[]): Omit<Floor, 'buffers'> {
  const sum = (key: 'read' | 'written' | 'flops') => floors.reduce((total, floor) => total + floor[key], 0);
  return { read: sum('read'), written: sum('written'), flops: sum('flops') };
}

/** Nothing where a stage has no counters. */
export function totalCounted(stages: readonly StageReport[]): Counted | undefined {
  const all = stages.flatMap(({ counted }) => (counted === undefined ? [] : [counted]));
  if (all.length < stages.length) return undefined;
  const sum = (key: keyof Counted) => all.reduce((total, counted) => total + counted[key], 0);
  const floor = totalFloor(stages.map((stage) => stage.floor));
  const [bytesRead, bytesWritten] = [sum('bytesRead'), sum('bytesWritten')];
  return {
    bytesRead,
    bytesWritten,
    ratio: (bytesRead + bytesWritten) / (floor.read + floor.written),
    threadgroupBytes: sum('threadgroupBytes'),
    barriers: sum('barriers'),
    flops: sum('flops'),
    threadgroups: sum('threadgroups'),
    idleThreadgroups: sum('idleThreadgroups'),
  };
}

export function timed(
  { read, written }: Omit<Floor, 'buffers'>,
  microseconds: number,
  bandwidth: number,
): Timed {
  const bytes = read + written;
  const floorMicroseconds = (bytes / bandwidth) * 1e6;
  return {
    microseconds,
    floorMicroseconds,
    ratio: microseconds / floorMicroseconds,
    bytesPerSecond: (bytes / microseconds) * 1e6,
  };
}
