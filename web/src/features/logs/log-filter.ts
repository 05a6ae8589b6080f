import type { Schemas } from "@/api/client";

export type LogLevel = Schemas["LogLevel"];
export const logLevels: readonly LogLevel[] = ["debug", "info", "warning", "error"];

/** Which records are wanted, by the names of the query of GET /logs; what is empty filters nothing. */
export interface LogFilter {
  /** This one and worse. */
  level: LogLevel;
  /** A text within the line. */
  q: string;
  process: string;
  event: string;
  /** An event that is left out. */
  without: string;
  request_id: string;
  job_id: string;
  trace_id: string;
  /** A time (RFC 3339), or how long ago ("15m"). */
  since: string;
  until: string;
}

export const noFilter: LogFilter = {
  level: "debug",
  q: "",
  process: "",
  event: "",
  without: "",
  request_id: "",
  job_id: "",
  trace_id: "",
  since: "",
  until: "",
};

const names = Object.keys(noFilter) as (keyof LogFilter)[];

/** The filter in a page's address: other pages link to the records of a request or job. */
export function readFilter(params: { get: (name: string) => string | null }): LogFilter {
  const filter = { ...noFilter };
  for (const name of names) {
    const value = params.get(name) ?? "";
    if (name !== "level") filter[name] = value;
  }
  const level = params.get("level");
  return { ...filter, level: logLevels.find((one) => one === level) ?? noFilter.level };
}

/** Only what filters something, for the page's address and for the hub. */
export function filterQuery(filter: LogFilter): Record<string, string> {
  return Object.fromEntries(
    names.filter((name) => filter[name] !== noFilter[name]).map((name) => [name, filter[name]]),
  );
}

/** A time of the browser's date field, "2026-01-31T14:30" in local time, as the hub takes it; "" for none. */
export function timeOfField(text: string): string {
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? "" : time.toISOString();
}

/** The other way round; "" for a relative time. */
export function fieldOfTime(time: string): string {
  const date = new Date(time);
  if (!/^\d{4}-/.test(time) || Number.isNaN(date.getTime())) return "";
  const local = new Date(date.getTime() - date.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 16);
}
