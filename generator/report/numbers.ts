// Numbers as a report shows them.

/** With as many digits as a reader compares: 0.5, 12.3, 1,204, 3.1e5. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return '∞';
  if (value === 0 || (value >= 100 && value < 1e5)) return Math.round(value).toLocaleString('en-US');
  if (value >= 1e5 || value < 0.001) return value.toExponential(1).replace('e+', 'e');
  return String(Number(value.toPrecision(3)));
}

/** As much as is shown never rounds up to all that is allowed. */
export function percent(share: number): string {
  if (!Number.isFinite(share)) return '∞';
  const shown = share * 100;
  if (shown > 0 && shown < 0.1) return '<0.1 %';
  return `${share <= 1 ? Math.floor(shown * 10) / 10 : Math.ceil(shown * 10) / 10} %`;
}

export const times = (ratio: number): string => `×${ratio.toFixed(2)}`;
