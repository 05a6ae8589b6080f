import type { LogPage } from "./log-source";
import type { LogRecord } from "./log-record";

/** A record in the list; the key stays the same while others come before it. */
export interface LogEntry {
  key: number;
  record: LogRecord;
}

export interface LogListState {
  /** Newest first. */
  entries: LogEntry[];
  /** New ones that wait, so that nothing moves under the reader's eyes. */
  waiting: LogEntry[];
  /** The reader is not at the top. */
  held: boolean;
  /** Where earlier records begin; undefined before the first page, null: there are none. */
  cursor: string | null | undefined;
  stoppedEarly: boolean;
  lastKey: number;
}

export const emptyLogList: LogListState = {
  entries: [],
  waiting: [],
  held: false,
  cursor: undefined,
  stoppedEarly: false,
  lastKey: 0,
};

/** More than so many are not kept; the newest are. */
export const mostEntries = 20_000;

export type LogListChange =
  | { type: "page"; page: LogPage }
  /** Oldest first, as they were written. */
  | { type: "told"; records: LogRecord[] }
  | { type: "hold"; held: boolean };

export function changeLogList(state: LogListState, change: LogListChange): LogListState {
  switch (change.type) {
    case "page": {
      const { data, next_cursor: cursor, stopped_early: stoppedEarly } = change.page;
      const added = keyed(data, state.lastKey);
      return {
        ...state,
        entries: [...state.entries, ...added],
        cursor,
        stoppedEarly,
        lastKey: state.lastKey + data.length,
      };
    }
    case "told": {
      const added = keyed(change.records, state.lastKey).reverse();
      const next = { ...state, lastKey: state.lastKey + added.length };
      if (state.held) return { ...next, waiting: bounded([...added, ...state.waiting]) };
      return shown(next, added);
    }
    case "hold":
      if (change.held === state.held) return state;
      if (change.held) return { ...state, held: true };
      return shown({ ...state, held: false, waiting: [] }, state.waiting);
  }
}

/** With new entries on top. Where old ones fall off the end, earlier records cannot be gone on to. */
function shown(state: LogListState, added: LogEntry[]): LogListState {
  const entries = [...added, ...state.entries];
  if (entries.length <= mostEntries) return { ...state, entries };
  return { ...state, entries: bounded(entries), cursor: null };
}

const bounded = (entries: LogEntry[]): LogEntry[] => entries.slice(0, mostEntries);

const keyed = (records: LogRecord[], lastKey: number): LogEntry[] =>
  records.map((record, index) => ({ key: lastKey + index + 1, record }));
