import { expectOk, hubFetch } from "@/api/client";
import { ApiError } from "@/api/errors";
import { readSse } from "@/api/sse";
import { filterQuery, type LogFilter } from "./log-filter";
import { positionAfter, type LogRecord } from "./log-record";

const pageSize = 200;
const retryMs = 2_000;
/** So long records are gathered: a list is drawn once for many. */
const gatherMs = 120;

export interface LogPage {
  data: LogRecord[];
  next_cursor: string | null;
  /** The hub read as much as it would before the page was full. */
  stopped_early: boolean;
}

/** A page of records, newest first. */
export async function readLogPage(
  filter: LogFilter,
  cursor: string | null,
  signal?: AbortSignal,
): Promise<LogPage> {
  const query = new URLSearchParams({ ...filterQuery(filter), limit: String(pageSize) });
  if (cursor) query.set("cursor", cursor);
  const response = await expectOk(await hubFetch(`/logs?${query.toString()}`, { signal }));
  return (await response.json()) as LogPage;
}

/** Tells new records as they are written, oldest first, after those that are `known`, until aborted. */
export async function followLogs(
  filter: LogFilter,
  known: readonly LogRecord[],
  signal: AbortSignal,
  tell: (records: LogRecord[]) => void,
): Promise<void> {
  const query = new URLSearchParams({ ...filterQuery(filter), follow: "true" });
  // Where it goes on is told by the position.
  query.delete("since");
  let position = positionAfter(known);
  const gathered: LogRecord[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  const flush = (): void => {
    timer = undefined;
    if (!signal.aborted) tell(gathered.splice(0));
  };
  while (!signal.aborted) {
    try {
      const response = await expectOk(
        await hubFetch(`/logs?${query.toString()}`, {
          signal,
          ...(position && { headers: { "Last-Event-ID": position } }),
        }),
      );
      if (response.body) {
        for await (const message of readSse(response.body)) {
          position = message.id;
          gathered.push(JSON.parse(message.data) as LogRecord);
          timer ??= setTimeout(flush, gatherMs);
        }
      }
    } catch (error) {
      // What the hub refuses it refuses again; the page has said why.
      if (error instanceof ApiError && error.status < 500) return;
    }
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
  clearTimeout(timer);
}
