// Plots as SVG, drawn when the page is written: how large errors are, and how near to the roof the stages of layers run.

import { ULP_LIMITS } from '../validate/ulps.js';
import { html, type Html } from './html.js';
import { percent, shortNumber } from './numbers.js';
import type { StageOfLayer } from './records.js';

const LABELS = ULP_LIMITS.map((limit, at) =>
  limit === Infinity ? `> ${ULP_LIMITS[at - 1] ?? 0}` : at === 0 ? '0' : `≤ ${limit}`,
);

/** A bar for each limit, as high as its share of all values; small shares show too, for the scale is logarithmic. */
export function errorPlot(counts: readonly number[], title: string): Html {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const [width, height, bar] = [ULP_LIMITS.length * 46, 90, 34];
  const decades = Math.max(1, Math.ceil(Math.log10(Math.max(total, 10))));
  const bars = ULP_LIMITS.map((_, at) => {
    const count = counts[at] ?? 0;
    const tall = count === 0 ? 0 : (height * (Math.log10(count) + 1)) / (decades + 1);
    const share = total === 0 ? 0 : count / total;
    const x = at * 46 + 6;
    return html`<g
      ><title>${LABELS[at]} ulp: ${count.toLocaleString('en-US')} values, ${percent(share)}</title
      ><rect x="${x}" y="${(height - tall).toFixed(1)}" width="${bar}" height="${tall.toFixed(1)}" /><text
        x="${x + bar / 2}"
        y="${height + 14}"
        >${LABELS[at]}</text
      ></g
    >`;
  });
  return html`<svg
    class="errors"
    viewBox="0 0 ${width} ${height + 20}"
    width="${width}"
    height="${height + 20}"
    role="img"
    aria-label="${title}"
  >
    <title>${title}</title>
    ${bars}
  </svg>`;
}

interface Point {
  readonly label: string;
  /** FLOPs per byte of the floor. */
  readonly intensity: number;
  /** FLOPs per byte moved, or in the time that a byte takes at the read bandwidth. */
  readonly reached: number;
  readonly isMeasured: boolean;
}

/** Stages without floating point operations, such as those that count, have no place in it. */
export function rooflinePoints(stages: readonly StageOfLayer[]): Point[] {
  return stages.flatMap(({ bench, layer, stage }) => {
    const { floor, counted, time } = stage;
    const bytes = floor.read + floor.written;
    const label = `${stage.kernel}, ${layer.numTokens} tokens, ${bench.model} on ${bench.device}`;
    const seconds = time === undefined ? undefined : time.microseconds / 1e6;
    const bandwidth = layer.readBandwidth;
    const moved =
      seconds !== undefined && bandwidth !== undefined
        ? seconds * bandwidth
        : counted && counted.bytesRead + counted.bytesWritten;
    if (moved === undefined || moved === 0 || bytes === 0 || floor.flops === 0) return [];
    const isMeasured = seconds !== undefined && bandwidth !== undefined;
    return [{ label, intensity: floor.flops / bytes, reached: floor.flops / moved, isMeasured }];
  });
}

const PLOT = { left: 60, top: 10, size: 360 } as const;

/** Both axes in FLOPs per byte, so that the roof that memory sets is the diagonal whatever the machine is. */
export function rooflinePlot(points: readonly Point[]): Html {
  const values = points.flatMap(({ intensity, reached }) => [intensity, reached]);
  const low = Math.floor(Math.log10(Math.min(...values)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...values))));
  const scale = (value: number) => ((Math.log10(value) - low) / (high - low)) * PLOT.size;
  const x = (value: number) => (PLOT.left + scale(value)).toFixed(1);
  const y = (value: number) => (PLOT.top + PLOT.size - scale(value)).toFixed(1);
  const [right, bottom] = [PLOT.left + PLOT.size, PLOT.top + PLOT.size];
  const grid = Array.from({ length: high - low + 1 }, (_, at) => 10 ** (low + at)).map(
    (value) =>
      html`<g class="grid"
        ><path d="M${x(value)} ${PLOT.top}V${bottom}M${PLOT.left} ${y(value)}H${right}" /><text
          x="${x(value)}"
          y="${bottom + 16}"
          >${shortNumber(value)}</text
        ><text class="y" x="${PLOT.left - 6}" y="${y(value)}">${shortNumber(value)}</text></g
      >`,
  );
  const marks = points.map(
    ({ label, intensity, reached, isMeasured }) =>
      html`<circle
        class="${isMeasured ? 'measured' : 'counted'}"
        cx="${x(intensity)}"
        cy="${y(reached)}"
        r="4"
        ><title>${label}: ${percent(reached / intensity)} of the roof</title></circle
      > `,
  );
  return html`<svg
    class="roofline"
    viewBox="0 0 ${right + 10} ${bottom + 40}"
    width="${right + 10}"
    height="${bottom + 40}"
    role="img"
    aria-label="Roofline"
  >
    ${grid}
    <path class="roof" d="M${PLOT.left} ${bottom}L${right} ${PLOT.top}" />
    <text x="${PLOT.left + PLOT.size / 2}" y="${bottom + 34}">FLOPs per byte that has to move</text>
    <text class="turned" transform="translate(14 ${PLOT.top + PLOT.size / 2}) rotate(-90)">
      FLOPs per byte moved
    </text>
    ${marks}
  </svg>`;
}
