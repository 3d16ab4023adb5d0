// Turns what the engine found into reports: with the names of kernels and buffers, and with source lines.

import { CHECKS, type CheckReport, type Job } from '../types.js';
import type { NativeReport } from './addon.js';
import { lineFinder, type SourceLine, type SourcePlace } from './line-table.js';

export function makeReports(found: readonly NativeReport[], job: Job): CheckReport[] {
  const reports = found.filter(isAboutTwoPlaces).map((report): CheckReport => {
    const place = lineOf(report.library, returningFrom(report.offset));
    return {
      check: CHECKS[report.check] ?? 'bounds',
      kernel: job.dispatches[report.dispatch]?.kernel ?? '',
      message: withLabels(report.message, job),
      ...place,
      count: report.count,
    };
  });
  return mergeSameLine(reports);
}

/** One barrier in the source may have become several: in instantiations of a template, or in copies of a loop. */
function isAboutTwoPlaces(report: NativeReport): boolean {
  if (report.otherOffset === undefined) return true;
  const first = placeOf(report);
  const second = placeOf({ ...report, offset: report.otherOffset });
  if (first === undefined || second === undefined) return true;
  return first.file !== second.file || first.line !== second.line || first.column !== second.column;
}

/** The source line of an instruction, where the library tells. */
export function lineOf(library: string | undefined, offset: number | undefined): SourceLine | undefined {
  const place = findPlace(library, offset);
  return place && { file: place.file, line: place.line };
}

function findPlace(library: string | undefined, offset: number | undefined): SourcePlace | undefined {
  return library === undefined || offset === undefined ? undefined : lineFinder(library)(offset);
}

function placeOf({ library, offset }: NativeReport): SourcePlace | undefined {
  return findPlace(library, returningFrom(offset));
}

/** Where the kernel called from: the address is the one it returns to. */
function returningFrom(offset: number | undefined): number | undefined {
  return offset === undefined ? undefined : offset - 1;
}

/** Buffers of the job have labels, which say more than their numbers. */
function withLabels(message: string, job: Job): string {
  return message.replace(/the job's buffer (\d+)/u, (text, number: string) => {
    const label = job.buffers[Number(number)]?.label;
    return label === undefined ? text : `${text} (${label})`;
  });
}

/** Unrolled loops have several copies of one access. */
function mergeSameLine(reports: readonly CheckReport[]): CheckReport[] {
  const merged = new Map<string, CheckReport>();
  for (const report of reports) {
    const { check, kernel, file, line, message } = report;
    const key = JSON.stringify([check, kernel, file, line, line === undefined ? message : '']);
    const known = merged.get(key);
    merged.set(key, known ? { ...known, count: known.count + report.count } : report);
  }
  return [...merged.values()];
}

/** One line per report, for logs. */
export function formatReport({ check, kernel, message, file, line }: CheckReport): string {
  const place = file === undefined ? kernel : `${file}:${line ?? 0}: ${kernel}`;
  return `${place}: ${check}: ${message}`;
}
