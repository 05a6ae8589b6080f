"use client";

import { useCallback, useEffect, useSyncExternalStore } from "react";
import { useConnection } from "@/api/events";
import type { Gathering } from "./gathering";

/**
 * Loads the history of each once it is wanted, and whenever the stream of events begins (again): what was missed until
 * then is asked for. Answers a number that grows when one of them has something new.
 */
export function useGatherings(gatherings: readonly Gathering[], wanted = true): number {
  const connection = useConnection();
  useEffect(() => {
    if (!wanted || connection === "offline") return;
    for (const gathering of gatherings) void gathering.load();
  }, [gatherings, wanted, connection]);

  const subscribe = useCallback(
    (watcher: () => void) => {
      const removers = gatherings.map((gathering) => gathering.subscribe(watcher));
      return () => {
        for (const remove of removers) remove();
      };
    },
    [gatherings],
  );
  return useSyncExternalStore(
    subscribe,
    () => gatherings.reduce((sum, gathering) => sum + gathering.version, 0),
    () => 0,
  );
}
