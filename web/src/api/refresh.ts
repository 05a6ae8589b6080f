"use client";

import { useCallback } from "react";
import { useSWRConfig } from "swr";
import { isBelowOneOf, pathOfKey, tellStale } from "./stale";

function isBelow(key: unknown, prefixes: readonly string[]): boolean {
  const path = pathOfKey(key);
  return path !== null && isBelowOneOf(path, prefixes);
}

/** Asks again for everything shown below these paths of the API; done when it is here. */
export function useRefresh(): (prefixes: readonly string[]) => Promise<void> {
  const { mutate } = useSWRConfig();
  return useCallback(
    async (prefixes) => {
      await Promise.all([mutate((key) => isBelow(key, prefixes)), tellStale(prefixes)]);
    },
    [mutate],
  );
}
