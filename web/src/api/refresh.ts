"use client";

import { useCallback } from "react";
import { useSWRConfig } from "swr";
import { isBelowOneOf, tellStale } from "./stale";

/** Whether an SWR key of `useHub` (prefix, path, init) lies below one of the paths. */
function isBelow(key: unknown, prefixes: readonly string[]): boolean {
  if (!Array.isArray(key)) return false;
  const path: unknown = key[1];
  return typeof path === "string" && path.startsWith("/") && isBelowOneOf(path, prefixes);
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
