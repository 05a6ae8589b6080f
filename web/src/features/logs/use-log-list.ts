"use client";

import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import type { LogFilter } from "./log-filter";
import { changeLogList, emptyLogList, type LogListState } from "./log-list-state";
import { followLogs, readLogPage, type LogPage } from "./log-source";

interface LogList {
  state: LogListState;
  error: unknown;
  loading: boolean;
  /** Earlier records, where there are more. */
  loadMore: () => void;
  /** Whether new records are kept back. */
  hold: (held: boolean) => void;
}

/** The records of one filter, which stays the same; another one is another list. */
export function useLogList(filter: LogFilter, live: boolean): LogList {
  const [state, change] = useReducer(changeLogList, emptyLogList);
  const [error, setError] = useState<unknown>(null);
  const [loading, setLoading] = useState(true);
  const latest = useRef({ state, filter });
  useEffect(() => {
    latest.current = { state, filter };
  });

  const take = useCallback((page: LogPage): void => {
    change({ type: "page", page });
    setError(null);
    setLoading(false);
  }, []);
  const fail = useCallback((reason: unknown): void => {
    setError(reason);
    setLoading(false);
  }, []);

  useEffect(() => {
    const abort = new AbortController();
    const unlessAborted =
      <Value>(then: (value: Value) => void) =>
      (value: Value): void => {
        if (!abort.signal.aborted) then(value);
      };
    readLogPage(latest.current.filter, null, abort.signal).then(
      unlessAborted(take),
      unlessAborted(fail),
    );
    return () => abort.abort();
  }, [take, fail]);

  const ready = state.cursor !== undefined;
  useEffect(() => {
    if (!live || !ready) return;
    const abort = new AbortController();
    const { waiting, entries } = latest.current.state;
    const known = [...waiting, ...entries].map((entry) => entry.record);
    void followLogs(latest.current.filter, known, abort.signal, (records) =>
      change({ type: "told", records }),
    );
    return () => abort.abort();
  }, [live, ready]);

  const loadMore = (): void => {
    if (loading || (state.cursor === null && error == null)) return;
    setLoading(true);
    readLogPage(filter, state.cursor ?? null).then(take, fail);
  };
  const hold = useCallback((held: boolean) => change({ type: "hold", held }), []);
  return { state, error, loading, loadMore, hold };
}
