import { describe, expect, it } from "vitest";
import { changeLogList, emptyLogList, mostEntries, type LogListChange } from "./log-list-state";
import type { LogRecord } from "./log-record";

const record = (event: string): LogRecord => ({
  time: "2026-01-01T00:00:00.000Z",
  level: "info",
  event,
});
const page = (events: string[], cursor: string | null): LogListChange => ({
  type: "page",
  page: { data: events.map(record), next_cursor: cursor, stopped_early: false },
});
const told = (...events: string[]): LogListChange => ({
  type: "told",
  records: events.map(record),
});

const after = (...changes: LogListChange[]) => changes.reduce(changeLogList, emptyLogList);
const events = (state: { entries: { record: LogRecord }[] }) =>
  state.entries.map((entry) => entry.record.event);

describe("changeLogList", () => {
  it("adds earlier pages below and new records above, newest first", () => {
    const state = after(page(["c", "b"], "x"), told("d", "e"), page(["a"], null));
    expect(events(state)).toEqual(["e", "d", "c", "b", "a"]);
    expect(state.cursor).toBeNull();
  });

  it("gives every record a key of its own that it keeps", () => {
    const first = after(page(["b", "a"], null));
    const then = changeLogList(first, told("c"));
    expect(new Set(then.entries.map((entry) => entry.key)).size).toBe(3);
    expect(then.entries.slice(1)).toEqual(first.entries);
  });

  it("keeps new records back while the reader is further down", () => {
    const held = after(page(["a"], null), { type: "hold", held: true }, told("b"), told("c", "d"));
    expect(events(held)).toEqual(["a"]);
    expect(held.waiting).toHaveLength(3);
    const back = changeLogList(held, { type: "hold", held: false });
    expect(events(back)).toEqual(["d", "c", "b", "a"]);
    expect(back.waiting).toEqual([]);
  });

  it("keeps a bounded number", () => {
    const many = Array.from({ length: mostEntries + 10 }, (_, index) => String(index));
    const state = after(page(["a"], "x"), told(...many));
    expect(state.entries).toHaveLength(mostEntries);
    expect(events(state)[0]).toBe(many.at(-1));
    expect(state.cursor).toBeNull();
  });
});
