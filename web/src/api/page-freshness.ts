"use client";

import { useCallback, useEffect, useRef } from "react";
import { useConnection, useEvents } from "./events";
import { pathsChangedBy } from "./freshness";

/** As long as the other answers are gathered. */
const gatherMs = 250;

/**
 * Asks for a list of `useHubPages` again when an event made it stale or the hub came back: SWR leaves lists in pages
 * out of what EventsProvider refreshes.
 */
export function useFreshPages(path: string, refresh: () => Promise<unknown>): void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(refresh);
  useEffect(() => {
    latest.current = refresh;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  const note = useCallback(() => {
    timer.current ??= setTimeout(() => {
      timer.current = undefined;
      void latest.current();
    }, gatherMs);
  }, []);
  useEvents((event) => {
    if (pathsChangedBy(event).includes(path)) note();
  });
  const connection = useConnection();
  const was = useRef(connection);
  useEffect(() => {
    if (connection === "live" && was.current === "offline") note();
    was.current = connection;
  }, [connection, note]);
}
