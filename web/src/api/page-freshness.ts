"use client";

import { useCallback, useEffect, useRef } from "react";
import { useEvents } from "./events";
import { pathsChangedBy } from "./freshness";

/** As long as the other answers are gathered. */
const gatherMs = 250;

/**
 * Asks for a list of `useHubPages` again when an event made it stale: SWR leaves lists in pages out of what
 * EventsProvider refreshes.
 */
export function useFreshPages(path: string, refresh: () => Promise<unknown>): void {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const latest = useRef(refresh);
  useEffect(() => {
    latest.current = refresh;
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  useEvents(
    useCallback(
      (event) => {
        if (!pathsChangedBy(event).includes(path)) return;
        timer.current ??= setTimeout(() => {
          timer.current = undefined;
          void latest.current();
        }, gatherMs);
      },
      [path],
    ),
  );
}
