import { clockOf, dayOf, formatBytes, formatDuration, isSameDay } from "@/format";
import type { Schemas } from "@/api/client";

/** A record as the hub tells it: time, level, event, and the event's own members. */
export type LogRecord = Pick<Schemas["LogRecord"], "time" | "level" | "event"> &
  Record<string, unknown>;

/** What can be filtered by, where a record has it. */
export const idFields = ["request_id", "job_id", "trace_id"] as const;
export type IdField = (typeof idFields)[number];

export const isIdField = (name: string): name is IdField => idFields.some((one) => one === name);

const shownApart = new Set<string>(["time", "level", "event", "process"]);

/** The event's own members: [name, value as text]. */
export function ownFields(record: LogRecord): [name: string, value: string][] {
  return Object.entries(record)
    .filter(([name]) => !shownApart.has(name))
    .map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]);
}

/** One line of what a record says; ids come when it is unfolded. */
export function summary(record: LogRecord): string {
  if (record.event === "http_request") return requestWords(record);
  const fields = ownFields(record)
    .filter(([name]) => !isIdField(name))
    .map(([name, text]): [string, string] => [name, shortFigure(record[name], text)]);
  const [only] = fields;
  if (only && fields.length === 1 && only[0] === "message") return only[1];
  return fields.map(([name, value]) => `${name}=${value}`).join("  ");
}

/** "GET /jobs 200, 12 ms, 3.1 KiB". */
function requestWords({ method, path, status, seconds, bytes }: LogRecord): string {
  const figures = [
    `${String(method)} ${String(path)} ${String(status)}`,
    ...(typeof seconds === "number" ? [formatDuration(seconds)] : []),
    ...(typeof bytes === "number" ? [formatBytes(bytes)] : []),
  ];
  return figures.join(", ");
}

/** Of a fraction the four digits that matter; all of them come when the record is unfolded. */
const shortFigure = (value: unknown, text: string): string =>
  typeof value === "number" && !Number.isInteger(value)
    ? String(Number(value.toPrecision(4)))
    : text;

export const processOf = (record: LogRecord): string =>
  typeof record.process === "string" ? record.process : "";

/** "14:03:11.123", with the date before where it is not today's. */
export function clockTime(time: string, now = new Date()): string {
  const date = new Date(time);
  const clock = `${clockOf(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
  return isSameDay(date, now) ? clock : `${dayOf(date)} ${clock}`;
}

/**
 * Where the stream goes on after these records, newest first: their latest time and how many of it there are, as the
 * stream names its events ("1764412345678-2"). Null without records: from now on.
 */
export function positionAfter(records: readonly LogRecord[]): string | null {
  const last = records[0]?.time;
  if (last === undefined) return null;
  const seen = records.findIndex((record) => record.time !== last);
  return `${new Date(last).getTime()}-${seen < 0 ? records.length : seen}`;
}
