// Figures and times as people read them. Units are part of the text.

const absent = "–";

/** Binary units, as `mlx-hub` prints them: "98.2 MiB". */
export function formatBytes(bytes: number | null | undefined): string {
  if (bytes == null || !Number.isFinite(bytes)) return absent;
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${bytes < 0 ? "-" : ""}${value.toFixed(digits)} ${units[unit] ?? ""}`;
}

/**
 * "12,345"; parts of ones only where the figure is small. Not by `Intl`, whose first use takes a phone a tenth of a
 * second, before anything else is shown.
 */
export function formatNumber(value: number | null | undefined, digits = 0): string {
  if (value == null || !Number.isFinite(value)) return absent;
  const [whole = "", part] = value.toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return part === undefined ? grouped : `${grouped}.${part}`;
}

/** A loss, a rate: four digits that matter, exponents where needed ("1.00e-4"). */
export function formatFigure(value: number | null | undefined): string {
  if (value == null || !Number.isFinite(value)) return absent;
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e6) return value.toExponential(2);
  if (size >= 1000) return formatNumber(value);
  return Number(value.toPrecision(4)).toString();
}

export function formatPercent(share: number | null | undefined, digits = 0): string {
  return share == null ? absent : `${(share * 100).toFixed(digits)} %`;
}

/** "1 h 12 min", "3 min 20 s", "4.2 s", "180 ms". */
export function formatDuration(seconds: number | null | undefined): string {
  if (seconds == null || !Number.isFinite(seconds)) return absent;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return joined(minutes, "min", whole % 60, "s");
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return joined(hours, "h", minutes % 60, "min");
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return `${large} ${largeUnit}${small > 0 ? ` ${small} ${smallUnit}` : ""}`;
}

/** The local time: "14:03:11" today, with the date before. */
export function formatTime(time: string | null | undefined, now = new Date()): string {
  if (!time) return absent;
  const date = new Date(time);
  const clock = clockOf(date);
  return isSameDay(date, now) ? clock : `${dayOf(date)} ${clock.slice(0, 5)}`;
}

const padded = (value: number): string => String(value).padStart(2, "0");

/** "14:03:11", local. */
export const clockOf = (date: Date): string =>
  [date.getHours(), date.getMinutes(), date.getSeconds()].map(padded).join(":");

/** "2026-11-29", local. */
export const dayOf = (date: Date): string =>
  [date.getFullYear(), padded(date.getMonth() + 1), padded(date.getDate())].join("-");

export const isSameDay = (a: Date, b: Date): boolean => a.toDateString() === b.toDateString();

/** "just now", "3 min ago", "2 d ago". */
export function formatAge(time: string | null | undefined, now = Date.now()): string {
  if (!time) return absent;
  const seconds = (now - new Date(time).getTime()) / 1000;
  if (seconds < 5) return "just now";
  const units: [number, string][] = [
    [86_400, "d"],
    [3_600, "h"],
    [60, "min"],
    [1, "s"],
  ];
  for (const [size, unit] of units) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${unit} ago`;
  }
  return "just now";
}

/** The first 12 digits of a SHA-256 or id, enough to tell it from others. */
export const shortDigest = (digest: string | null | undefined): string =>
  digest ? digest.slice(0, 12) : absent;

/** Ids are UUIDv7: they begin with the time, so the end is what differs. */
export const shortId = (id: string): string => id.slice(-8);

export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${formatNumber(count)} ${count === 1 ? one : many}`;
