// What `moegen bench` found, as tables.

import type { Counted, LayerReport, StageReport, Timed } from '../../bench/report.js';
import type { RivalReport } from '../../bench/rival.js';
import { grouped, table } from '../table.js';

export function describeLayer(report: LayerReport): string {
  const { activation, weight, numTokens, path, tile, touchedExperts, dispatches, absent } = report;
  const tokens = numTokens === 1 ? '1 token' : `${grouped(numTokens)} tokens`;
  const tiles = tile === 'none' ? '' : `, ${tile} tiles`;
  const experts = Number.isInteger(touchedExperts) ? grouped(touchedExperts) : touchedExperts.toFixed(1);
  return [
    '',
    `${tokens}, activations ${activation}, weights ${weight}: ${path} path${tiles}, ${dispatches} dispatches, ${experts} experts touched`,
    ...(report.counted === undefined
      ? []
      : ['', countTable(report, report.counted), '', workTable(report, report.counted)]),
    ...(report.time === undefined ? [] : ['', timeTable(report, report.time)]),
    ...absent.map((reason) => `  no ${reason}`),
    '',
  ].join('\n');
}

const COUNT_COLUMNS = ['read', 'written', 'floor', 'ratio', 'threadgroups', 'without work'];

function countTable({ stages, floor }: LayerReport, total: Counted): string {
  const cells = (counted: Counted | undefined, { read, written }: LayerReport['floor']): string[] =>
    counted === undefined
      ? []
      : [
          grouped(counted.bytesRead),
          grouped(counted.bytesWritten),
          grouped(read + written),
          counted.ratio.toFixed(3),
          grouped(counted.threadgroups),
          grouped(counted.idleThreadgroups),
        ];
  return table(
    ['bytes', 'kernel', ...COUNT_COLUMNS],
    [
      ...stages.map((stage) => [stage.stage, stage.kernel, ...cells(stage.counted, stage.floor)]),
      ['layer', '', ...cells(total, floor)],
    ],
    COUNT_COLUMNS,
  );
}

const WORK_COLUMNS = [
  'FLOPs',
  'of formula',
  'threadgroup bytes',
  'per FLOP',
  'barriers',
  'per million FLOPs',
];

function workTable({ stages, floor }: LayerReport, total: Counted): string {
  const cells = (counted: Counted | undefined, flops: number): string[] =>
    counted === undefined
      ? []
      : [
          grouped(counted.flops),
          grouped(flops),
          grouped(counted.threadgroupBytes),
          share(counted.threadgroupBytes, counted.flops),
          grouped(counted.barriers),
          share(counted.barriers * 1e6, counted.flops),
        ];
  return table(
    ['work', ...WORK_COLUMNS],
    [
      ...stages.map((stage) => [stage.stage, ...cells(stage.counted, stage.floor.flops)]),
      ['layer', ...cells(total, floor.flops)],
    ],
    WORK_COLUMNS,
  );
}

/** Of a kernel that computes nothing there is none. */
function share(amount: number, flops: number): string {
  return flops === 0 ? '' : (amount / flops).toFixed(3);
}

const TIME_COLUMNS = ['microseconds', 'floor', 'ratio', 'TB/s'];

function timeTable({ stages, readBandwidth = 0 }: LayerReport, total: Timed): string {
  const cells = (time: Timed | undefined): string[] =>
    time === undefined
      ? []
      : [
          time.microseconds.toFixed(2),
          time.floorMicroseconds.toFixed(2),
          time.ratio.toFixed(2),
          (time.bytesPerSecond / 1e12).toFixed(3),
        ];
  const rows = stages.map((stage) => [stage.stage, stage.kernel, ...cells(stage.time)]);
  return [
    table(['time', 'kernel', ...TIME_COLUMNS], [...rows, ['layer', '', ...cells(total)]], TIME_COLUMNS),
    `    read bandwidth in this run: ${(readBandwidth / 1e12).toFixed(3)} TB/s`,
  ].join('\n');
}

const RIVAL_COLUMNS = ['read', 'written', 'FLOPs', 'threadgroup bytes', 'barriers', 'microseconds'];

/** Our kernels of a stage, one by one, and the other one. */
export function describeRival(stage: string, rival: RivalReport, ours: readonly StageReport[]): string {
  const rows = [
    ...ours.map(({ kernel, counted, time }) => rivalCells(kernel, counted, time?.microseconds)),
    rivalCells(rival.kernel, rival.counted, rival.microseconds),
  ];
  return [
    '',
    `${stage}, beside ${rival.job}`,
    table(['kernel', ...RIVAL_COLUMNS], rows, RIVAL_COLUMNS),
    '',
  ].join('\n');
}

type RivalCounts = Pick<Counted, 'bytesRead' | 'bytesWritten' | 'flops' | 'threadgroupBytes' | 'barriers'>;

function rivalCells(
  kernel: string,
  counted: RivalCounts | undefined,
  microseconds: number | undefined,
): string[] {
  const counts =
    counted === undefined
      ? ['', '', '', '', '']
      : [
          counted.bytesRead,
          counted.bytesWritten,
          counted.flops,
          counted.threadgroupBytes,
          counted.barriers,
        ].map(grouped);
  return [kernel, ...counts, microseconds === undefined ? '' : microseconds.toFixed(2)];
}
